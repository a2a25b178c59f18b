//! Passwords: argon2id with OWASP's parameters, off the async threads, at most as many at once as there are processors.
//! New passwords must have a minimum length and must not be among those that are guessed first.

use std::error::Error;
use std::sync::LazyLock;
use std::time::Duration;

use argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier, Version};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use zxcvbn::zxcvbn;

/// OWASP's Password Storage Cheat Sheet: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

pub const MIN_CHARS: usize = 8;
/// Long enough for any pass phrase, and short enough that nobody can make the server hash a megabyte.
pub const MAX_CHARS: usize = 128;

/// Nothing on the lists is longer, and looking a password up takes longer the longer it is.
const LONGEST_COMMON: usize = 25;
/// Programs that guess passwords find the common ones within this many guesses.
const COMMON_WITHIN: u64 = 1_000_000;
/// Words that everybody can guess for a shop like this one.
const SHOP_WORDS: [&str; 2] = ["daybook", "admin"];

/// If the queue takes longer than this, "busy" is the better answer.
const PATIENCE: Duration = Duration::from_secs(4);

/// A hash of no one's password, with the same parameters: signing in to an account that does not exist takes as long as
/// to one that exists.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$ZGF5Ym9vay1ub2JvZHkh$mAOAoOLNvn1dsH+ssLdsgJRX3e5LwRxpOzY1nSUy+U8";

static PERMITS: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(std::thread::available_parallelism().map_or(1, |n| n.get())));

#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    #[error("too many passwords are being hashed")]
    Busy,
    #[error("a password could not be hashed")]
    Hash(#[source] Box<dyn Error + Send + Sync>),
}

/// The rules for a new password. Signing in requires nothing but the right one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordRule {
    #[error("Choose a password of at least {MIN_CHARS} characters.")]
    TooShort,
    #[error("Choose a password of at most {MAX_CHARS} characters.")]
    TooLong,
    #[error(
        "This password is among those that are guessed first; choose another, such as a few words of your own."
    )]
    Common,
}

impl PasswordRule {
    pub fn code(self) -> &'static str {
        match self {
            PasswordRule::TooShort => "too-short",
            PasswordRule::TooLong => "too-long",
            PasswordRule::Common => "too-common",
        }
    }
}

/// Checks the rules for a new password. At worst this takes as long as hashing one: async code uses [`hash_new`].
pub fn check(password: &str) -> Result<(), PasswordRule> {
    check_for(password, "")
}

/// The same for an account with this e-mail address, which is among the first guesses, too.
pub fn check_for(password: &str, email: &str) -> Result<(), PasswordRule> {
    match password.chars().count() {
        ..MIN_CHARS => Err(PasswordRule::TooShort),
        MIN_CHARS..=MAX_CHARS if is_common(password, email) => Err(PasswordRule::Common),
        MIN_CHARS..=MAX_CHARS => Ok(()),
        _ => Err(PasswordRule::TooLong),
    }
}

/// Whether it is on the lists of zxcvbn (leaked passwords, words, names), with the usual changes (`P@ssw0rd1`), or can
/// be derived from the keyboard or the account itself. This does not measure strength: everything that is not among the
/// first million guesses is accepted.
fn is_common(password: &str, email: &str) -> bool {
    if password.eq_ignore_ascii_case(email) {
        return true;
    }
    if password.chars().count() > LONGEST_COMMON {
        return false;
    }
    let local = email.split('@').next().unwrap_or_default();
    let known: Vec<&str> = [email, local]
        .into_iter()
        .chain(SHOP_WORDS)
        .filter(|word| !word.is_empty())
        .collect();
    zxcvbn(password, &known).guesses() < COMMON_WITHIN
}

/// The hash to store, in PHC string format.
pub async fn hash(password: &str) -> Result<String, PasswordError> {
    let password = password.to_owned();
    permit().await?.run(move || hashed(&password)).await
}

/// The hash of a new password for the account with this e-mail address, unless it breaks a rule.
pub async fn hash_new(
    password: &str,
    email: &str,
) -> Result<Result<String, PasswordRule>, PasswordError> {
    let (password, email) = (password.to_owned(), email.to_owned());
    permit()
        .await?
        .run(move || match check_for(&password, &email) {
            Ok(()) => hashed(&password).map(Ok),
            Err(rule) => Ok(Err(rule)),
        })
        .await
}

