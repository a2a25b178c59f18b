use std::error::Error;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use daybook_audit::{
    CheckpointError, ConsistencyProof, InclusionProof, NoteError, ProofError, VerifierKey,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::CheckError;
use super::trusted::Trusted;
use super::unknown_key::unknown_signer;
use crate::config::DataConfig;
use crate::failure::Failure;

/// Check a proof without the database: that an event is in the log, or that the log continues an earlier state of it
///
/// Exits with 0 if it is proven, 1 if it is not, 2 if that could not be found out: the proof or the keys could not be
/// read, or the proof is signed by a newer key of the log than those that are trusted.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  daybook audit verify-proof proof.json --pubkey auditors/checkpoint.pub
  curl -s localhost:8080/api/v1/audit/events/4711/proof | daybook audit verify-proof -")]
pub(crate) struct Arguments {
    /// The file with the proof, or - for stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    trusted: Trusted,
    #[command(flatten)]
    data: DataConfig,
}

/// The statement that a proof proves.
#[derive(Serialize)]
#[serde(
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    tag = "proven"
)]
enum Proven {
    Inclusion {
        origin: String,
        position: i64,
        stream: String,
        event_type: String,
        tree_size: u64,
    },
    Consistency {
        origin: String,
        from: u64,
        to: u64,
    },
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let trusted = arguments.trusted.keys(&arguments.data)?;
    let text = read(&arguments.file)?;
    let proven = match format_of(&text)?.as_str() {
        InclusionProof::FORMAT => included(&parse(&text)?, &trusted),
        ConsistencyProof::FORMAT => consistent(&parse(&text)?, &trusted),
        other => return Err(malformed(format!("its format is {other:?}")).into()),
    };
    Ok(tell(arguments.json, &proven?)?)
}

fn included(proof: &InclusionProof, trusted: &[VerifierKey]) -> Result<Proven, CheckError> {
    let checkpoint = proof
        .verify(trusted)
        .map_err(|error| unproven(error, [&proof.checkpoint], trusted))?;
    let event = &proof.event;
    Ok(Proven::Inclusion {
        origin: checkpoint.origin().to_owned(),
        position: proof.position,
        stream: format!("{}/{}", event.aggregate_type, event.aggregate_id),
        event_type: event.event_type.clone(),
        tree_size: checkpoint.size(),
    })
}

fn consistent(proof: &ConsistencyProof, trusted: &[VerifierKey]) -> Result<Proven, CheckError> {
    let notes = proof.from_checkpoint.iter().chain(&proof.to_checkpoint);
    let (from, to) = proof
        .verify(trusted)
        .map_err(|error| unproven(error, notes, trusted))?;
    Ok(Proven::Consistency {
        origin: to.origin().to_owned(),
        from: from.size(),
        to: to.size(),
    })
}

/// With a key from before a rotation, a proof that was made since says neither yes nor no.
fn unproven<'n>(
    error: ProofError,
    notes: impl IntoIterator<Item = &'n String>,
    trusted: &[VerifierKey],
) -> CheckError {
    let ProofError::Checkpoint(CheckpointError::Note(NoteError::Untrusted)) = error else {
        return error.into();
    };
    let mut signers = notes.into_iter();
    match signers.find_map(|note| unknown_signer(note, trusted)) {
        Some(key) => CheckError::ProofKeyUnknown { key },
        None => error.into(),
    }
}

fn tell(json: bool, proven: &Proven) -> Result<(), CheckError> {
    if json {
        let text = serde_json::to_string_pretty(proven).map_err(malformed)?;
        println!("{text}");
        return Ok(());
    }
    match proven {
        Proven::Inclusion {
            origin,
            position,
            stream,
            event_type,
            tree_size,
        } => println!(
            "proven: {event_type} of {stream} is at position {position} of the {tree_size} events of {origin}"
        ),
        Proven::Consistency { origin, from, to } => {
            println!(
                "proven: the {to} events of {origin} begin with the {from} that it had before"
            );
        }
    }
    Ok(())
}

fn read(file: &Path) -> Result<String, CheckError> {
    let read = match file == Path::new("-") {
        true => io::read_to_string(io::stdin().lock().take(MOST_BYTES)),
        false => fs::read_to_string(file),
    };
    read.map_err(|error| CheckError::Unreadable {
        what: "the proof",
        source: format!("{}: {error}", file.display()).into(),
    })
}

/// Far larger than the largest event with its proof.
const MOST_BYTES: u64 = 256 * 1024 * 1024;

#[derive(Deserialize)]
struct Format {
    format: String,
}

fn format_of(text: &str) -> Result<String, CheckError> {
    Ok(parse::<Format>(text)?.format)
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, CheckError> {
    serde_json::from_str(text).map_err(malformed)
}

fn malformed(error: impl Into<Box<dyn Error + Send + Sync>>) -> CheckError {
    CheckError::Unreadable {
        what: "the proof",
        source: error.into(),
    }
}
