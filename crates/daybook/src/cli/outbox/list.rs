use clap::Args;
use daybook_contract::Timestamp;
use daybook_processes::outbox::{MessageSummary, Outbox};
use serde::Serialize;
use uuid::Uuid;

use crate::cli::open_shop::DatabaseArguments;
use crate::cli::projections::table::table;
use crate::cli::values::positive;
use crate::failure::Failure;

/// List messages that wait to be sent, the oldest first, without their content
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  daybook outbox list
  daybook outbox list --limit 10 --json | jq -r '.[].id'")]
pub(crate) struct Arguments {
    /// How many to list at most
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = positive::<i64>)]
    limit: i64,
    #[command(flatten)]
    database: DatabaseArguments,
}

/// A message without its content, as it is printed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MessageRow {
    id: Uuid,
    person: Uuid,
    channel: String,
    template: String,
    created_at: Timestamp,
    sent_at: Option<Timestamp>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let database = &arguments.database;
    database.run(|shop, _stop| async move {
        // No content is decrypted, so the master key is not needed.
        let codec = shop.blind_feed().codec().clone();
        let outbox = Outbox::new(shop.database.pool.clone(), codec);
        let waiting = outbox.waiting(arguments.limit).await?;
        let told: Vec<MessageRow> = waiting.into_iter().map(MessageRow::from).collect();
        database.tell(&told, || in_words(&told))
    })
}

fn in_words(messages: &[MessageRow]) -> String {
    let rows = messages.iter().map(|message| {
        vec![
            message.id.to_string(),
            message
                .created_at
                .0
                .format("%Y-%m-%d %H:%M:%S UTC")
                .to_string(),
            message.channel.clone(),
            message.template.clone(),
            message.person.to_string(),
        ]
    });
    table(&["ID", "WRITTEN", "CHANNEL", "TEMPLATE", "PERSON"], rows)
}

impl From<MessageSummary> for MessageRow {
    fn from(message: MessageSummary) -> MessageRow {
        MessageRow {
            id: message.id,
            person: message.person,
            channel: message.channel,
            template: message.template,
            created_at: message.created_at.into(),
            sent_at: message.sent_at.map(Into::into),
        }
    }
}
