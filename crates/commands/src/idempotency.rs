//! One key, one effect, one answer.
//!
//! The database's unique key decides: an answer is recorded in the same append as its events, so a second
//! attempt fails as a whole and is answered with the first one's record. This module only spares the
//! database the obvious cases: a key that is being carried out in this process (409), and one that was
//! answered here a moment ago.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use daybook_domain::UserId;
use daybook_log::Secrets;
use daybook_log::idempotency::Recorded;
use moka::sync::Cache;
use parking_lot::Mutex;

use crate::answer::{Answer, Answered, CommandError, IdempotencyKey};

const REMEMBERED_ANSWERS: u64 = 20_000;
const REMEMBERED_FOR: Duration = Duration::from_secs(300);

/// A key as it is stored: neither the key nor the request can be read from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyTags {
    pub(crate) hash: Vec<u8>,
    pub(crate) fingerprint: Vec<u8>,
}

impl KeyTags {
    pub(crate) fn of(key: &IdempotencyKey, secrets: &Secrets) -> KeyTags {
        let fingerprint =
            secrets.idempotency_tag(&[b"request", key.route.as_bytes(), &key.request]);
        // Different anonymous callers who happen to use the same key must not see each other's answers.
        let principal = match &key.principal {
            Some(principal) => principal.as_bytes(),
            None => fingerprint.as_slice(),
        };
        let hash =
            secrets.idempotency_tag(&[b"key", principal, key.route.as_bytes(), key.key.as_bytes()]);
        KeyTags { hash, fingerprint }
    }
}

#[derive(Clone)]
pub(crate) struct Keys {
    in_flight: Arc<Mutex<HashSet<Vec<u8>>>>,
    answered: Cache<AnsweredIn, Arc<(Vec<u8>, Answered)>>,
}

/// The epoch in which an answer was given, and the hash of its key.
type AnsweredIn = (u64, Vec<u8>);

/// Held while a key is being carried out.
pub(crate) struct InFlight {
    keys: Keys,
    hash: Vec<u8>,
}

impl Keys {
    pub(crate) fn new() -> Keys {
        let answered = Cache::builder()
            .max_capacity(REMEMBERED_ANSWERS)
            .time_to_live(REMEMBERED_FOR)
            .build();
        Keys {
            in_flight: Arc::default(),
            answered,
        }
    }

    pub(crate) fn enter(&self, key: &KeyTags) -> Result<InFlight, CommandError> {
        if !self.in_flight.lock().insert(key.hash.clone()) {
            return Err(CommandError::KeyInUse);
        }
        Ok(InFlight {
            keys: self.clone(),
            hash: key.hash.clone(),
        })
    }

    /// The answer given here before in the same epoch, if it is still in memory.
    pub(crate) fn answered(
        &self,
        epoch: u64,
        key: &KeyTags,
    ) -> Option<Result<Answered, CommandError>> {
        let remembered = self.answered.get(&(epoch, key.hash.clone()))?;
        let (fingerprint, answered) = remembered.as_ref();
        Some(if *fingerprint == key.fingerprint {
            Ok(answered.clone())
        } else {
            Err(CommandError::KeyReused)
        })
    }

    /// Forgets the answers that are about a person; the database then says that the person was erased.
    pub(crate) fn forget(&self, person: UserId) {
        let of_theirs = self
            .answered
            .iter()
            .filter(|(_, remembered)| remembered.1.answer.person == Some(person));
        for (hash, _) in of_theirs {
            self.answered.invalidate(hash.as_ref());
        }
    }

    /// Keeps an answer whose command came in that epoch.
    pub(crate) fn remember(&self, epoch: u64, key: KeyTags, mut answered: Answered) {
        answered.replayed = true;
        self.answered
            .insert((epoch, key.hash), Arc::new((key.fingerprint, answered)));
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.keys.in_flight.lock().remove(&self.hash);
    }
}

/// A stored record as the answer to a request with the same key.
pub(crate) fn replay(record: Recorded, key: &KeyTags) -> Result<Answered, CommandError> {
    if record.fingerprint != key.fingerprint {
        return Err(CommandError::KeyReused);
    }
    let broken = |what: &str| {
        CommandError::Internal(format!("an idempotency record's {what} cannot be read"))
    };
    let body = record.body.ok_or(CommandError::PersonErased)?;
    let headers = serde_json::from_str(&record.headers).map_err(|_| broken("headers"))?;
    let status = u16::try_from(record.status).map_err(|_| broken("status"))?;
    let answer = Answer {
        status,
        headers,
        body,
        person: None,
    };
    Ok(Answered {
        answer,
        position: record.position,
        replayed: true,
    })
}
