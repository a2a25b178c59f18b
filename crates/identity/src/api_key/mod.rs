//! API keys: how a machine proves for whom it acts. A key is a random secret with an id, made by an administrator,
//! stored as a hash, valid until it expires or is revoked. It has roles of its own. They never exceed those that its
//! owner has when it is used; the caller, who knows the log, must ensure that.

mod store;
mod text;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use chrono::{DateTime, Utc};
use daybook_domain::UserId;
use daybook_domain::user::Role;
use moka::sync::Cache;
use parking_lot::Mutex;
use sqlx::PgPool;
use uuid::Uuid;

pub use self::store::{
    ApiKey, ApiKeyError, KeyPage, KeyPlace, NewApiKey, create, get, list, of_user, revoke,
};
pub use self::text::PREFIX;
use crate::principal::{Means, Principal};

const KNOWN: u64 = 10_000;
const KNOWN_FOR: Duration = Duration::from_secs(300);
/// How often the use of a key is recorded.
const USE_KEPT_FOR: Duration = Duration::from_secs(60);

/// The keys against which requests are checked. Clones share what they know.
#[derive(Clone)]
pub struct ApiKeys(Arc<Inner>);

struct Inner {
    pool: PgPool,
    /// The parts of a key that never change. Whether it was revoked is known to [`crate::Revocations`].
    known: Cache<Uuid, Arc<Kept>>,
    /// Keys whose use was noted within the last minute.
    noted: Cache<Uuid, ()>,
    /// Uses that still have to be recorded.
    uses: Mutex<HashMap<Uuid, DateTime<Utc>>>,
}

struct Kept {
    secret_hash: Vec<u8>,
    user_id: UserId,
    roles: BTreeSet<Role>,
    expires_at: DateTime<Utc>,
}

impl ApiKeys {
    pub fn new(pool: PgPool) -> ApiKeys {
        ApiKeys(Arc::new(Inner {
            pool,
            known: Cache::builder()
                .max_capacity(KNOWN)
                .time_to_live(KNOWN_FOR)
                .build(),
            noted: Cache::builder().time_to_live(USE_KEPT_FOR).build(),
            uses: Mutex::default(),
        }))
    }

    /// The principal for whom the holder of `text` acts, with all roles of the key. `None`: it is not a key, or has
    /// expired.
    pub async fn check(&self, text: &str) -> Result<Option<Principal>, sqlx::Error> {
        let Some((id, secret)) = text::read(text) else {
            return Ok(None);
        };
        let Some(kept) = self.kept(id).await? else {
            return Ok(None);
        };
        let is_right = verify_slices_are_equal(&hash(&secret), &kept.secret_hash).is_ok();
        Ok(
            (is_right && Utc::now() < kept.expires_at).then(|| Principal {
                user_id: kept.user_id,
                roles: kept.roles.clone(),
                means: Means::ApiKey { id },
            }),
        )
    }

    /// A request was made with this key.
    pub fn note_use(&self, id: Uuid) {
        if !self.0.noted.contains_key(&id) {
            self.0.noted.insert(id, ());
            self.0.uses.lock().insert(id, Utc::now());
        }
    }

    /// Records when keys were used, each once a minute at most. What cannot be written is forgotten: the next use comes
    /// soon enough.
    pub async fn record_uses(&self) -> Result<(), sqlx::Error> {
        let uses = std::mem::take(&mut *self.0.uses.lock());
        if uses.is_empty() {
            return Ok(());
        }
        let (ids, instants): (Vec<Uuid>, Vec<DateTime<Utc>>) = uses.into_iter().unzip();
        sqlx::query(
            "update auth.api_keys k set last_used_at = u.used_at
             from unnest($1::uuid[], $2::timestamptz[]) as u (id, used_at)
             where k.id = u.id and (k.last_used_at is null or k.last_used_at < u.used_at)",
        )
        .bind(ids)
        .bind(instants)
        .execute(&self.0.pool)
        .await?;
        Ok(())
    }

    async fn kept(&self, id: Uuid) -> Result<Option<Arc<Kept>>, sqlx::Error> {
        if let Some(kept) = self.0.known.get(&id) {
            return Ok(Some(kept));
        }
        type Row = (Vec<u8>, Uuid, Vec<String>, DateTime<Utc>);
        let found: Option<Row> = sqlx::query_as(
            "select secret_hash, user_id, roles, expires_at from auth.api_keys
             where id = $1 and revoked_at is null",
        )
        .bind(id)
        .fetch_optional(&self.0.pool)
        .await?;
        let Some((secret_hash, user_id, roles, expires_at)) = found else {
            return Ok(None);
        };
        let kept = Arc::new(Kept {
            secret_hash,
            user_id: user_id.into(),
            roles: store::roles(roles)?,
            expires_at,
        });
        self.0.known.insert(id, Arc::clone(&kept));
        Ok(Some(kept))
    }
}

/// A plain hash is enough: the secret is 256 random bits, so it cannot be guessed.
fn hash(secret: &[u8]) -> Vec<u8> {
    digest(&SHA256, secret).as_ref().to_vec()
}
