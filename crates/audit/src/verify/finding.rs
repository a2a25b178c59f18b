//! The findings of a verification.

use std::fmt;

use daybook_log::Position;
use serde::Serialize;

use crate::tree::Hash;

/// What was done to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The event at the position is not the one that was sealed there.
    Changed,
    /// A sealed event is nowhere in the log.
    Removed,
    /// A row that was never sealed is among the sealed events.
    Inserted,
    /// A sealed event is at another position.
    Reordered,
    /// The log ends before what its own tree or checkpoints cover.
    Truncated,
    /// The log is not a continuation of a checkpoint that was kept outside the database.
    RolledBack,
    /// Events and their hashes were both changed: together they do not lead to a signed root.
    Rewritten,
    /// The events lead to the signed root, but the stored tree does not.
    Tree,
    /// A checkpoint is signed by no trusted key, does not belong where it is, or is gone.
    Forged,
}

/// One instance of harm, at one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    pub kind: Kind,
    /// The event's position when it was sealed; for an inserted row, the row's position.
    pub position: Position,
    /// The last position, if the finding is about several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub through: Option<Position>,
    /// Type and id of the event's stream, if it has one and it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// The position where a reordered event is now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found_at: Option<Position>,
    /// The hash that was sealed, in hex: of a leaf, or a root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// The hash that was found, in hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// The checkpoint that proves the finding, or what is wrong with a checkpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<String>,
    /// For findings about checkpoints: the only thing wrong is that none of the trusted keys has signed
    /// it.
    #[serde(skip)]
    pub is_untrusted: bool,
}

impl Finding {
    pub(super) fn new(kind: Kind, position: Position) -> Finding {
        Finding {
            kind,
            position,
            through: None,
            is_untrusted: false,
            stream: None,
            found_at: None,
            expected: None,
            found: None,
            checkpoint: None,
        }
    }

    /// About all positions up to the last; about the first alone, if that is the last.
    pub(super) fn through(mut self, last: Position) -> Finding {
        self.through = (last > self.position).then_some(last);
        self
    }

    pub(super) fn of_stream(mut self, stream: Option<String>) -> Finding {
        self.stream = stream;
        self
    }

    pub(super) fn found_at(mut self, position: Position) -> Finding {
        self.found_at = Some(position);
        self
    }

    pub(super) fn instead(mut self, expected: &Hash, found: &Hash) -> Finding {
        (self.expected, self.found) = (Some(hex(expected)), Some(hex(found)));
        self
    }

    pub(super) fn told_by(mut self, checkpoint: impl Into<String>) -> Finding {
        self.checkpoint = Some(checkpoint.into());
        self
    }

    fn what(&self) -> &'static str {
        match self.kind {
            Kind::Changed => "is not what was sealed",
            Kind::Removed => "was removed",
            Kind::Inserted => "was inserted",
            Kind::Reordered => "stands elsewhere",
            Kind::Truncated => "was cut off the end of the log",
            Kind::RolledBack => "is not what the log had been sealed with: it was set back",
            Kind::Rewritten => "was rewritten with its hashes",
            Kind::Tree => "is whole, but what is stored of the tree for it is not",
            Kind::Forged => "has no checkpoint to be trusted",
        }
    }
}

/// The finding as a sentence.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.through {
            None => write!(f, "position {}", self.position)?,
            Some(last) => {
                let events = last.abs_diff(self.position) + 1;
                write!(f, "positions {} to {last} ({events} events)", self.position)?;
            }
        }
        if let Some(stream) = &self.stream {
            write!(f, ", {stream}")?;
        }
        write!(f, ": {}", self.what())?;
        if let Some(position) = self.found_at {
            write!(f, ", at position {position}")?;
        }
        if let Some(checkpoint) = &self.checkpoint {
            write!(f, " ({checkpoint})")?;
        }
        if let (Some(expected), Some(found)) = (&self.expected, &self.found) {
            write!(f, "; sealed {expected}, found {found}")?;
        }
        Ok(())
    }
}

/// The result of a verification that was completed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The log's name, if a checkpoint named it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// How many events the greatest checkpoint covers with which the log was compared.
    pub sealed: u64,
    /// How many events came after that and cannot be proven yet.
    pub unsealed: u64,
    /// The checkpoints that were trusted, the greatest first.
    pub checkpoints: Vec<CheckpointUsed>,
    /// By position; at most [`MOST_FINDINGS`].
    pub findings: Vec<Finding>,
    /// How many more findings there are.
    pub more: u64,
}

/// How many findings a report holds at most.
pub const MOST_FINDINGS: usize = 1_000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckpointUsed {
    /// Where it was kept.
    pub source: String,
    pub size: u64,
}

impl Report {
    pub fn is_whole(&self) -> bool {
        self.findings.is_empty() && self.more == 0
    }
}

fn hex(hash: &Hash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
