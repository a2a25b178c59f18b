use std::error::Error;

use daybook_audit::ProofError;
use daybook_audit::verify::VerifyError;

/// Why a check did not find that all is well.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CheckError {
    /// What somebody has handed over.
    #[error("{what} cannot be read")]
    Unreadable {
        what: &'static str,
        source: Box<dyn Error + Send + Sync>,
    },
    #[error("there is no public key to trust")]
    NothingTrusted,
    #[error("the log could not be verified")]
    Verify(#[source] VerifyError),
    #[error("the log was tampered with: {}", counted(*findings))]
    Tampered { findings: u64 },
    #[error("the newest checkpoint is signed by a key that you do not trust (yet): {key}")]
    KeyUnknown { key: String },
    #[error("the proof is signed by a key that you do not trust (yet): {key}")]
    ProofKeyUnknown { key: String },
    #[error("the proof does not hold")]
    Unproven(#[from] ProofError),
}

impl CheckError {
    /// Whether the question was answered, with no; or else it could not be found out.
    pub(crate) fn says_no(&self) -> bool {
        match self {
            CheckError::Tampered { .. } | CheckError::Unproven(_) => true,
            CheckError::Unreadable { .. }
            | CheckError::NothingTrusted
            | CheckError::Verify(_)
            | CheckError::KeyUnknown { .. }
            | CheckError::ProofKeyUnknown { .. } => false,
        }
    }

    pub(crate) fn remedy(&self) -> &'static str {
        match self {
            CheckError::Unreadable { .. } => "give it as it was handed out",
            CheckError::NothingTrusted => {
                "give the log's public keys with --pubkey, or the data folder that has them with --data"
            }
            CheckError::Verify(error) => error.remedy(),
            CheckError::Tampered { .. } => {
                "keep the database and the checkpoints as they are until it is known how that came about"
            }
            CheckError::KeyUnknown { .. } | CheckError::ProofKeyUnknown { .. } => {
                "if the key was rotated, get the new one from a place that you trust, and give both with --pubkey"
            }
            CheckError::Unproven(error) => error.remedy(),
        }
    }
}

fn counted(findings: u64) -> String {
    match findings {
        1 => "1 finding".to_owned(),
        _ => format!("{findings} findings"),
    }
}
