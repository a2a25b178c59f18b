//! Passwords: argon2id with OWASP's parameters, off the async threads, as many at once as there are processors.

use std::sync::LazyLock;
use std::time::Duration;

use argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier, Version};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// OWASP's Password Storage Cheat Sheet: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

pub const MIN_CHARS: usize = 8;
/// Long enough for any pass phrase, short enough that hashing one is never the work of a megabyte.
pub const MAX_CHARS: usize = 128;

/// Longer than this in the queue, and an honest "busy" is the better answer.
const PATIENCE: Duration = Duration::from_secs(4);

/// A hash of no one's password, with the same parameters: signing in as nobody takes as long as signing in.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$ZGF5Ym9vay1ub2JvZHkh$mAOAoOLNvn1dsH+ssLdsgJRX3e5LwRxpOzY1nSUy+U8";

static PERMITS: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(std::thread::available_parallelism().map_or(1, |n| n.get())));

#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    #[error("too many passwords are being hashed")]
    Busy,
    #[error("a password could not be hashed: {0}")]
    Hash(String),
}

/// What a new password must be. Signing in asks for nothing but the right one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordRule {
    #[error("Choose a password of at least {MIN_CHARS} characters.")]
    TooShort,
    #[error("Choose a password of at most {MAX_CHARS} characters.")]
    TooLong,
}

impl PasswordRule {
    pub fn code(self) -> &'static str {
        match self {
            PasswordRule::TooShort => "too-short",
            PasswordRule::TooLong => "too-long",
        }
    }
}

pub fn check(password: &str) -> Result<(), PasswordRule> {
    match password.chars().count() {
        ..MIN_CHARS => Err(PasswordRule::TooShort),
        MIN_CHARS..=MAX_CHARS => Ok(()),
        _ => Err(PasswordRule::TooLong),
    }
}

/// The hash to store, in PHC string format.
pub async fn hash(password: &str) -> Result<String, PasswordError> {
    let password = password.to_owned();
    off_the_async_threads(move || {
        let hash: PasswordHash = argon2()?
            .hash_password(password.as_bytes())
            .map_err(failed)?;
        Ok(hash.to_string())
    })
    .await
}

/// Whether `password` is the one that was hashed.
pub async fn verify(password: &str, hash: &str) -> Result<bool, PasswordError> {
    let (password, hash) = (password.to_owned(), hash.to_owned());
    off_the_async_threads(move || {
        let hash = PasswordHash::new(&hash).map_err(failed)?;
        Ok(argon2()?
            .verify_password(password.as_bytes(), &hash)
            .is_ok())
    })
    .await
}

/// Takes as long as [`verify`] and says no.
pub async fn verify_nobody(password: &str) -> Result<bool, PasswordError> {
    verify(password, NOBODY).await.map(|_| false)
}

async fn off_the_async_threads<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
) -> Result<T, PasswordError> {
    let Ok(Ok(permit)) = timeout(PATIENCE, PERMITS.acquire()).await else {
        return Err(PasswordError::Busy);
    };
    // The permit goes along: a caller that gives up does not make room for more work than there are processors.
    let task = spawn_blocking(move || {
        let _permit = permit;
        work()
    });
    task.await
        .map_err(|error| PasswordError::Hash(error.to_string()))?
}

fn argon2() -> Result<Argon2<'static>, PasswordError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(failed)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn failed(error: impl std::fmt::Display) -> PasswordError {
    PasswordError::Hash(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_verifies() {
        let hash = hash("correct horse").await.unwrap();
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        assert!(verify("correct horse", &hash).await.unwrap());
        assert!(!verify("correct horses", &hash).await.unwrap());
        assert_ne!(hash, super::hash("correct horse").await.unwrap(), "salted");
    }

    #[tokio::test]
    async fn nobodys_hash_costs_the_same_and_never_verifies() {
        let parsed = PasswordHash::new(NOBODY).unwrap();
        let params = Params::try_from(&parsed).unwrap();
        assert_eq!(
            (params.m_cost(), params.t_cost(), params.p_cost()),
            (MEMORY_KIB, PASSES, LANES)
        );
        assert!(!verify_nobody("correct horse").await.unwrap());
    }

    #[test]
    fn new_passwords_have_a_length() {
        assert_eq!(check("1234567"), Err(PasswordRule::TooShort));
        assert_eq!(check("ümläüts!"), Ok(()));
        assert_eq!(check(&"p".repeat(128)), Ok(()));
        assert_eq!(check(&"p".repeat(129)), Err(PasswordRule::TooLong));
    }
}
