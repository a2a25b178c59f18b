//! What can go wrong with a private server, and how to mend it.

use std::borrow::Cow;
use std::io;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum PrivateServerError {
    #[error("found no PostgreSQL server ({looked})")]
    NotFound { looked: String },

    #[error(
        "{folder} was written by PostgreSQL {wanted}, but only {found} is installed",
        folder = folder.display()
    )]
    OtherVersion {
        folder: PathBuf,
        wanted: u32,
        found: String,
    },

    #[error("another process is using {folder}", folder = folder.display())]
    InUse { folder: PathBuf },

    #[error("PostgreSQL does not run as root and there is no user `{user}` to run it as")]
    NoSuchUser { user: String },

    #[error(
        "{folder} belongs to another user (uid {owner})",
        folder = folder.display()
    )]
    ForeignFolder { folder: PathBuf, owner: u32 },

    #[error(
        "the user `{user}`, who runs PostgreSQL, cannot reach {folder}",
        folder = folder.display()
    )]
    Impassable { folder: PathBuf, user: String },

    #[error("initdb failed: {output}")]
    Initdb { output: String },

    #[error("PostgreSQL stopped while starting: {reason}")]
    StoppedWhileStarting { reason: String, log: PathBuf },

    #[error("PostgreSQL was not ready after {seconds} s")]
    NotReady { seconds: u64, log: PathBuf },

    #[error("a PostgreSQL server left over from before (process {pid}) does not stop")]
    Survivor { pid: i32 },

    #[error("could not {what}")]
    Io {
        what: String,
        #[source]
        source: io::Error,
    },

    #[error("could not {what}")]
    Database {
        what: String,
        #[source]
        source: sqlx::Error,
    },
}

impl PrivateServerError {
    /// How to mend it, for the line that an operator reads.
    pub fn remedy(&self) -> Cow<'static, str> {
        match self {
            Self::NotFound { .. } => {
                "install one (apt-get install postgresql), or set DATABASE_URL to use a server of your own".into()
            }
            Self::OtherVersion { wanted, .. } => format!(
                "install it (apt-get install postgresql-{wanted}), or set DATABASE_URL to use a server of your own"
            )
            .into(),
            Self::InUse { .. } => "stop it, or choose another data folder".into(),
            Self::NoSuchUser { user } => {
                format!("create it (useradd --system {user}), or run as an ordinary user").into()
            }
            Self::ForeignFolder { .. } => "run as that user, or choose another data folder".into(),
            Self::Impassable { .. } => {
                "let it pass every folder above (chmod o+x), or choose another data folder".into()
            }
            Self::StoppedWhileStarting { log, .. } | Self::NotReady { log, .. } => {
                format!("see {}", log.display()).into()
            }
            Self::Survivor { .. } => "end it by hand".into(),
            Self::Initdb { .. } | Self::Io { .. } | Self::Database { .. } => {
                "see postgres.log in the data folder, or set DATABASE_URL".into()
            }
        }
    }

    /// For `map_err`: keeps the error and says what was being done.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    /// For `map_err`: keeps the error and says what was being done.
    pub(crate) fn database(what: impl Into<String>) -> impl FnOnce(sqlx::Error) -> Self {
        let what = what.into();
        move |source| Self::Database { what, source }
    }
}
