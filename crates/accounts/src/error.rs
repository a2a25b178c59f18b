use std::time::Duration;

use daybook_commands::CommandError;
use daybook_identity::access_token::TokenKeyError;
use daybook_identity::guessing::GuessError;
use daybook_identity::one_time::NoRandomness;
use daybook_identity::password::{PasswordError, PasswordRule};
use daybook_identity::session::SessionError;
use daybook_processes::outbox::OutboxError;

/// Why a use case of accounts failed.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    #[error("there is no such account, or it cannot be used")]
    NoAccount,
    #[error("the e-mail address or the password is wrong")]
    WrongCredentials,
    #[error("the old password is wrong")]
    WrongPassword,
    /// Too many wrong passwords were tried before.
    #[error("the next password is checked in {} s", .0.as_secs())]
    Delayed(Duration),
    #[error("the account has been deactivated")]
    Deactivated,
    #[error("whoever signed in at the identity provider has no administrator's account")]
    NoStaffAccount,
    /// The password of a new account.
    #[error("the password is not taken")]
    WeakPassword(#[source] PasswordRule),
    /// A password that would replace another.
    #[error("the new password is not taken")]
    WeakNewPassword(#[source] PasswordRule),
    #[error("the one-time token is unknown, used or too old")]
    InvalidToken,
    #[error("the e-mail address is verified already")]
    AlreadyVerified,
    #[error("several messages were sent lately")]
    TooManyMessages,
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error("a token could not be signed")]
    Sign(#[from] TokenKeyError),
    #[error("a password could not be checked")]
    Password(#[from] PasswordError),
    #[error(transparent)]
    Random(#[from] NoRandomness),
    #[error("a message could not be kept")]
    Outbox(#[from] OutboxError),
    #[error("the log could not be asked")]
    Command(#[from] CommandError),
    #[error("the database could not be asked")]
    Database(#[from] sqlx::Error),
}

impl From<GuessError> for AccountError {
    fn from(error: GuessError) -> AccountError {
        match error {
            GuessError::Password(error) => error.into(),
            GuessError::Database(error) => error.into(),
        }
    }
}
