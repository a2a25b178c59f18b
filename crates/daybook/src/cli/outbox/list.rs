use clap::Args;
use daybook_contract::Timestamp;
use daybook_processes::outbox::{MessageSummary, Outbox};
use serde::Serialize;
use uuid::Uuid;

use crate::cli::place::Place;
use crate::cli::projections::table::table;
use crate::failure::Failure;

/// Messages that wait to be sent, the oldest first, without what they say
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..))]
    limit: i64,
    #[command(flatten)]
    place: Place,
}

/// A message as it is told of.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Told {
    id: Uuid,
    person: Uuid,
    channel: String,
    template: String,
    created_at: Timestamp,
    sent_at: Option<Timestamp>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let place = &arguments.place;
    place.run(|site, _stop| async move {
        // Nothing is opened, so that it takes no master key.
        let codec = site.blind_feed().codec().clone();
        let outbox = Outbox::new(site.database.pool.clone(), codec);
        let waiting = outbox.waiting(arguments.limit).await?;
        let told: Vec<Told> = waiting.into_iter().map(Told::from).collect();
        place.tell(&told, || in_words(&told))
    })
}

fn in_words(messages: &[Told]) -> String {
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

impl From<MessageSummary> for Told {
    fn from(message: MessageSummary) -> Told {
        Told {
            id: message.id,
            person: message.person,
            channel: message.channel,
            template: message.template,
            created_at: message.created_at.into(),
            sent_at: message.sent_at.map(Into::into),
        }
    }
}
