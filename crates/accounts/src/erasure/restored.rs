//! Erases persons again who are back in a restored database.

use chrono::{SubsecRound, Utc};
use daybook_audit::store::{CheckpointStore, StoreError};
use daybook_commands::{CommandBus, CommandError, EraseUser};
use daybook_domain::{StreamId, UserId};
use tracing::warn;

/// Why a person who is back in a restored database was not erased again.
#[derive(Debug, thiserror::Error)]
pub enum RepeatError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(
        "the erasure of the user {id}, who is back in a restored database, was refused ({code})"
    )]
    Refused { id: UserId, code: String },
}

impl RepeatError {
    pub fn remedy(&self) -> &'static str {
        match self {
            RepeatError::Store(error) => error.remedy(),
            RepeatError::Command(error) => error.remedy(),
            RepeatError::Refused { .. } => {
                "nothing is served until that person is erased again; report it with the log above"
            }
        }
    }
}

/// Erases everybody who was exported as erased and is not, in this log. To be called before anything is served.
/// Answers how many that were.
pub async fn repeat(bus: &CommandBus, store: &CheckpointStore) -> Result<usize, RepeatError> {
    let mut repeated = 0;
    for erasure in store.erasures().await? {
        let id = erasure.user_id.into();
        let known = bus.load(StreamId::user(id)).await?;
        let is_there = known.state.as_user().is_some_and(|user| user.exists());
        if !is_there {
            continue;
        }
        let command = EraseUser {
            id,
            expected_version: None,
        };
        let at = Utc::now().trunc_subsecs(3);
        let sent = bus.send_as_system("erasure", at, command).await?;
        sent.outcome.map_err(|refusal| RepeatError::Refused {
            id,
            code: refusal.code().to_owned(),
        })?;
        bus.forget(id);
        repeated += 1;
    }
    if repeated > 0 {
        warn!(
            persons = repeated,
            "the database was restored from before persons were erased; they are erased again"
        );
    }
    Ok(repeated)
}
