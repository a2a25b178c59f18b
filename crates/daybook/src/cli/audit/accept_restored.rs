//! Continuing from a backup that is older than the exported checkpoints.

use std::fmt::Write;

use chrono::Utc;
use clap::Args;
use daybook_audit::store::{Acceptance, KeptNote, StoreError};
use daybook_audit::{Agreement, CheckpointStore, SignedCheckpoint, agreement, latest_checkpoint};
use serde::Serialize;
use sqlx::PgPool;

use crate::cli::open_shop::{DatabaseArguments, OpenShop, operator};
use crate::failure::Failure;

/// Continue from a restored backup that lacks events whose checkpoints were exported
///
/// The events that the backup lacks are given up: they were acknowledged, and cannot be brought back afterwards. The
/// checkpoints that cover them are moved aside in the checkpoint store, with who accepted this, when and why. Whoever
/// has a copy of one elsewhere can still prove that there were more events.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  daybook audit accept-restored --reason \"disk lost, backup of the night before\"")]
pub(crate) struct Arguments {
    /// The reason, for the record
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    reason: String,
    #[command(flatten)]
    database: DatabaseArguments,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    /// The number of events in the log.
    head: i64,
    /// The size of the largest exported tree that this log agrees with.
    agreed_size: u64,
    /// The size of the largest exported tree.
    abandoned_size: Option<u64>,
    /// How many checkpoints were moved aside; none if there was nothing to accept.
    abandoned: usize,
    folder: Option<String>,
}

pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    let database = arguments.database.clone();
    database.run(|shop, _| async move {
        let store = CheckpointStore::open(&shop.data.checkpoints())?;
        let outcome = accept(&shop, &store, &arguments.reason).await?;
        arguments.database.tell(&outcome, || in_words(&outcome))
    })
}

async fn accept(
    shop: &OpenShop,
    store: &CheckpointStore,
    reason: &str,
) -> Result<Outcome, Failure> {
    let pool = shop.database.worker_pool(1);
    let exported = exported(store).await?;
    let greatest = exported.iter().flatten().map(SignedCheckpoint::size).max();
    let mut outcome = Outcome {
        head: shop.blind_feed().head().await?,
        agreed_size: greatest.unwrap_or(0),
        abandoned_size: None,
        abandoned: 0,
        folder: None,
    };
    let mut agreed = true;
    for checkpoint in &exported {
        agreed = agreed && agrees(&pool, checkpoint.as_ref()).await?;
    }
    if agreed {
        return Ok(outcome);
    }
    outcome.agreed_size = greatest_agreed(&pool, store).await?;
    outcome.abandoned_size = greatest;
    let acceptance = Acceptance {
        accepted_at: Utc::now(),
        accepted_by: operator().to_string(),
        reason: reason.to_owned(),
        agreed_size: outcome.agreed_size,
        abandoned_size: outcome.abandoned_size,
    };
    let newest = newest_sealed(&pool).await?;
    let abandoned = store.abandon(&acceptance, newest.as_ref()).await?;
    outcome.abandoned = abandoned.notes;
    outcome.folder = Some(abandoned.folder);
    Ok(outcome)
}

/// The checkpoints that the log should agree with. `None` for a note that is not a checkpoint, or that is under another
/// one's name.
async fn exported(store: &CheckpointStore) -> Result<Vec<Option<SignedCheckpoint>>, Failure> {
    match store.exported().await {
        Ok(notes) => Ok(notes
            .iter()
            .map(|note| SignedCheckpoint::parse(&note.text).ok())
            .collect()),
        Err(StoreError::Malformed { .. }) => Ok(vec![None]),
        Err(error) => Err(error.into()),
    }
}

/// The size of the largest kept checkpoint that agrees with the log. Those up to some size agree, and all larger ones
/// do not.
async fn greatest_agreed(pool: &PgPool, store: &CheckpointStore) -> Result<u64, Failure> {
    let kept = store.kept().await?;
    let (mut agreed, mut beyond) = (0, kept.len());
    while agreed < beyond {
        let middle = agreed + (beyond - agreed) / 2;
        if agrees(pool, read(store, &kept[middle]).await?.as_ref()).await? {
            agreed = middle + 1;
        } else {
            beyond = middle;
        }
    }
    Ok(agreed.checked_sub(1).map_or(0, |last| kept[last].size))
}

async fn read(
    store: &CheckpointStore,
    kept: &KeptNote,
) -> Result<Option<SignedCheckpoint>, Failure> {
    let note = store.read_kept(kept).await?;
    let signed = note.and_then(|note| SignedCheckpoint::parse(&note).ok());
    Ok(signed.filter(|signed| signed.size() == kept.size))
}

/// A note that is not a checkpoint does not agree.
async fn agrees(pool: &PgPool, checkpoint: Option<&SignedCheckpoint>) -> Result<bool, Failure> {
    let Some(checkpoint) = checkpoint else {
        return Ok(false);
    };
    let mut connection = pool.acquire().await.map_err(COMPARING)?;
    let found = agreement(&mut connection, checkpoint.checkpoint()).await?;
    Ok(found == Agreement::Continues)
}

async fn newest_sealed(pool: &PgPool) -> Result<Option<SignedCheckpoint>, Failure> {
    let mut connection = pool.acquire().await.map_err(COMPARING)?;
    let newest = latest_checkpoint(&mut connection).await?;
    Ok(newest.map(|newest| newest.parse()).transpose()?)
}

const COMPARING: fn(sqlx::Error) -> Failure = |source| Failure::Database {
    what: "comparing the log with what was exported",
    source,
};

fn in_words(outcome: &Outcome) -> String {
    let mut words = String::new();
    let Some(folder) = &outcome.folder else {
        return "the log agrees with the exported checkpoints; there is nothing to accept\n"
            .to_owned();
    };
    let head = outcome.head;
    // Writing to a text cannot fail.
    let _ = writeln!(words, "accepted: the log goes on after position {head}");
    if let Some(size) = outcome.abandoned_size {
        let _ = writeln!(words, "  given up: what was exported up to position {size}");
    }
    let _ = writeln!(
        words,
        "  {} checkpoints put aside in {folder} of the store",
        outcome.abandoned
    );
    words
}
