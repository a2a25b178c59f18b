//! Commands that Daybook sends by itself: nobody waits for an HTTP answer to them.

use chrono::{DateTime, Utc};
use daybook_log::{Actor, Metadata};
use uuid::Uuid;

use crate::answer::{CommandError, Sent};
use crate::bus::CommandBus;
use crate::command::Command;

impl CommandBus {
    /// Sends a command as `system:<part>`, a part of Daybook that nothing in the log led to act. Its events are
    /// dated `at`.
    pub async fn send_as_system<C: Command>(
        &self,
        part: &str,
        at: DateTime<Utc>,
        command: C,
    ) -> Result<Sent<C::Outcome>, CommandError> {
        let actor = Actor::System(part.to_owned());
        let metadata = Metadata::of(actor, Uuid::now_v7());
        self.send(command, metadata, at).await
    }
}
