use std::fs;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::thread::available_parallelism;

use clap::Args;
use daybook_audit::verify::{External, MOST_FINDINGS, Report, Settings, VerifyError, verify};
use daybook_audit::{CheckpointStore, SignedCheckpoint};
use serde::Serialize;

use super::CheckError;
use super::trusted::Trusted;
use super::unknown_key::unknown_key;
use crate::cli::open_shop::DatabaseArguments;
use crate::cli::values::positive;
use crate::failure::Failure;
use crate::progress::TerminalProgress;

/// How many findings are printed in words.
const SHOWN: usize = 100;

/// Check that the log is as it was when it was sealed, and if not, say where and how it was changed
///
/// Reads and hashes every event, and compares with checkpoints that were signed with trusted keys: the newest in the
/// database, and those kept outside of it. Without the latter, an old state of the whole database would pass for the
/// newest. Can be run beside a server. Exits with 0 if the log is whole, 1 if it was tampered with, 2 if that could not
/// be found out.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  daybook audit verify
  daybook audit verify --checkpoint ours.txt --pubkey auditors/checkpoint.pub --json")]
pub(crate) struct Arguments {
    /// A file with a kept checkpoint; may be repeated [default: the newest exported one]
    #[arg(long = "checkpoint", value_name = "FILE")]
    kept: Vec<PathBuf>,
    #[command(flatten)]
    trusted: Trusted,
    /// How many sections of the log are read at once [default: one for each core]
    #[arg(long, value_name = "N", value_parser = positive::<u16>)]
    jobs: Option<u16>,
    #[command(flatten)]
    database: DatabaseArguments,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    arguments.database.run(|shop, stop| async move {
        let store = CheckpointStore::open(&shop.data.checkpoints())?;
        let settings = Settings {
            trusted: arguments.trusted.keys(&shop.data)?,
            external: external(arguments, &store).await?,
            store: Some(store.clone()),
            jobs: jobs(arguments.jobs),
        };
        let told = TerminalProgress::new();
        told.begin("verifying", "events", 0);
        let server = shop.database.server.clone();
        let progress = move |read, total| told.reach(read, total);
        let report = verify(server, &settings, progress, &stop).await;
        let report = report.map_err(|error| match error {
            VerifyError::Interrupted => Failure::Interrupted,
            error => CheckError::Verify(error).into(),
        })?;
        let told = VerifyReport {
            whole: report.is_whole(),
            outside: settings.external.len(),
            unknown_key: unknown_key(&shop, &settings, &report).await?,
            report: &report,
        };
        let place = store.location();
        arguments.database.tell(&told, || in_words(&told, place))?;
        match told.unknown_key {
            _ if told.whole => Ok(()),
            Some(key) => Err(CheckError::KeyUnknown { key }.into()),
            None => {
                let findings = report.findings.len() as u64 + report.more;
                Err(CheckError::Tampered { findings }.into())
            }
        }
    })
}

fn jobs(given: Option<u16>) -> usize {
    let cores = || available_parallelism().map_or(2, NonZeroUsize::get);
    given.map_or_else(cores, usize::from)
}

/// The given checkpoints, or the newest exported one.
async fn external(
    arguments: &Arguments,
    store: &CheckpointStore,
) -> Result<Vec<External>, Failure> {
    let mut external = Vec::new();
    for path in &arguments.kept {
        let source = format!("in {}", path.display());
        let note = fs::read_to_string(path).map_err(|error| CheckError::Unreadable {
            what: "the checkpoint",
            source: format!("{}: {error}", path.display()).into(),
        })?;
        SignedCheckpoint::parse(&note).map_err(|error| CheckError::Unreadable {
            what: "the checkpoint",
            source: format!("{}: {error}", path.display()).into(),
        })?;
        external.push(External { source, note });
    }
    if external.is_empty() {
        let exported = store.exported().await?.into_iter();
        external.extend(exported.map(|note| External {
            source: format!("exported to {}, {}", store.location(), note.path),
            note: note.text,
        }));
    }
    Ok(external)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct VerifyReport<'r> {
    whole: bool,
    /// How many checkpoints from outside the database were compared.
    outside: usize,
    /// Set if the only problem is that this key, which has the log's name, is not trusted.
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown_key: Option<String>,
    #[serde(flatten)]
    report: &'r Report,
}

fn in_words(told: &VerifyReport<'_>, place: &str) -> String {
    let mut lines = Vec::new();
    let report = told.report;
    let Report {
        sealed, unsealed, ..
    } = report;
    lines.push(match (told.whole, &told.unknown_key) {
        (true, _) => format!("whole: all {sealed} events are as they were sealed"),
        (false, None) => "tampered: the log is not what was sealed".to_owned(),
        (false, Some(_)) if report.checkpoints.is_empty() => {
            "not known: none of the checkpoints is signed by a trusted key".to_owned()
        }
        (false, Some(_)) => format!(
            "not known: {sealed} events are as they were sealed, and later checkpoints are signed by a key that is not trusted"
        ),
    });
    if told.outside == 0 {
        lines.push(format!(
            "  no checkpoint from outside the database to compare with: {place} has none"
        ));
    }
    if *unsealed > 0 {
        lines.push(match told.unknown_key {
            None => format!("  {unsealed} events after those are not sealed yet"),
            Some(_) => format!("  {unsealed} events are not sealed by a trusted key"),
        });
    }
    for used in &report.checkpoints {
        let (size, source) = (used.size, &used.source);
        lines.push(format!(
            "  compared with the checkpoint of {size} events {source}"
        ));
    }
    let findings = report.findings.iter().take(SHOWN);
    lines.extend(findings.map(|finding| format!("  {finding}")));
    let more = report.findings.len().saturating_sub(SHOWN) as u64 + report.more;
    if more > 0 {
        lines.push(format!(
            "  and {more} more; --json shows up to {MOST_FINDINGS}"
        ));
    }
    lines.into_iter().map(|line| line + "\n").collect()
}
