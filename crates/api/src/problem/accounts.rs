//! The answers to errors of the use cases of accounts.

use axum::http::StatusCode;
use daybook_accounts::{AccountError, ExportError, TooManyForgotten};
use daybook_identity::access_token::TokenKeyError;
use daybook_identity::password::{PasswordError, PasswordRule};
use daybook_identity::session::SessionError;
use daybook_processes::outbox::OutboxError;
use error_reporter::Report;
use tracing::error;

use super::Problem;

/// After this time, every message that was sent has been forgotten.
const AN_HOUR_S: u32 = 3_600;

impl From<AccountError> for Problem {
    fn from(error: AccountError) -> Problem {
        match error {
            AccountError::NoAccount => Problem::nothing_here(),
            AccountError::WrongCredentials => wrong_credentials(),
            AccountError::WrongPassword => {
                let detail = "The old password is wrong.";
                Problem::new(StatusCode::FORBIDDEN, "wrong-password", detail)
            }
            AccountError::Delayed(rest) => delayed(rest.as_secs_f64().ceil()),
            AccountError::Deactivated => {
                let detail =
                    "The account has been deactivated; an administrator can reactivate it.";
                Problem::new(StatusCode::FORBIDDEN, "account-deactivated", detail)
            }
            AccountError::NoStaffAccount => {
                let detail = "There is no administrator's account for whoever signed in: one with the e-mail address that the \
                              identity provider has verified.";
                Problem::forbidden(detail).with_code("no-staff-account")
            }
            AccountError::WeakPassword(rule) => weak("/password", rule),
            AccountError::WeakNewPassword(rule) => weak("/newPassword", rule),
            AccountError::InvalidToken => {
                let detail = "The token is unknown, used or older than half an hour; ask for another message.";
                Problem::unprocessable("invalid-one-time-token", detail)
            }
            AccountError::AlreadyVerified => {
                let detail = "The e-mail address of this account is verified already.";
                Problem::new(StatusCode::CONFLICT, "email-verified", detail)
            }
            AccountError::TooManyMessages => {
                let detail =
                    "You were sent several messages of late; use the newest, or wait an hour.";
                Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate-limited", detail)
                    .with_retry_after(AN_HOUR_S)
            }
            AccountError::Session(error) => error.into(),
            AccountError::Sign(error) => error.into(),
            AccountError::Password(error) => error.into(),
            AccountError::Command(error) => error.into(),
            AccountError::Database(error) | AccountError::Outbox(OutboxError::Database(error)) => {
                error.into()
            }
            AccountError::Outbox(OutboxError::Key(error)) => error.into(),
            AccountError::Random(_) | AccountError::Outbox(_) => {
                error!(error = %Report::new(&error), "a message could not be written");
                Problem::internal()
            }
        }
    }
}

impl From<SessionError> for Problem {
    fn from(error: SessionError) -> Problem {
        match error {
            SessionError::Invalid { .. } => {
                let detail = "The refresh token is unknown, expired or spent; sign in again.";
                Problem::unauthorized("invalid-refresh-token", detail, "Bearer")
            }
            SessionError::Revoked => wrong_credentials(),
            SessionError::Database(error) => error.into(),
            SessionError::Random => {
                error!(%error, "a refresh token could not be made");
                Problem::internal()
            }
        }
    }
}

impl From<TokenKeyError> for Problem {
    fn from(error: TokenKeyError) -> Problem {
        error!(error = %Report::new(&error), "a token could not be signed");
        Problem::internal()
    }
}

impl From<PasswordError> for Problem {
    fn from(error: PasswordError) -> Problem {
        match error {
            PasswordError::Busy => {
                Problem::unavailable("overloaded", "Too many are signing in; try again.", 1)
            }
            PasswordError::Hash(_) => {
                error!(error = %Report::new(&error), "a password could not be checked");
                Problem::internal()
            }
        }
    }
}

impl From<TooManyForgotten> for Problem {
    fn from(_: TooManyForgotten) -> Problem {
        let detail = "Too many are asking for a new password; try again.";
        Problem::unavailable("overloaded", detail, 5)
    }
}

impl From<ExportError> for Problem {
    fn from(error: ExportError) -> Problem {
        match error {
            ExportError::Busy => {
                let detail =
                    "Too many exports are under way; ask again when one of them has ended.";
                Problem::unavailable("overloaded", detail, 5)
            }
            ExportError::Behind => Problem::read_model_behind(),
            ExportError::Log(error) => error.into(),
            ExportError::SignIns(error) => error.into(),
            error => {
                error!(error = %Report::new(&error), "an export could not be begun");
                Problem::internal()
            }
        }
    }
}

fn wrong_credentials() -> Problem {
    let detail = "The e-mail address or the password is wrong.";
    Problem::unauthorized("invalid-credentials", detail, "Bearer")
}

/// The same for an address without an account.
fn delayed(seconds: f64) -> Problem {
    let detail = "Too many wrong passwords for this account: wait as long as Retry-After says, or reset the password.";
    // A quarter of an hour at most.
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "sign-in-delayed", detail)
        .with_retry_after(seconds.max(1.0) as u32)
}

fn weak(pointer: &'static str, rule: PasswordRule) -> Problem {
    Problem::invalid_field(pointer, rule.code(), rule.to_string())
}
