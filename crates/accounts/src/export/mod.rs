//! Everything about a person as one JSON document (Regulation (EU) 2016/679, articles 15 and 20).
//!
//! It shows the state at one position of the log, and is written while it is read, so that it takes the same memory
//! whatever its size. It contains the account with its events, orders with their addresses, histories and events, the
//! person's actions elsewhere (without the data of these, which may be somebody else's), the events that their browsers
//! sent, their sign-ins, and the other security events of the account. It does not contain credentials, such as hashes.
//! Of an erased person there is what the log still tells: that the account existed.

mod actions;
mod events;
mod json;
mod orders;
mod security;
mod summary;
mod usage;

use std::sync::Arc;

use bytes::Bytes;
use daybook_domain::UserId;
use daybook_history::past::user_at;
use daybook_history::trail::TrailError;
use daybook_log::{LogError, Position};
use daybook_projections::{QueryError, orders as order_model, trail as trail_model};
use error_reporter::Report;
use futures::{Stream, StreamExt, TryStreamExt};
use tokio::sync::OwnedSemaphorePermit;
use tracing::error;

pub use self::actions::Action;
pub use self::summary::{IdentityProvider, SignIn};
pub use self::usage::VisitorEvent;

use self::summary::Summary;
use crate::accounts::Accounts;

/// Why a document could not be begun, or broke off. A recipient notices if it is incomplete.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("too many exports are under way")]
    Busy,
    #[error("the read models are behind the log")]
    Behind,
    #[error("what the account can be used with could not be read")]
    SignIns(#[source] sqlx::Error),
    #[error("the log could not be read")]
    Log(#[from] LogError),
    #[error("the orders could not be read")]
    Orders(#[source] QueryError),
    #[error("the trail could not be read")]
    Trail(#[from] TrailError),
    #[error("the usage events could not be read")]
    Usage(#[source] sqlx::Error),
    #[error("the security events could not be read")]
    Security(#[source] sqlx::Error),
    #[error("something could not be written as JSON")]
    Encode(#[from] serde_json::Error),
}

/// A document that is ready to be written.
pub struct PersonExport {
    source: Source,
    /// The account's version at the position.
    version: i64,
    summary: Summary,
}

/// Whose data is exported, and up to which position.
#[derive(Clone)]
struct Source {
    accounts: Accounts,
    id: UserId,
    /// Nothing later is in it.
    position: Position,
    /// Held until the document has been written.
    _permit: Arc<OwnedSemaphorePermit>,
}

impl Accounts {
    /// `None` if there never was such a person. Waits until the read models have reached the end of the log.
    pub async fn export(&self, id: UserId) -> Result<Option<PersonExport>, ExportError> {
        let position = self.parts.feed.head().await?;
        let Some(account) = user_at(&self.parts.feed, id, position).await? else {
            return Ok(None);
        };
        for read_model in [order_model::NAME, trail_model::NAME] {
            self.parts
                .read_models
                .wait_for(read_model, position, self.parts.patience)
                .await
                .map_err(|_| ExportError::Behind)?;
        }
        let permit = Arc::clone(&self.parts.exports).try_acquire_owned();
        let source = Source {
            accounts: self.clone(),
            id,
            position,
            _permit: Arc::new(permit.map_err(|_| ExportError::Busy)?),
        };
        let summary = Summary::of(&source, &account).await;
        self.parts.security.flushed().await;
        Ok(Some(PersonExport {
            version: account.version,
            summary: summary.map_err(ExportError::SignIns)?,
            source,
        }))
    }
}

impl PersonExport {
    pub fn document(self) -> impl Stream<Item = Result<Bytes, ExportError>> + Send {
        let PersonExport {
            source,
            version,
            summary,
        } = self;
        let id = source.id;
        json::opening(&summary)
            .chain(json::array(
                "events",
                events::of_account(source.clone(), version),
            ))
            .chain(json::array("orders", orders::of_person(source.clone())))
            .chain(json::array("actions", actions::of_person(source.clone())))
            .chain(json::array("usageEvents", usage::of_person(source.clone())))
            .chain(json::array("securityEvents", security::of_person(source)))
            .chain(json::closing())
            .inspect_err(move |error| {
                error!(user.id = %id, error = %Report::new(error), "an export broke off");
            })
    }
}
