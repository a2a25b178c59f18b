use std::fmt::Write as _;

use clap::Args;
use daybook_processes::outbox::{Content, Outbox};
use serde::Serialize;
use uuid::Uuid;

use super::list::Told;
use crate::cli::place::Place;
use crate::failure::Failure;

/// One message with what it says, secrets included
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// As `daybook outbox list` tells it
    id: Uuid,
    #[command(flatten)]
    place: Place,
}

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    message: Told,
    #[serde(flatten)]
    content: Content,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (id, place) = (arguments.id, &arguments.place);
    place.run(|site, _stop| async move {
        let codec = site.looking_feed().await?.codec().clone();
        let outbox = Outbox::new(site.database.pool.clone(), codec);
        let (message, content) = (outbox.find(id).await?, outbox.open(id).await?);
        let Some((message, content)) = message.zip(content) else {
            let what = format!("the outbox has no message {id}");
            return Err(Failure::Arguments(what));
        };
        let shown = Shown {
            message: message.into(),
            content,
        };
        place.tell(&shown, || in_words(&shown))
    })
}

fn in_words(shown: &Shown) -> String {
    let mut text = format!("to           {}\n", shown.content.to);
    for (name, value) in &shown.content.values {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:<12} {value}");
    }
    text
}
