//! Slows down guessing passwords for everyone who guesses, without delaying anybody else.
//!
//! From the fifth wrong password on, the next attempt has to wait: 1 s, 2 s, 4 s … up to a quarter of an hour. No
//! account is ever locked. A stranger who guesses delays other strangers, but not the account's owner: from a network
//! where they signed in lately they only wait for wrong guesses from that network; and from anywhere else resetting the
//! password lets them in at once ([`Guessing::forgive`]).
//!
//! Each guess is counted before it is checked, and the count is taken back if it was right. Of several guesses at the
//! same time one is checked at a time, whichever process it comes to, so that guessing in parallel is no faster than
//! one after another; the others wait for it. So several right passwords at the same time are all let in. Addresses
//! without an account are treated in the same way.

use std::sync::Arc;
use std::time::Duration;

use daybook_domain::UserId;
use moka::sync::Cache;
use sqlx::{PgPool, query, query_as};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::{Instant, sleep, timeout_at};

use crate::password::{self, PasswordError, Permit};

/// Failures are forgotten after this long without another one.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(24 * 60 * 60);
/// A network stays known this long after the last sign-in from there.
const KNOWN_FOR: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// A guess whose process died delays the next one no longer than this.
const CHECKED_WITHIN: Duration = Duration::from_secs(5);
/// How long a guess waits for those before it. Shorter than a request's time limit.
const PATIENCE: Duration = Duration::from_secs(8);
const LOOK_AGAIN: Duration = Duration::from_millis(25);

