//! Messages to people, kept until they are sent.
//!
//! A message is written in the same transaction as what it is about, so that neither exists without the other. Its
//! recipient and its content, secrets included, are sealed with the key of the person whom it is about, and bound to
//! the message: once that person is erased nobody can read it, and the erasure also deletes it. The existence of a
//! message is not secret.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use daybook_database::from_row;
use daybook_domain::{Email, UserId};
use daybook_log::{Codec, DATABASE_REMEDY, LogError, SealError};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgPool, query, query_as, query_scalar};
use uuid::Uuid;

/// The channel where a new message is announced once it is committed, as its id.
pub const OUTBOX_CHANNEL: &str = "daybook_outbox";

const EMAIL: &str = "email";

/// The kind of a message; its text is made from a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Template {
    /// Follow this link to show that the address is yours: `token`, `firstName`.
    VerifyEmail,
    /// Follow this link to choose another password: `token`, `firstName`.
    ResetPassword,
}

/// The recipient of a message, and the values for its template.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Content {
    pub to: Email,
    pub values: BTreeMap<String, String>,
}

/// A message as it is stored.
pub struct SealedMessage {
    pub id: Uuid,
    person: UserId,
    template: Template,
    content: Vec<u8>,
}

/// A message without its content.
#[derive(Clone, Debug, PartialEq)]
pub struct MessageSummary {
    pub id: Uuid,
    pub person: Uuid,
    pub channel: String,
    pub template: String,
    pub created_at: DateTime<Utc>,
    pub sent_at: Option<DateTime<Utc>>,
}

from_row!(MessageSummary { id, person = "person_id", channel, template, created_at, sent_at });

/// Clones share their connections and keys.
#[derive(Clone)]
pub struct Outbox {
    pool: PgPool,
    codec: Codec,
}

#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    #[error("the outbox cannot be reached")]
    Database(#[from] sqlx::Error),
    #[error("a person's key cannot be read")]
    Key(#[source] LogError),
    #[error("a message cannot be sealed or opened")]
    Seal(#[from] SealError),
    #[error("a message is not in the expected form")]
    Malformed(#[from] serde_json::Error),
}

impl OutboxError {
    /// How to mend it, for the line that an operator reads.
    pub fn remedy(&self) -> &'static str {
        match self {
            OutboxError::Database(error) => daybook_database::remedy(error),
            OutboxError::Key(error) => error.remedy(),
            OutboxError::Seal(_) => {
                "see that the master key is the one that this log was written with"
            }
            OutboxError::Malformed(_) => DATABASE_REMEDY,
        }
    }
}

impl Template {
    pub const fn as_str(self) -> &'static str {
        match self {
            Template::VerifyEmail => "verify-email",
            Template::ResetPassword => "reset-password",
        }
    }
}

/// Shows nothing personal and no secret, so that it may be logged.
impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Content(..)")
    }
}

impl Outbox {
    pub fn new(pool: PgPool, codec: Codec) -> Outbox {
        Outbox { pool, codec }
    }

    /// `None`: the person has been erased, or never existed.
    pub async fn seal(
        &self,
        person: UserId,
        template: Template,
        content: &Content,
    ) -> Result<Option<SealedMessage>, OutboxError> {
        let key = self.codec.key_of(person).await.map_err(OutboxError::Key)?;
        let Some(key) = key else { return Ok(None) };
        let id = Uuid::now_v7();
        let content = key.seal_bytes(&serde_json::to_vec(content)?, place(id).as_bytes())?;
        Ok(Some(SealedMessage {
            id,
            person,
            template,
            content,
        }))
    }

    /// Stores a message, within the transaction of what it is about; but not if its person has been erased meanwhile.
    pub async fn put(
        &self,
        transaction: &mut PgConnection,
        message: &SealedMessage,
    ) -> Result<(), OutboxError> {
        query(
            "insert into outbox.messages (id, person_id, channel, template, content)
             select $1, $2, $3, $4, $5
             where not exists (select from log.erasures where person_id = $2)",
        )
        .bind(message.id)
        .bind(message.person.as_uuid())
        .bind(EMAIL)
        .bind(message.template.as_str())
        .bind(&message.content)
        .execute(&mut *transaction)
        .await?;
        query("select pg_notify($1, $2)")
            .bind(OUTBOX_CHANNEL)
            .bind(message.id.to_string())
            .execute(transaction)
            .await?;
        Ok(())
    }

    /// The messages that wait to be sent, the oldest first.
    pub async fn waiting(&self, limit: i64) -> Result<Vec<MessageSummary>, OutboxError> {
        Ok(query_as(
            "select id, person_id, channel, template, created_at, sent_at from outbox.messages
             where sent_at is null order by created_at, id limit $1",
        )
        .bind(limit)
        .fetch_all(&self.pool)
        .await?)
    }

    pub async fn find(&self, id: Uuid) -> Result<Option<MessageSummary>, OutboxError> {
        Ok(query_as(
            "select id, person_id, channel, template, created_at, sent_at from outbox.messages where id = $1",
        )
        .bind(id)
        .fetch_optional(&self.pool)
        .await?)
    }

    /// The content of a message. `None`: there is no such message, or nobody can read it any more.
    pub async fn open(&self, id: Uuid) -> Result<Option<Content>, OutboxError> {
        let Some(message) = self.find(id).await? else {
            return Ok(None);
        };
        let key = self.codec.key_of(message.person.into()).await;
        let Some(key) = key.map_err(OutboxError::Key)? else {
            return Ok(None);
        };
        let sealed: Option<Vec<u8>> =
            query_scalar("select content from outbox.messages where id = $1")
                .bind(id)
                .fetch_optional(&self.pool)
                .await?;
        let Some(sealed) = sealed else {
            return Ok(None);
        };
        let opened = key.open_bytes(&sealed, place(id).as_bytes())?;
        Ok(Some(serde_json::from_slice(&opened)?))
    }
}

/// Binds the sealed content to its message: it can be opened nowhere else.
fn place(id: Uuid) -> String {
    format!("outbox/{id}")
}
