//! The first administrator, whom Daybook itself creates.

use std::collections::BTreeSet;

use chrono::Utc;
use daybook_commands::{CommandBus, CommandError, RegisterUser, fixed_id};
use daybook_domain::user::Role;
use daybook_domain::{Email, InvalidField, StreamId, UserId};
use daybook_identity::credentials;
use daybook_identity::password::{self, PasswordError};
use daybook_log::DATABASE_REMEDY;
use sqlx::PgPool;
use tracing::{info, warn};

/// Why the first administrator could not be created.
#[derive(Debug, thiserror::Error)]
pub enum FirstAdminError {
    #[error("the admin {email} could not be made: {reason}")]
    Refused { email: String, reason: String },
    #[error("a password cannot be used")]
    Password(#[from] PasswordError),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error("the password of the admin could not be looked up or stored")]
    Database(#[from] sqlx::Error),
}

impl FirstAdminError {
    pub fn remedy(&self) -> &'static str {
        match self {
            FirstAdminError::Refused { .. } => {
                "mend DAYBOOK_ADMIN_EMAIL and DAYBOOK_ADMIN_PASSWORD"
            }
            FirstAdminError::Command(error) => error.remedy(),
            FirstAdminError::Password(_) => {
                "try again; if it happens again, report it with the log above"
            }
            FirstAdminError::Database(_) => DATABASE_REMEDY,
        }
    }
}

/// Creates the admin unless the e-mail address belongs to somebody already. Only an admin without a password is given
/// this one: a new admin, or one who came with an imported log. A password that was changed since stays.
pub async fn ensure_admin(
    bus: &CommandBus,
    pool: &PgPool,
    email: &str,
    password: &str,
) -> Result<(), FirstAdminError> {
    let failed = |reason: String| FirstAdminError::Refused {
        email: email.to_owned(),
        reason,
    };
    let address: Email = email
        .parse()
        .map_err(|wrong: InvalidField| failed(wrong.detail))?;
    if let Some(owner) = bus.email_owner(&address).await? {
        return let_in(bus, pool, owner, password).await;
    }
    check_password(email, password)?;
    let id = free_id(bus, &address).await?;
    set_password(pool, id, password).await?;
    let command = RegisterUser {
        id,
        email: address,
        first_name: "Shop".to_owned(),
        last_name: "Admin".to_owned(),
        roles: BTreeSet::from([Role::User, Role::Admin]),
    };
    let sent = bus
        .send_as_system("first-start", Utc::now(), command)
        .await?;
    match sent.outcome {
        Ok(_) => info!(user.id = %id, "made the first admin"),
        // Another process that started at the same time was faster.
        Err(_) if bus.load(StreamId::user(id)).await?.version > 0 => {}
        Err(refusal) => return Err(failed(refusal.code().to_owned())),
    }
    Ok(())
}

pub fn check_password(email: &str, password: &str) -> Result<(), FirstAdminError> {
    password::check_for(password, email).map_err(|wrong| FirstAdminError::Refused {
        email: email.to_owned(),
        reason: wrong.to_string(),
    })
}

/// The same id from every process, so that only one of several that start at once creates the admin. A person who was
/// erased with such an id stays erased, and the next admin gets another id.
async fn free_id(bus: &CommandBus, address: &Email) -> Result<UserId, FirstAdminError> {
    let mut nth = 0;
    loop {
        let id = first_admin_id(address, nth);
        let known = bus.load(StreamId::user(id)).await?.state;
        if !known.as_user().is_some_and(|user| user.erased) {
            return Ok(id);
        }
        nth += 1;
    }
}

/// The `nth` id that an admin of this address may have.
pub fn first_admin_id(address: &Email, nth: usize) -> UserId {
    fixed_id(&format!("first admin {}", address.canonical()), nth).into()
}

/// Stores a password's hash. Call it before the user is registered, so that no account ever exists without one.
pub async fn set_password(
    pool: &PgPool,
    id: UserId,
    password: &str,
) -> Result<(), FirstAdminError> {
    let hash = password::hash(password).await?;
    Ok(credentials::store(pool, id, &hash).await?)
}

async fn let_in(
    bus: &CommandBus,
    pool: &PgPool,
    owner: UserId,
    password: &str,
) -> Result<(), FirstAdminError> {
    let user = bus.load(StreamId::user(owner)).await?;
    let is_admin = user
        .state
        .as_user()
        .is_some_and(|user| user.roles.contains(&Role::Admin));
    if !is_admin {
        warn!(user.id = %owner, "DAYBOOK_ADMIN_EMAIL is the address of a user who is no admin");
        return Ok(());
    }
    let known = credentials::find(pool, owner).await?;
    if known.is_none() {
        set_password(pool, owner, password).await?;
        info!(user.id = %owner, "gave the admin a password");
    }
    Ok(())
}
