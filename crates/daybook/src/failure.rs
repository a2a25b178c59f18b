//! Why a command of the binary could not do its work, told in one line that says how to mend it.
//!
//! How an error is mended is said beside the error; here only of those that are the binary's own.

use std::borrow::Cow;
use std::error::Error;
use std::io;

use daybook_accounts::FirstAdminError;
use daybook_accounts::erasure::RepeatError;
use daybook_audit::AuditError;
use daybook_audit::store::StoreError;
use daybook_bench::BenchError;
use daybook_commands::{BusFault, CommandError};
use daybook_edge::tls::TlsError;
use daybook_history::past::MomentError;
use daybook_history::trail::TrailError;
use daybook_identity::oidc::OidcConfigError;
use daybook_import::ImportError;
use daybook_keys::KeyError;
use daybook_log::rotation::RotationError;
use daybook_log::transfer::TransferError;
use daybook_log::{LogError, MasterKeyMismatch};
use daybook_processes::outbox::OutboxError;

use crate::cli::{CheckError, ProjectionsError};
use crate::config::IncompleteError;
use crate::serve::ListenError;
use crate::site::database::OpenError;
use crate::site::restored::RestoredError;
use crate::site::schema::SchemaError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{0}")]
    Arguments(String),
    /// What a command was to show.
    #[error("{what}")]
    NothingThere { what: String, remedy: &'static str },
    /// A setting.
    #[error("{what} cannot be used")]
    Unusable {
        what: &'static str,
        source: Box<dyn Error + Send + Sync>,
    },
    #[error("{what} failed")]
    Database {
        what: &'static str,
        source: sqlx::Error,
    },
    #[error("the process could not {what}")]
    Process {
        what: &'static str,
        source: io::Error,
    },
    #[error("the process could not {what}")]
    Write {
        what: &'static str,
        source: io::Error,
    },
    /// Nothing that was given is to blame.
    #[error("the process could not {what}")]
    Fault {
        what: &'static str,
        source: Box<dyn Error + Send + Sync>,
    },
    #[error("{what} was refused ({code})")]
    Refused { what: String, code: String },
    #[error(transparent)]
    Bus(#[from] BusFault),
    #[error("stopped before the work was done")]
    Interrupted,
    #[error("the identity provider cannot be used")]
    Oidc(#[from] OidcConfigError),
    #[error(transparent)]
    Incomplete(#[from] IncompleteError),
    #[error(transparent)]
    FirstAdmin(#[from] FirstAdminError),
    #[error(transparent)]
    Erasure(#[from] RepeatError),
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    MasterKey(#[from] MasterKeyMismatch),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Schema(#[from] SchemaError),
    #[error(transparent)]
    Restored(#[from] RestoredError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Transfer(#[from] TransferError),
    #[error(transparent)]
    Rotation(#[from] RotationError),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Audit(#[from] AuditError),
    #[error(transparent)]
    Trail(#[from] TrailError),
    #[error("{flag} cannot be answered")]
    Moment {
        flag: &'static str,
        source: MomentError,
    },
    #[error(transparent)]
    Check(#[from] CheckError),
    #[error(transparent)]
    Projections(#[from] ProjectionsError),
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error(transparent)]
    Bench(#[from] BenchError),
}

impl Failure {
    /// For `map_err` on a query.
    pub(crate) fn database(what: &'static str) -> impl FnOnce(sqlx::Error) -> Failure {
        move |source| Failure::Database { what, source }
    }

    /// For `map_err` on writing a result as JSON.
    pub(crate) fn json(source: serde_json::Error) -> Failure {
        Failure::Fault {
            what: "write its result as JSON",
            source: source.into(),
        }
    }

    /// `daybook: <what is wrong>: <how to mend it>`
    pub(crate) fn line(&self) -> String {
        let mut what = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            let text = error.to_string();
            // Some libraries repeat an error's source in its text.
            if !what.contains(&text) {
                what = format!("{what}: {text}");
            }
            cause = error.source();
        }
        let line = format!("daybook: {what}: {}", self.remedy());
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn remedy(&self) -> Cow<'static, str> {
        let remedy = match self {
            Failure::Arguments(_) => "see `daybook --help`",
            Failure::NothingThere { remedy, .. } => *remedy,
            Failure::Unusable { .. } => "mend its value; `daybook serve --help` has examples",
            Failure::Database { source, .. } => daybook_database::remedy(source),
            Failure::Process { .. } => "see the system's limits for this user (`ulimit -a`)",
            Failure::Write { .. } => {
                "see that the disk has room and that this user may write there"
            }
            Failure::Fault { .. } => "this is a fault of Daybook's own; report it",
            Failure::Refused { .. } => {
                "the demo shop wants a database without a shop of its own in it; use another DATABASE_URL"
            }
            Failure::Bus(fault) => fault.remedy(),
            Failure::Interrupted => "run it again; what was done is kept",
            Failure::Oidc(error) => error.remedy(),
            Failure::Incomplete(error) => error.remedy(),
            Failure::FirstAdmin(error) => error.remedy(),
            Failure::Erasure(error) => error.remedy(),
            Failure::Listen(error) => error.remedy(),
            Failure::Tls(error) => error.remedy(),
            Failure::Key(error) => error.remedy(),
            Failure::MasterKey(error) => error.remedy(),
            Failure::Open(error) => return error.remedy(),
            Failure::Schema(error) => error.remedy(),
            Failure::Restored(error) => error.remedy(),
            Failure::Log(error) => error.remedy(),
            Failure::Transfer(error) => error.remedy(),
            Failure::Rotation(error) => error.remedy(),
            Failure::Command(error) => error.remedy(),
            Failure::Outbox(error) => error.remedy(),
            Failure::Store(error) => error.remedy(),
            Failure::Audit(error) => error.remedy(),
            Failure::Trail(error) => error.remedy(),
            Failure::Moment { source, .. } => source.remedy(),
            Failure::Check(error) => error.remedy(),
            Failure::Projections(error) => error.remedy(),
            Failure::Import(error) => error.remedy(),
            Failure::Bench(error) => error.remedy(),
        };
        Cow::Borrowed(remedy)
    }
}
