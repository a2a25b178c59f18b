//! Attempts to sign in: each is finished once, by the client that began it.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac::{self, HMAC_SHA256, Key};
use aws_lc_rs::{constant_time, rand};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use openidconnect::{CsrfToken, Nonce, PkceCodeVerifier};
use sqlx::PgPool;

use super::OidcError;

const BYTES: usize = 32;

/// From beginning to end: enough time for a second factor.
pub const LIFETIME: Duration = Duration::from_secs(600);

/// The secret of an attempt. Only the client knows it and, while it is used, this process.
pub(super) struct Attempt([u8; BYTES]);

impl Attempt {
    pub(super) async fn begin(pool: &PgPool) -> Result<Attempt, OidcError> {
        let mut bytes = [0; BYTES];
        rand::fill(&mut bytes).map_err(|_| OidcError::Random)?;
        let attempt = Attempt(bytes);
        let mut transaction = daybook_database::begin(pool).await?;
        sqlx::query("delete from auth.oidc_attempts where expires_at < now()")
            .execute(&mut *transaction)
            .await?;
        sqlx::query(
            "insert into auth.oidc_attempts (attempt_hash, expires_at) values ($1, now() + make_interval(secs => $2))",
        )
        .bind(attempt.hash())
        .bind(LIFETIME.as_secs_f64())
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(attempt)
    }

    /// Takes the attempt that `text` names, so that nobody else can, if `state` belongs to it.
    pub(super) async fn finish(
        pool: &PgPool,
        text: &str,
        state: &str,
    ) -> Result<Attempt, OidcError> {
        let attempt = Attempt::read(text).ok_or(OidcError::NoSuchAttempt)?;
        let own = attempt.state();
        constant_time::verify_slices_are_equal(own.secret().as_bytes(), state.as_bytes())
            .map_err(|_| OidcError::NoSuchAttempt)?;
        let taken = sqlx::query(
            "delete from auth.oidc_attempts where attempt_hash = $1 and expires_at > now()",
        )
        .bind(attempt.hash())
        .execute(pool)
        .await?;
        match taken.rows_affected() {
            1 => Ok(attempt),
            _ => Err(OidcError::NoSuchAttempt),
        }
    }

    fn read(text: &str) -> Option<Attempt> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        bytes.try_into().ok().map(Attempt)
    }

    pub(super) fn to_text(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.0)
    }

    pub(super) fn state(&self) -> CsrfToken {
        CsrfToken::new(self.derive("state"))
    }

    pub(super) fn nonce(&self) -> Nonce {
        Nonce::new(self.derive("nonce"))
    }

    pub(super) fn verifier(&self) -> PkceCodeVerifier {
        PkceCodeVerifier::new(self.derive("verifier"))
    }

    fn derive(&self, purpose: &str) -> String {
        let tag = hmac::sign(&Key::new(HMAC_SHA256, &self.0), purpose.as_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(tag)
    }

    fn hash(&self) -> Vec<u8> {
        digest(&SHA256, &self.0).as_ref().to_vec()
    }
}
