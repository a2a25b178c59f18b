//! What was revoked: access tokens and API keys are checked without a look-up, so each process must know those that are
//! no longer valid although they have not expired.
//!
//! A revocation is a row and an announcement in one transaction. Each process subscribes before it looks and hears of
//! revocations within milliseconds; while it does not receive the announcements, it asks the database about each token.
//! The process that carried out a revocation must not be the last to know it: it is told directly
//! ([`Revocations::note`]).

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use daybook_database::{Backoff, Heard, Listening, Touch, begin};
use daybook_domain::UserId;
use moka::sync::Cache;
use sqlx::{PgConnection, PgPool, query_as, query_scalar};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::principal::{Means, Principal};

const CHANNEL: &str = "daybook_revocation";

/// Longer than any access token is valid, or an API key remembered.
pub(crate) const REMEMBERED_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// How often the database is asked although nothing was announced; also how long, together with
/// [`ANSWERED_WITHIN`], a connection that ended unnoticed is trusted.
const POLL: Duration = Duration::from_secs(2);
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(250);

/// Something that is no longer valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// An account's access tokens of the generations before this one.
    Tokens {
        user_id: UserId,
        generation: i64,
    },
    /// A session and its access tokens.
    Session(Uuid),
    ApiKey(Uuid),
}

/// What this process knows of recent revocations. Clones share it.
#[derive(Clone)]
pub struct Revocations(Arc<Known>);

struct Known {
    pool: PgPool,
    generations: Cache<UserId, i64>,
    sessions: Cache<Uuid, ()>,
    api_keys: Cache<Uuid, ()>,
    in_touch: AtomicBool,
}

impl Revocations {
    /// Asks the database about each token until [`Revocations::run`] receives the announcements.
    pub fn new(pool: PgPool) -> Revocations {
        Revocations(Arc::new(Known {
            pool,
            generations: Cache::builder().time_to_live(REMEMBERED_FOR).build(),
            sessions: Cache::builder().time_to_live(REMEMBERED_FOR).build(),
            api_keys: Cache::builder().time_to_live(REMEMBERED_FOR).build(),
            in_touch: AtomicBool::new(false),
        }))
    }

    /// Whether announcements of revocations are received; if not, the database is asked each time.
    pub fn is_in_touch(&self) -> bool {
        self.0.in_touch.load(Ordering::Acquire)
    }

    /// Whether this principal's proof of identity is still valid.
    pub async fn stands(&self, principal: &Principal) -> Result<bool, sqlx::Error> {
        let in_touch = self.is_in_touch();
        match principal.means {
            Means::Session { id, generation } if in_touch => {
                let newest = self.0.generations.get(&principal.user_id);
                Ok(newest.is_none_or(|newest| newest <= generation)
                    && !self.0.sessions.contains_key(&id))
            }
            Means::Session { id, generation } => {
                self.session_stands(principal.user_id, id, generation).await
            }
            Means::ApiKey { id } if in_touch => Ok(!self.0.api_keys.contains_key(&id)),
            Means::ApiKey { id } => self.api_key_stands(id).await,
        }
    }

    async fn session_stands(
        &self,
        user_id: UserId,
        id: Uuid,
        generation: i64,
    ) -> Result<bool, sqlx::Error> {
        query_scalar(
            "select coalesce((select generation from auth.generations where user_id = $1), 0) <= $2
                 and not exists (select from auth.ended_sessions where session_id = $3)",
        )
        .bind(user_id.as_uuid())
        .bind(generation)
        .bind(id)
        .fetch_one(&self.0.pool)
        .await
    }

    async fn api_key_stands(&self, id: Uuid) -> Result<bool, sqlx::Error> {
        query_scalar(
            "select exists (select from auth.api_keys where id = $1 and revoked_at is null)",
        )
        .bind(id)
        .fetch_one(&self.0.pool)
        .await
    }

    /// To be called once a revocation is committed, before it is answered.
    pub fn note(&self, revoked: Revoked) {
        match revoked {
            Revoked::Tokens {
                user_id,
                generation,
            } => {
                let newest = |known: Option<i64>| known.map_or(generation, |it| it.max(generation));
                self.0
                    .generations
                    .entry(user_id)
                    .and_upsert_with(|known| newest(known.map(moka::Entry::into_value)));
            }
            Revoked::Session(id) => self.0.sessions.insert(id, ()),
            Revoked::ApiKey(id) => self.0.api_keys.insert(id, ()),
        }
    }

    /// Listens for revocations by any process, until `stop`. Uses one connection of `pool` now
    /// and then.
    pub async fn run(&self, pool: PgPool, stop: CancellationToken) {
        let touch = Touch {
            pool: &pool,
            channels: &[CHANNEL],
            with: "the revocations",
            backoff: Backoff::new(PAUSE, PAUSE),
        };
        let lost = || self.0.in_touch.store(false, Ordering::Release);
        touch
            .keep(&stop, |listening| self.listen(&pool, listening), lost)
            .await;
    }