/// Whether `password` is the one that was hashed.
pub async fn verify(password: &str, hash: &str) -> Result<bool, PasswordError> {
    permit().await?.verify(password, Some(hash)).await
}

/// Permission to hash one password. A caller gets it first if it must check something that has to hold while it hashes.
pub struct Permit(#[allow(dead_code, reason = "held, not read")] SemaphorePermit<'static>);

pub async fn permit() -> Result<Permit, PasswordError> {
    match timeout(PATIENCE, PERMITS.acquire()).await {
        Ok(Ok(permit)) => Ok(Permit(permit)),
        _ => Err(PasswordError::Busy),
    }
}

impl Permit {
    /// Whether `password` is the one that was hashed. Without a hash it takes as long and returns false.
    pub async fn verify(self, password: &str, hash: Option<&str>) -> Result<bool, PasswordError> {
        let (password, is_known) = (password.to_owned(), hash.is_some());
        let hash = hash.unwrap_or(NOBODY).to_owned();
        self.run(move || {
            let hash = PasswordHash::new(&hash).map_err(failed)?;
            let is_right = argon2()?.verify_password(password.as_bytes(), &hash);
            Ok(is_right.is_ok() && is_known)
        })
        .await
    }

    /// The permit stays with the work: a caller that gives up does not make room for more work than there are
    /// processors.
    async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let task = spawn_blocking(move || {
            let _permit = self;
            work()
        });
        task.await.map_err(failed)?
    }
}

fn hashed(password: &str) -> Result<String, PasswordError> {
    let hash: PasswordHash = argon2()?
        .hash_password(password.as_bytes())
        .map_err(failed)?;
    Ok(hash.to_string())
}

fn argon2() -> Result<Argon2<'static>, PasswordError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(failed)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn failed(error: impl Error + Send + Sync + 'static) -> PasswordError {
    PasswordError::Hash(error.into())
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
        let permit = permit().await.unwrap();
        assert!(!permit.verify("correct horse", None).await.unwrap());
    }

    #[test]
    fn new_passwords_have_a_length() {
        assert_eq!(check("1234567"), Err(PasswordRule::TooShort));
        assert_eq!(check("ümläüts!"), Ok(()));
        assert_eq!(check(&"p".repeat(128)), Ok(()));
        assert_eq!(check(&"p".repeat(129)), Err(PasswordRule::TooLong));
    }

    #[test]
    fn what_is_tried_first_is_refused() {
        for common in [
            "password",
            "12345678",
            "iloveyou",
            "qwertyuiop",
            "P@ssw0rd",
            "Password1!",
            "letmein123",
            "drowssap",
            "tangerine",
            "christopher",
            "abcdefgh",
            "aaaaaaaa",
            "zxcvbnm,./",
            "12/25/1990",
            "daybook1",
            "Daybook2026",
        ] {
            assert_eq!(check(common), Err(PasswordRule::Common), "{common}");
        }
    }

    #[test]
    fn what_nobody_would_try_is_taken_whatever_it_is_made_of() {
        for own in [
            "correct horse",
            "correct horse battery",
            "a password of ours",
            "quixmark opens sesame",
            "xkqzjvwp",
            "ümläüts!",
            "abcd-efgh-ijkm-npqr",
            "k3xz-a9fm-w2pq-h7tu",
        ] {
            assert_eq!(check(own), Ok(()), "{own}");
        }
    }

    #[test]
    fn the_accounts_own_address_is_refused() {
        let email = "ann.quixmark@example.com";
        for own in [
            email,
            "ann.quixmark",
            "Ann.Quixmark@Example.com",
            "ann.quixmark1",
        ] {
            assert_eq!(check_for(own, email), Err(PasswordRule::Common), "{own}");
            assert_eq!(check(own), Ok(()), "{own}");
        }
    }

    /// Looking this one up would take a second, since many of its characters may each stand for many letters.
    #[test]
    fn a_password_of_stand_ins_is_looked_up_in_no_longer_than_hashing_takes() {
        let odd: String = "4@8({[<3691!|170$5+7%2"
            .chars()
            .cycle()
            .take(MAX_CHARS)
            .collect();
        let started = std::time::Instant::now();
        assert_eq!(check(&odd), Ok(()));
        assert!(started.elapsed() < Duration::from_millis(500));
    }
}
