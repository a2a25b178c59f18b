//! Why a command of the binary failed, in one line that says how to fix it.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use daybook_accounts::FirstAdminError;
use daybook_accounts::erasure::RepeatError;
use daybook_audit::store::StoreError;
use daybook_audit::verify::VerifyError;
use daybook_audit::{AuditError, CheckpointError, ProofError};
use daybook_bench::BenchError;
use daybook_commands::CommandError;
use daybook_edge::tls::TlsError;
use daybook_identity::oidc::OidcConfigError;
use daybook_import::ImportError;
use daybook_keys::KeyError;
use daybook_log::rotation::RotationError;
use daybook_log::transfer::TransferError;
use daybook_log::{LogError, MasterKeyMismatch};
use daybook_private_postgres::PrivateServerError;
use daybook_processes::outbox::OutboxError;
use daybook_projections::StatusError;
use daybook_projections::operate::OperateError;
use daybook_projections::rebuild::BuildError;
use daybook_projections::registry::UnknownProjection;
use sqlx::migrate::MigrateError;

use crate::config::{HalfAProvider, HalfAnAdmin};

#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{0}")]
    Arguments(String),
    #[error(transparent)]
    HalfAnAdmin(#[from] HalfAnAdmin),
    #[error(transparent)]
    HalfAProvider(#[from] HalfAProvider),
    #[error("the identity provider cannot be used")]
    Oidc(#[from] OidcConfigError),
    #[error("{what} cannot be used")]
    Unusable {
        what: &'static str,
        source: Box<dyn Error + Send + Sync>,
    },
    /// Something that was given to the user, such as a key or a proof.
    #[error("{what} cannot be read")]
    Unreadable {
        what: &'static str,
        source: Box<dyn Error + Send + Sync>,
    },
    #[error("{address} is taken by another program")]
    PortTaken { address: SocketAddr },
    #[error("cannot listen on {address}")]
    CannotListen {
        address: SocketAddr,
        source: io::Error,
    },
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("PostgreSQL at {place} cannot be reached")]
    DatabaseUnreachable { place: String, source: sqlx::Error },
    #[error("PostgreSQL at {place} lets nobody in by that name and password")]
    DatabaseRefused { place: String, source: sqlx::Error },
    #[error(
        "this PostgreSQL runs with {setting} = off, so that a crash loses what was acknowledged"
    )]
    NotDurable { setting: String },
    #[error("the database has migration {version}, which this binary does not know")]
    MigrationsNewer { version: i64 },
    #[error("the database has migration {version} as another build of Daybook wrote it")]
    MigrationsDiffer { version: i64 },
    #[error("the database has not the schema that this binary expects")]
    NotMigrated,
    #[error("the database could not be migrated")]
    Migration(#[source] MigrateError),
    #[error(transparent)]
    PrivateServer(#[from] PrivateServerError),
    #[error(transparent)]
    MasterKey(#[from] MasterKeyMismatch),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("{what} failed")]
    Database {
        what: &'static str,
        source: sqlx::Error,
    },
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Transfer(#[from] TransferError),
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    #[error(transparent)]
    Rotation(#[from] RotationError),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error("{what} was refused ({code})")]
    Refused { what: String, code: String },
    #[error(transparent)]
    FirstAdmin(#[from] FirstAdminError),
    #[error(transparent)]
    Bench(#[from] BenchError),
    #[error(transparent)]
    Erasure(#[from] RepeatError),
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Audit(#[from] AuditError),
    #[error(
        "the log is older than what was exported of it: it has {head} events, and the last checkpoint at {location} covers {size}"
    )]
    LogOlder {
        location: String,
        head: u64,
        size: u64,
    },
    #[error(
        "the log is not the one that was exported: its first {size} events are not those that the last checkpoint at {location} covers"
    )]
    LogDiffers { location: String, size: u64 },
    #[error("the last checkpoint at {location} is not to be trusted")]
    ExportUntrusted {
        location: String,
        source: CheckpointError,
    },
    #[error("the log could not be verified")]
    Verify(#[source] VerifyError),
    #[error("there is no public key to trust")]
    NothingTrusted,
    #[error("the log was tampered with: {}", counted(*findings))]
    Tampered { findings: u64 },
    #[error("the newest checkpoint is signed by a key that you do not trust (yet): {key}")]
    KeyUnknown { key: String },
    #[error("the proof does not hold")]
    Unproven(#[from] ProofError),
    /// A command that answers a question by its exit status could not find out.
    #[error(transparent)]
    Undecided(Box<Failure>),
    #[error(transparent)]
    Status(#[from] StatusError),
    #[error(transparent)]
    UnknownProjection(#[from] UnknownProjection),
    #[error(transparent)]
    Operate(#[from] OperateError),
    #[error("{name} was not built")]
    Build {
        name: &'static str,
        source: BuildError,
    },
    #[error("the rows of {names} are not what their events make")]
    Differs { names: String },
    #[error("the process could not {what}")]
    Process {
        what: &'static str,
        source: io::Error,
    },
    #[error("there is no shop in {}", folder.display())]
    NoData { folder: PathBuf },
    #[error("the task that writes to the log died of a fault of its own")]
    WriterDied,
    #[error("stopped before the work was done")]
    Interrupted,
}

impl Failure {
    /// For `map_err` on a query.
    pub(crate) fn database(what: &'static str) -> impl FnOnce(sqlx::Error) -> Failure {
        move |source| Failure::Database { what, source }
    }

    /// The process's exit status.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Failure::Undecided(_) => 2,
            _ => 1,
        }
    }

    /// `daybook: <what is wrong>: <how to mend it>`
    pub(crate) fn line(&self) -> String {
        if let Failure::Undecided(failure) = self {
            return failure.line();
        }
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
        // The private server's messages already contain their remedy.
        let line = match (self, what.split_once("; ")) {
            (Failure::PrivateServer(_), Some((what, remedy))) => {
                format!("daybook: {what}: {remedy}")
            }
            _ => format!("daybook: {what}: {}", self.remedy()),
        };
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn remedy(&self) -> &'static str {
        match self {
            Failure::Arguments(_) => "see `daybook --help`",
            Failure::HalfAnAdmin(_) => "set both, or neither",
            Failure::HalfAProvider(_) => "set all three, or none of what begins with DAYBOOK_OIDC",
            Failure::Oidc(_) => "correct DAYBOOK_OIDC_ISSUER and DAYBOOK_OIDC_REDIRECT_URL",
            Failure::Unusable { .. } => "mend its value; `daybook serve --help` has examples",
            Failure::Unreadable { .. } => "give it as it was handed out",
            Failure::PortTaken { .. } => {
                "stop that program, or choose another port with --listen or DAYBOOK_LISTEN"
            }
            Failure::CannotListen { .. } => {
                "choose an address of this machine with --listen or DAYBOOK_LISTEN"
            }
            Failure::Tls(error) => error.remedy(),
            Failure::DatabaseUnreachable { .. } => {
                "start it, mend DATABASE_URL, or unset DATABASE_URL to use a private server"
            }
            Failure::DatabaseRefused { .. } => {
                "mend the user, password or database in DATABASE_URL and DATABASE_MIGRATION_URL"
            }
            Failure::NotDurable { .. } => "switch it on in postgresql.conf and restart PostgreSQL",
            Failure::MigrationsNewer { .. } => {
                "run the newer Daybook that this database was migrated by"
            }
            Failure::NotMigrated => "run `daybook migrate`; `daybook serve` does so too",
            Failure::MigrationsDiffer { .. } => "run that build, or use another database",
            Failure::Migration(_) => {
                "give DATABASE_MIGRATION_URL a role that may create roles and schemas, then run `daybook migrate`"
            }
            Failure::PrivateServer(_) => "see postgres.log in the data folder, or set DATABASE_URL",
            Failure::MasterKey(_) => {
                "set DAYBOOK_MASTER_KEY to that key, or put its file back as keys/master.key in the data folder"
            }
            Failure::Key(KeyError::MasterKeyMalformed { .. }) => {
                "put the right key there; `openssl rand -base64 32` makes one for a new database"
            }
            Failure::Key(KeyError::MasterKeyWeak { .. }) => {
                "give one from `openssl rand -base64 32`; a database that has the weak one is moved by `daybook keys rotate master`"
            }
            Failure::Key(KeyError::AnotherMasterKeyWaits { .. }) => {
                "run `daybook keys rotate master` without DAYBOOK_NEW_MASTER_KEY to finish that one first"
            }
            Failure::Key(
                KeyError::CheckpointKeyMalformed { .. }
                | KeyError::CheckpointKeysOfSeveralLogs { .. },
            ) => "put the keys back as `daybook keys` wrote them",
            Failure::Key(KeyError::TokenKeyMalformed { .. }) => {
                "remove the file; where it was the only one, a new key is made, and everybody's access token is refreshed"
            }
            Failure::Key(KeyError::TokenKeyMisnamed { .. }) => {
                "name it so, or take it out of that folder; `daybook keys rotate access-token` makes keys"
            }
            Failure::Key(_) => {
                "let this user read and write the data folder, or choose another with --data"
            }
            Failure::Database { .. }
            | Failure::Log(_)
            | Failure::Outbox(_)
            | Failure::Audit(_)
            | Failure::Command(_)
            | Failure::Status(_) => {
                "see that PostgreSQL runs and that its log is clean, then try again"
            }
            Failure::Transfer(error) => match error {
                TransferError::Database(_) => {
                    "see that PostgreSQL runs and that its log is clean, then try again"
                }
                TransferError::File(_) => "see that the file is there and that its disk has room",
                TransferError::Broken { .. } => "export it again; nothing of it was imported",
                TransferError::NotEmpty => {
                    "import into a database of its own, with --data or DATABASE_URL"
                }
                TransferError::OtherMasterKey => {
                    "import into a database that no server has been started on"
                }
                TransferError::Stopped => "run it again; nothing of it is left",
                TransferError::NotPermitted { .. } => {
                    "set DATABASE_MIGRATION_URL to the role that migrates the database"
                }
            },
            Failure::Store(StoreError::Location { .. }) => {
                "mend DAYBOOK_CHECKPOINTS; `daybook --help` says what it may be"
            }
            Failure::Store(StoreError::Unavailable { .. } | StoreError::Silent { .. }) => {
                "see that it can be reached and written to; to go on without it, set DAYBOOK_CHECKPOINTS to another place"
            }
            Failure::Store(StoreError::Malformed { .. } | StoreError::Forked { .. }) => {
                "find out who wrote that; `daybook audit verify` tells whether the log is whole"
            }
            Failure::LogOlder { .. } => {
                "restore a newer backup; or give up what is lost with `daybook audit accept-restored --reason TEXT`"
            }
            Failure::LogDiffers { .. } => {
                "`daybook audit verify` tells where; if a backup was restored and went on, `daybook audit accept-restored --reason TEXT` accepts it"
            }
            Failure::ExportUntrusted { .. } => {
                "put back keys/checkpoint.pub of this log, or point DAYBOOK_CHECKPOINTS to where this log's checkpoints are"
            }
            Failure::Rotation(error) => match error {
                RotationError::Database(_) => DATABASE_REMEDY,
                RotationError::Seal(_) | RotationError::NeitherKey => {
                    "give the master key that the database belongs to; nothing was changed"
                }
                RotationError::InUse { .. } => "stop it, then try again; nothing was changed",
                RotationError::NotPermitted { .. } => {
                    "set DATABASE_MIGRATION_URL to the role that migrates the database"
                }
            },
            Failure::Verify(VerifyError::NothingSealed { .. }) => {
                "give a checkpoint that was kept with --checkpoint; `daybook serve` seals what is not sealed yet"
            }
            Failure::Verify(VerifyError::OtherLog { .. }) => "give checkpoints of this log only",
            Failure::Verify(VerifyError::NoTable { .. }) => {
                "find out who put it there; until then nothing that this database shows can be believed"
            }
            Failure::Verify(_) => {
                "see that PostgreSQL runs and that its log is clean, then try again"
            }
            Failure::NothingTrusted => {
                "give the log's public keys with --pubkey, or the data folder that has them with --data"
            }
            Failure::Tampered { .. } => {
                "keep the database and the checkpoints as they are until it is known how that came about"
            }
            Failure::KeyUnknown { .. } => {
                "if the key was rotated, get the new one from a place that you trust, and give both with --pubkey"
            }
            Failure::Unproven(_) => "ask for the proof again, from whom you have it",
            Failure::Undecided(failure) => failure.remedy(),
            Failure::UnknownProjection(_) => "name one of those",
            Failure::Operate(error) => of_operation(error),
            Failure::Build { source, .. } => of_build(source),
            Failure::Differs { .. } => {
                "`daybook projections rebuild` makes them anew; keep what was shown, to find out why"
            }
            Failure::Refused { .. } => {
                "the demo shop wants a database without a shop of its own in it; use another DATABASE_URL"
            }
            Failure::FirstAdmin(error) => error.remedy(),
            Failure::Erasure(_) => {
                "see that PostgreSQL runs and that its log is clean, then try again"
            }
            Failure::Import(error) => error.remedy(),
            Failure::Bench(error) => error.remedy(),
            Failure::Process { .. } => "see the system's limits for this user (`ulimit -a`)",
            Failure::NoData { .. } => {
                "name its data folder with --data or its database with DATABASE_URL; `daybook serve` makes a new one"
            }
            Failure::WriterDied => {
                "start again; nothing that was acknowledged is lost, and the log above tells what to report"
            }
            Failure::Interrupted => "run it again; what was done is kept",
        }
    }
}

fn counted(findings: u64) -> String {
    match findings {
        1 => "1 finding".to_owned(),
        _ => format!("{findings} findings"),
    }
}

fn of_operation(error: &OperateError) -> &'static str {
    match error {
        OperateError::WrongState { .. } | OperateError::HaltedElsewhere { .. } => {
            "see `daybook projections status`"
        }
        OperateError::LogHasGap { .. } => "restore the log from a backup that has them",
        OperateError::LaterVersion { .. } => "use the newer Daybook",
        OperateError::Busy { .. } => "try again when they have ended",
        OperateError::Build(error) => of_build(error),
        OperateError::Status(_) | OperateError::Database(_) => DATABASE_REMEDY,
    }
}

fn of_build(error: &BuildError) -> &'static str {
    match error {
        BuildError::BeingBuilt { .. } => {
            "wait for it, and see `daybook projections status --watch`"
        }
        BuildError::LaterVersion { .. } => "use the newer Daybook",
        BuildError::Obstacle { .. } => {
            "the live projector halts there; mend or skip the event when it does, then try again"
        }
        BuildError::LiveChanged | BuildError::TakenOver | BuildError::Stopped => {
            "run it again; the live rows are as they were"
        }
        BuildError::BrokenOff(error) => of_build(error),
        BuildError::NoPrevious => "only what a rebuild has replaced can be switched back in",
        BuildError::PreviousVersion { .. } => "use the Daybook that made it",
        BuildError::BeyondHead { .. } => "give a position that the log has",
        BuildError::SchemaExists(_) => "choose another with --into, or drop it",
        BuildError::SchemaReserved(..) => "choose another with --into",
        BuildError::Task(_) => "run it again; the log of errors tells what to report",
        BuildError::Log(_) | BuildError::Database(_) => DATABASE_REMEDY,
    }
}

const DATABASE_REMEDY: &str = "see that PostgreSQL runs and that its log is clean, then try again";
