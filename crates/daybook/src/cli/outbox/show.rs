use std::fmt::Write as _;

use clap::Args;
use daybook_processes::outbox::{Content, Outbox};
use serde::Serialize;
use uuid::Uuid;

use super::list::MessageRow;
use crate::cli::open_shop::DatabaseArguments;
use crate::cli::values::id;
use crate::failure::Failure;

/// Show one message with its content, secrets included
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  daybook outbox show 0190d5a0-5b2f-7c31-9a44-0e6d1f1c2b3a")]
pub(crate) struct Arguments {
    /// Its id, as `daybook outbox list` shows it
    #[arg(value_parser = id)]
    id: Uuid,
    #[command(flatten)]
    database: DatabaseArguments,
}

#[derive(Serialize)]
struct MessageDetails {
    #[serde(flatten)]
    message: MessageRow,
    #[serde(flatten)]
    content: Content,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (id, database) = (arguments.id, &arguments.database);
    database.run(|shop, _stop| async move {
        let codec = shop.looking_feed().await?.codec().clone();
        let outbox = Outbox::new(shop.database.pool.clone(), codec);
        let (message, content) = (outbox.find(id).await?, outbox.open(id).await?);
        let Some((message, content)) = message.zip(content) else {
            return Err(Failure::NothingThere {
                what: format!("the outbox has no message {id}"),
                remedy: "look it up with `daybook outbox list`",
            });
        };
        let shown = MessageDetails {
            message: message.into(),
            content,
        };
        database.tell(&shown, || in_words(&shown))
    })
}

fn in_words(shown: &MessageDetails) -> String {
    let mut text = format!("to           {}\n", shown.content.to);
    for (name, value) in &shown.content.values {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:<12} {value}");
    }
    text
}