#[derive(Debug, thiserror::Error)]
pub enum GuessError {
    #[error(transparent)]
    Password(#[from] PasswordError),
    #[error("the count of wrong passwords cannot be reached")]
    Database(#[from] sqlx::Error),
}

/// Whose password is tried, and from where. Both are pseudonyms: keyed hashes of the real values.
#[derive(Clone, Debug)]
pub struct GuessContext {
    pub account: Vec<u8>,
    /// The network combined with this account; `None` if the network is not known.
    pub network: Option<Vec<u8>>,
    /// The owner of the account, if it exists.
    pub user_id: Option<UserId>,
}

/// Clones share their state.
#[derive(Clone)]
pub struct Guessing(Arc<Inner>);

struct Inner {
    pool: PgPool,
    /// Lets guesses in this process wait for each other without asking the database.
    turns: Cache<Vec<u8>, Arc<Mutex<()>>>,
}

pub enum Admission {
    Granted(Attempt),
    /// How long to wait until a password is checked again.
    Delayed(Duration),
}

/// A password that may be checked now. If it is dropped, it counts as wrong.
pub struct Attempt {
    permit: Permit,
    pool: PgPool,
    context: GuessContext,
    counter: Vec<u8>,
    _turn: OwnedMutexGuard<()>,
}

enum Counted {
    /// The guess was counted by this counter.
    Now(Vec<u8>),
    /// Another guess is being checked.
    Busy,
    Delayed(Duration),
}

impl Guessing {
    pub fn new(pool: PgPool) -> Guessing {
        let turns = Cache::builder()
            .max_capacity(100_000)
            .time_to_idle(2 * PATIENCE)
            .build();
        Guessing(Arc::new(Inner { pool, turns }))
    }

    /// Asks for permission to check a password, and counts it as wrong until it proves right. No hash is computed for a
    /// guess that has to wait.
    pub async fn admit(&self, context: GuessContext) -> Result<Admission, GuessError> {
        let deadline = Instant::now() + PATIENCE;
        let turn = timeout_at(deadline, self.turn(&context))
            .await
            .map_err(|_| PasswordError::Busy)?;
        loop {
            // Get the permit to hash first, so that a counted guess is checked at once.
            let permit = password::permit().await?;
            match count(&self.0.pool, &context).await? {
                Counted::Now(counter) => {
                    return Ok(Admission::Granted(Attempt {
                        permit,
                        pool: self.0.pool.clone(),
                        context,
                        counter,
                        _turn: turn,
                    }));
                }
                Counted::Delayed(rest) => return Ok(Admission::Delayed(rest)),
                Counted::Busy if Instant::now() > deadline => {
                    return Err(PasswordError::Busy.into());
                }
                Counted::Busy => drop(permit),
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    /// The owner of the account has proven in another way who they are, such as by a link in their mail: wrong guesses
    /// by strangers do not delay them here and now.
    pub async fn forgive(&self, context: &GuessContext) -> Result<(), sqlx::Error> {
        for counter in [Some(&Vec::new()), context.network.as_ref()]
            .into_iter()
            .flatten()
        {
            forget(&self.0.pool, context, counter).await?;
        }
        Ok(())
    }

    /// Deletes what is too old to count.
    pub async fn tidy(&self) -> Result<(), sqlx::Error> {
        query(
            "delete from auth.sign_in_failures
             where failed_at < clock_timestamp() - make_interval(secs => $1)",
        )
        .bind(FORGOTTEN_AFTER.as_secs_f64())
        .execute(&self.0.pool)
        .await?;
        query(
            "delete from auth.known_networks
             where seen_at < clock_timestamp() - make_interval(secs => $1)",
        )
        .bind(KNOWN_FOR.as_secs_f64())
        .execute(&self.0.pool)
        .await?;
        Ok(())
    }

    /// By network, so that many strangers do not form a queue in which the owner has to wait.
    async fn turn(&self, context: &GuessContext) -> OwnedMutexGuard<()> {
        let key = [
            &context.account[..],
            context.network.as_deref().unwrap_or_default(),
        ]
        .concat();
        self.0.turns.get_with(key, Arc::default).lock_owned().await
    }
}

impl Attempt {
    /// Whether `password` is the one that was hashed; never without a hash. A right one clears the wrong ones before
    /// it, and makes the network known.
    pub async fn check(self, password: &str, hash: Option<&str>) -> Result<bool, GuessError> {
        let is_right = self.permit.verify(password, hash).await?;
        match is_right {
            true => forget(&self.pool, &self.context, &self.counter).await?,
            false => settle(&self.pool, &self.context, &self.counter).await?,
        }
        Ok(is_right)
    }
}

/// One statement: of several guesses at the same time, the row lets one through. The statement writes even if it lets
/// none through, so guesses that have to wait anyway are found by reading first.
async fn count(pool: &PgPool, context: &GuessContext) -> Result<Counted, sqlx::Error> {
    if let Some(obstacle) = obstacle(pool, context).await? {
        return Ok(obstacle);
    }
    let counted: Option<(Vec<u8>,)> = query_as(
        "with counter as (
             select coalesce((select k.network from auth.known_networks k
                              where k.account = $1 and k.network = $2
                                  and k.seen_at > clock_timestamp() - make_interval(secs => $4)), '') as network
         )
         insert into auth.sign_in_failures as f (account, network, user_id, failures, failed_at, trying_until)
         select $1, c.network, $3, 1, clock_timestamp(), clock_timestamp() + make_interval(secs => $5)
         from counter c
         on conflict (account, network) do update set
             user_id = excluded.user_id,
             failures = case when f.failed_at > clock_timestamp() - make_interval(secs => $6)
                             then f.failures + 1 else 1 end,
             failed_at = clock_timestamp(),
             trying_until = clock_timestamp() + make_interval(secs => $5)
         where f.trying_until <= clock_timestamp()
             and f.failed_at + auth.sign_in_delay(f.failures) <= clock_timestamp()
         returning f.network",
    )
    .bind(&context.account)
    .bind(&context.network)
    .bind(context.user_id.map(UserId::as_uuid))
    .bind(KNOWN_FOR.as_secs_f64())
    .bind(CHECKED_WITHIN.as_secs_f64())
    .bind(FORGOTTEN_AFTER.as_secs_f64())
    .fetch_optional(pool)
    .await?;
    // Another guess was faster, and may be finished already.
    Ok(counted.map_or(Counted::Busy, |(counter,)| Counted::Now(counter)))
}

/// What prevents a guess from being counted.
async fn obstacle(pool: &PgPool, context: &GuessContext) -> Result<Option<Counted>, sqlx::Error> {
    let found: Option<(bool, f64)> = query_as(
        "select f.trying_until > clock_timestamp(),
                extract(epoch from f.failed_at + auth.sign_in_delay(f.failures) - clock_timestamp())::float8
         from auth.sign_in_failures f
         where f.account = $1 and f.network = coalesce(
             (select k.network from auth.known_networks k
              where k.account = $1 and k.network = $2
                  and k.seen_at > clock_timestamp() - make_interval(secs => $3)), '')",
    )
    .bind(&context.account)
    .bind(&context.network)
    .bind(KNOWN_FOR.as_secs_f64())
    .fetch_optional(pool)
    .await?;
    Ok(match found {
        Some((true, _)) => Some(Counted::Busy),
        Some((false, rest)) if rest > 0.0 => Some(Counted::Delayed(Duration::from_secs_f64(rest))),
        _ => None,
    })
}

/// The password was wrong, as it was counted before; the next may be checked.
async fn settle(pool: &PgPool, context: &GuessContext, counter: &[u8]) -> Result<(), sqlx::Error> {
    query(
        "update auth.sign_in_failures set trying_until = clock_timestamp()
         where account = $1 and network = $2",
    )
    .bind(&context.account)
    .bind(counter)
    .execute(pool)
    .await?;
    Ok(())
}

async fn forget(pool: &PgPool, context: &GuessContext, counter: &[u8]) -> Result<(), sqlx::Error> {
    query(
        "with forgotten as (
             delete from auth.sign_in_failures where account = $1 and network = $2
         )
         insert into auth.known_networks as k (account, network, user_id, seen_at)
         select $1, $3, $4, clock_timestamp()
         where $3::bytea is not null and $4::uuid is not null
             and not exists (select from log.erasures where person_id = $4)
         on conflict (account, network) do update set user_id = excluded.user_id, seen_at = excluded.seen_at",
    )
    .bind(&context.account)
    .bind(counter)
    .bind(&context.network)
    .bind(context.user_id.map(UserId::as_uuid))
    .execute(pool)
    .await?;
    Ok(())
}