    async fn listen(&self, pool: &PgPool, mut listening: Listening) -> Result<(), sqlx::Error> {
        loop {
            // Nothing is heard meanwhile, so it must not last.
            let looked = timeout(ANSWERED_WITHIN, self.look(pool)).await;
            looked.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))?;
            self.0.in_touch.store(true, Ordering::Release);
            while let Heard::Notification(notification) = listening.next(POLL).await? {
                match parse(notification.payload()) {
                    Some(revoked) => self.note(revoked),
                    None => break,
                }
            }
        }
    }

    async fn look(&self, pool: &PgPool) -> Result<(), sqlx::Error> {
        let tokens: Vec<(Uuid, i64)> = query_as(
            "select user_id, generation from auth.generations
             where generation > 0 and changed_at > clock_timestamp() - make_interval(secs => $1)",
        )
        .bind(REMEMBERED_FOR.as_secs_f64())
        .fetch_all(pool)
        .await?;
        let sessions: Vec<Uuid> = query_scalar(
            "select session_id from auth.ended_sessions
             where ended_at > clock_timestamp() - make_interval(secs => $1)",
        )
        .bind(REMEMBERED_FOR.as_secs_f64())
        .fetch_all(pool)
        .await?;
        let api_keys: Vec<Uuid> = query_scalar(
            "select id from auth.api_keys
             where revoked_at > clock_timestamp() - make_interval(secs => $1)",
        )
        .bind(REMEMBERED_FOR.as_secs_f64())
        .fetch_all(pool)
        .await?;
        let tokens = tokens
            .into_iter()
            .map(|(user_id, generation)| Revoked::Tokens {
                user_id: user_id.into(),
                generation,
            });
        let sessions = sessions.into_iter().map(Revoked::Session);
        let api_keys = api_keys.into_iter().map(Revoked::ApiKey);
        for revoked in tokens.chain(sessions).chain(api_keys) {
            self.note(revoked);
        }
        Ok(())
    }
}

/// Starts a new generation of an account's access tokens: earlier ones are no longer valid.
pub async fn revoke_tokens(pool: &PgPool, user_id: UserId) -> Result<Revoked, sqlx::Error> {
    let mut transaction = begin(pool).await?;
    let revoked = revoke_tokens_within(&mut transaction, user_id).await?;
    transaction.commit().await?;
    Ok(revoked)
}

pub(crate) async fn revoke_tokens_within(
    connection: &mut PgConnection,
    user_id: UserId,
) -> Result<Revoked, sqlx::Error> {
    let generation = query_scalar(
        "insert into auth.generations as g (user_id, generation) values ($1, 1)
         on conflict (user_id) do update set generation = g.generation + 1, changed_at = clock_timestamp()
         returning generation",
    )
    .bind(user_id.as_uuid())
    .fetch_one(&mut *connection)
    .await?;
    let revoked = Revoked::Tokens {
        user_id,
        generation,
    };
    announce(connection, revoked).await?;
    Ok(revoked)
}

/// Ends a session's access tokens; its refresh tokens are the caller's to delete in the same transaction.
pub(crate) async fn end_session(
    connection: &mut PgConnection,
    session: Uuid,
) -> Result<Revoked, sqlx::Error> {
    sqlx::query("insert into auth.ended_sessions (session_id) values ($1) on conflict do nothing")
        .bind(session)
        .execute(&mut *connection)
        .await?;
    let revoked = Revoked::Session(session);
    announce(connection, revoked).await?;
    Ok(revoked)
}

pub(crate) async fn announce(
    connection: &mut PgConnection,
    revoked: Revoked,
) -> Result<(), sqlx::Error> {
    let text = match revoked {
        Revoked::Tokens {
            user_id,
            generation,
        } => format!("tokens {user_id} {generation}"),
        Revoked::Session(id) => format!("session {id}"),
        Revoked::ApiKey(id) => format!("api-key {id}"),
    };
    sqlx::query("select pg_notify($1, $2)")
        .bind(CHANNEL)
        .bind(text)
        .execute(connection)
        .await?;
    Ok(())
}

fn parse(text: &str) -> Option<Revoked> {
    let mut words = text.split(' ');
    let (kind, id) = (words.next()?, Uuid::parse_str(words.next()?).ok()?);
    match (kind, words.next()) {
        ("tokens", Some(generation)) => Some(Revoked::Tokens {
            user_id: id.into(),
            generation: generation.parse().ok()?,
        }),
        ("session", None) => Some(Revoked::Session(id)),
        ("api-key", None) => Some(Revoked::ApiKey(id)),
        _ => None,
    }
}
