//! Prints entries on the terminal or to a pipe, one on each line, as they are read.

use std::io::{self, BufWriter, ErrorKind, StdoutLock, Write};

use daybook_history::trail::{Entry, Trail, Walk};
use tokio_util::sync::CancellationToken;

use crate::cli::open_shop::{DatabaseArguments, OpenShop};
use crate::cli::printable::printable;
use crate::failure::Failure;

/// How entries are printed.
#[derive(Clone, Copy)]
pub(super) enum Form {
    Json,
    /// In words, for a trail of many streams.
    WithStream,
    /// In words, for one stream's trail.
    WithoutStream,
}

impl Form {
    pub(super) fn of(database: &DatabaseArguments, in_words: Form) -> Form {
        if database.json { Form::Json } else { in_words }
    }
}

/// The trail of this database. Personal data is decrypted if its key still exists.
pub(super) async fn trail_of(shop: &OpenShop) -> Result<Trail, Failure> {
    let feed = shop.looking_feed().await?;
    Ok(Trail::new(feed, shop.read_models().trail().clone()))
}

/// Prints everything that `walk` reads, up to `limit` entries; returns how many.
pub(super) async fn print(
    mut walk: Walk,
    form: Form,
    limit: usize,
    stop: &CancellationToken,
) -> Result<usize, Failure> {
    let mut printed = 0;
    while printed < limit {
        let next = tokio::select! {
            next = walk.next() => next?,
            () = stop.cancelled() => return Err(Failure::Interrupted),
        };
        let Some(mut entries) = next else { break };
        entries.truncate(limit - printed);
        printed += entries.len();
        let mut out = BufWriter::new(io::stdout().lock());
        let written = entries
            .iter()
            .try_for_each(|entry| write(&mut out, entry, form));
        match written.and_then(|()| out.flush()) {
            Ok(()) => {}
            // The reader has closed the pipe (`| head`).
            Err(error) if error.kind() == ErrorKind::BrokenPipe => break,
            Err(source) => {
                return Err(Failure::Write {
                    what: "write to its output",
                    source,
                });
            }
        }
    }
    Ok(printed)
}

fn write(out: &mut BufWriter<StdoutLock<'_>>, entry: &Entry, form: Form) -> io::Result<()> {
    let Entry {
        position,
        stream,
        sentence,
        at,
        actor,
        ..
    } = entry;
    let at = at.0.format("%Y-%m-%d %H:%M:%S");
    let sentence = printable(sentence);
    match form {
        Form::Json => {
            serde_json::to_writer(&mut *out, entry)?;
            writeln!(out)
        }
        Form::WithStream => writeln!(
            out,
            "{position:>9}  {at}  {actor:<41}  {stream}  {sentence}"
        ),
        Form::WithoutStream => writeln!(out, "{position:>9}  {at}  {actor:<41}  {sentence}"),
    }
}
