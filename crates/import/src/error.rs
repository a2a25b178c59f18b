use std::io;
use std::path::PathBuf;

use daybook_commands::CommandError;
use tokio::task::JoinError;

use super::columns::ColumnsError;
use super::dates::AmbiguousDates;
use super::numbers::AmbiguousMark;

/// Why a file was not imported, or not completely.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("{} cannot be read", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{} is empty", path.display())]
    Empty { path: PathBuf },
    #[error("{} has no known separator between its fields", path.display())]
    NoSeparator { path: PathBuf },
    #[error(transparent)]
    Columns(#[from] ColumnsError),
    #[error(transparent)]
    Dates(#[from] AmbiguousDates),
    #[error(transparent)]
    Numbers(#[from] AmbiguousMark),
    #[error("the rejects file {} cannot be written", path.display())]
    Rejects { path: PathBuf, source: io::Error },
    #[error("{} is the file to be imported", path.display())]
    RejectsIsInput { path: PathBuf },
    #[error("temporary files could not be written or read back")]
    Temporary(#[source] io::Error),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error("{what} was refused ({code})")]
    Refused { what: String, code: &'static str },
    #[error("the process could not finish a part of its work")]
    Panicked(#[source] JoinError),
}

impl ImportError {
    pub fn remedy(&self) -> &'static str {
        match self {
            ImportError::Unreadable { .. } => "see that the file is there and that you may read it",
            ImportError::Empty { .. } => "export it again, with a first row of headers",
            ImportError::NoSeparator { .. } => "name it with --separator",
            ImportError::Columns(_) => {
                "name the columns with --columns; `daybook import orders --help` lists the fields"
            }
            ImportError::Dates(error) => error.remedy(),
            ImportError::Numbers(error) => error.remedy(),
            ImportError::Rejects { .. } | ImportError::RejectsIsInput { .. } => {
                "choose another file with --rejects, then run it again; what was imported is kept"
            }
            ImportError::Temporary(_) => {
                "make room in the folder for temporary files (TMPDIR), then run it again; what was imported is kept"
            }
            ImportError::Command(error) => error.remedy(),
            ImportError::Refused { .. } => {
                "the shop's own rules do not allow it; correct it in the file, then run it again; what was imported is kept"
            }
            ImportError::Panicked(_) => {
                "run it again; what was imported is kept, and the log above tells what to report"
            }
        }
    }
}

pub(super) fn panicked(error: JoinError) -> ImportError {
    ImportError::Panicked(error)
}
