//! Messages to people about their accounts. Each contains a one-time token, and is written to the outbox in the
//! transaction that stores the token.

use std::collections::BTreeMap;

use daybook_commands::CommandError;
use daybook_domain::user::User;
use daybook_domain::{Email, StreamId, UserId};
use daybook_identity::one_time::{self, NoRandomness, OneTimeToken, Purpose};
use daybook_identity::security::SecurityEvent;
use daybook_processes::outbox::{Content, OutboxError, Template};
use error_reporter::Report;
use parking_lot::Mutex;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::app::App;
use crate::extract::of_database;
use crate::problem::{ApiResult, Problem};

/// How many requests about forgotten passwords may wait; further ones are refused, whoever they are from.
const WAITING: usize = 1_024;

#[derive(Debug, thiserror::Error)]
pub(crate) enum MessageError {
    #[error("an account could not be looked up")]
    Lookup(#[from] CommandError),
    #[error("a one-time token could not be issued")]
    Token(#[from] sqlx::Error),
    #[error(transparent)]
    Random(#[from] NoRandomness),
    #[error("a message could not be kept")]
    Outbox(#[from] OutboxError),
}

/// Writes a message with a token of `purpose` to somebody. Returns false if it did not: because they got many lately,
/// or because there is no address to write to.
pub(crate) async fn write(
    app: &App,
    id: UserId,
    user: &User,
    purpose: Purpose,
) -> Result<bool, MessageError> {
    let Some(email) = user.email.known().filter(|_| user.is_active()) else {
        return Ok(false);
    };
    let token = OneTimeToken::generate()?;
    let sealed = app
        .outbox
        .seal(id, template(purpose), &content(user, email, &token))
        .await?;
    let Some(message) = sealed else {
        return Ok(false);
    };
    let mut transaction = daybook_transaction::begin(&app.pool).await?;
    if !one_time::issue(&mut transaction, &token, id, purpose, email).await? {
        return Ok(false);
    }
    app.outbox.put(&mut transaction, &message).await?;
    transaction.commit().await?;
    Ok(true)
}

fn template(purpose: Purpose) -> Template {
    match purpose {
        Purpose::PasswordReset => Template::ResetPassword,
        Purpose::EmailVerification => Template::VerifyEmail,
    }
}

fn content(user: &User, email: &Email, token: &OneTimeToken) -> Content {
    let name = user.first_name.known().cloned().unwrap_or_default();
    let values = [
        ("firstName".to_owned(), name),
        ("token".to_owned(), token.expose().to_owned()),
    ];
    Content {
        to: email.clone(),
        values: BTreeMap::from(values),
    }
}

/// A user's account, if it exists and is active.
pub(crate) async fn active_user(app: &App, id: UserId) -> Result<Option<User>, CommandError> {
    let loaded = app.commands.load(StreamId::user(id)).await?.state;
    Ok(loaded.as_user().filter(|user| user.is_active()).cloned())
}

/// Asks somebody who has just opened an account to verify their address. If this fails, they have the account all the
/// same and can ask for another message.
pub(crate) async fn welcome(app: &App, id: UserId) {
    if let Err(error) = try_welcome(app, id).await {
        warn!(user.id = %id, error = %Report::new(&error), "a new account was not asked to verify its address");
    }
}

async fn try_welcome(app: &App, id: UserId) -> Result<(), MessageError> {
    if let Some(user) = active_user(app, id).await? {
        write(app, id, &user, Purpose::EmailVerification).await?;
    }
    Ok(())
}

/// Addresses whose owners say that they have forgotten their passwords. Whether there is such an account is looked up
/// after the answer, so that neither the answer nor its time tells.
pub(crate) struct ForgottenPasswords {
    asked: Sender<Asked>,
    asking: Mutex<Option<Receiver<Asked>>>,
}

/// The address, and the security event to record once it is known whether there is an account.
struct Asked {
    email: Email,
    event: SecurityEvent,
}

impl ForgottenPasswords {
    pub(crate) fn new() -> ForgottenPasswords {
        let (asked, asking) = mpsc::channel(WAITING);
        ForgottenPasswords {
            asked,
            asking: Mutex::new(Some(asking)),
        }
    }

    pub(crate) fn ask(&self, email: Email, event: SecurityEvent) -> ApiResult<()> {
        self.asked.try_send(Asked { email, event }).map_err(|_| {
            let detail = "Too many are asking for a new password; try again.";
            Problem::unavailable("overloaded", detail, 5)
        })
    }
}

/// Processes forgotten passwords one after another, until `stop` and until those accepted by then are done.
pub async fn answer_forgotten_passwords(app: App, stop: CancellationToken) {
    let Some(mut asking) = app.forgotten_passwords.asking.lock().take() else {
        return;
    };
    while let Some(Some(asked)) = stop.run_until_cancelled(asking.recv()).await {
        answer(&app, asked).await;
    }
    asking.close();
    while let Ok(asked) = asking.try_recv() {
        answer(&app, asked).await;
    }
}

async fn answer(app: &App, asked: Asked) {
    if let Err(error) = write_reset(app, asked).await {
        warn!(
            error = %Report::new(&error),
            "somebody who forgot their password was not written to"
        );
    }
}

async fn write_reset(app: &App, Asked { email, event }: Asked) -> Result<(), MessageError> {
    let owner = app.commands.email_owner(&email).await?;
    app.security.record(event.about(owner));
    let Some(id) = owner else {
        return Ok(());
    };
    if let Some(user) = active_user(app, id).await? {
        write(app, id, &user, Purpose::PasswordReset).await?;
    }
    Ok(())
}

impl From<MessageError> for Problem {
    fn from(error: MessageError) -> Problem {
        match error {
            MessageError::Lookup(error) => error.into(),
            MessageError::Token(error) | MessageError::Outbox(OutboxError::Database(error)) => {
                of_database(&error)
            }
            MessageError::Outbox(OutboxError::Key(error)) => error.into(),
            MessageError::Random(_) | MessageError::Outbox(_) => {
                error!(error = %Report::new(&error), "a message could not be written");
                Problem::internal()
            }
        }
    }
}
