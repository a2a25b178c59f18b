//! Accounts that Daybook makes by itself: the first admin, and the demo's customers' passwords.

use std::collections::BTreeSet;
use std::error::Error;

use chrono::Utc;
use daybook_commands::{CommandBus, RegisterUser};
use daybook_domain::user::Role;
use daybook_domain::{Email, InvalidField, StreamId, UserId};
use daybook_identity::{credentials, password};
use secrecy::ExposeSecret;
use sqlx::PgPool;
use tracing::{info, warn};

use crate::failure::Failure;
use crate::fixed_id::fixed_id;
use crate::keys::MasterKey;
use crate::{seed, system};

/// The admin of a demo for which none was asked for.
pub(crate) const DEMO_ADMIN: &str = "admin@daybook.example";

/// Why the admin that was asked for is not there.
#[derive(Debug, thiserror::Error)]
#[error("the admin {email} could not be made")]
pub struct AdminError {
    email: String,
    source: Box<dyn Error + Send + Sync>,
}

impl AdminError {
    fn of(email: &str, source: impl Into<Box<dyn Error + Send + Sync>>) -> AdminError {
        AdminError {
            email: email.to_owned(),
            source: source.into(),
        }
    }

    pub(crate) fn remedy(&self) -> &'static str {
        "mend DAYBOOK_ADMIN_EMAIL and DAYBOOK_ADMIN_PASSWORD"
    }
}

/// Makes the admin unless the e-mail address is somebody's already. Only an admin without a password is
/// given this one, a new admin or one that came with an imported log: a password that was changed since stays.
pub(crate) async fn ensure_admin(
    bus: &CommandBus,
    pool: &PgPool,
    email: &str,
    password: &str,
) -> Result<(), Failure> {
    let address: Email = email
        .parse()
        .map_err(|wrong: InvalidField| AdminError::of(email, wrong.detail))?;
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
    let made = system::execute(bus, "first-start", Utc::now(), command).await?;
    match made {
        Ok(()) => info!(user.id = %id, "made the first admin"),
        // Another process that started with us was faster.
        Err(_) if bus.load(StreamId::user(id)).await?.version > 0 => {}
        Err(refused) => return Err(AdminError::of(email, refused).into()),
    }
    Ok(())
}

pub(crate) fn check_password(email: &str, password: &str) -> Result<(), AdminError> {
    password::check_for(password, email).map_err(|wrong| AdminError::of(email, wrong))
}

/// Gives the demo's accounts the passwords that follow from another master key, but for those who have changed
/// theirs.
pub(crate) async fn renew_demo_passwords(
    pool: &PgPool,
    present: &MasterKey,
    new: &MasterKey,
) -> Result<(), Failure> {
    let admin = DEMO_ADMIN.parse().ok().map(|address| admin_id(&address, 0));
    let accounts = admin
        .into_iter()
        .map(|id| (id, "admin"))
        .chain(seed::customer_ids().map(|id| (id, "customers")));
    for (id, account) in accounts {
        let known = credentials::find(pool, id)
            .await
            .map_err(Failure::database("looking up a password's hash"))?;
        let Some(hash) = known else { continue };
        if password::verify(present.demo_password(account).expose_secret(), &hash)
            .await
            .map_err(unusable)?
        {
            set_password(pool, id, new.demo_password(account).expose_secret()).await?;
        }
    }
    Ok(())
}

/// The same from every process, so that of several that start at once one makes the admin. Whoever was erased
/// under such an id stays so, and the next admin has another.
async fn free_id(bus: &CommandBus, address: &Email) -> Result<UserId, Failure> {
    let mut nth = 0;
    loop {
        let id = admin_id(address, nth);
        let known = bus.load(StreamId::user(id)).await?.state;
        if !known.as_user().is_some_and(|user| user.erased) {
            return Ok(id);
        }
        nth += 1;
    }
}

fn admin_id(address: &Email, nth: usize) -> UserId {
    fixed_id(&format!("first admin {}", address.canonical()), nth).into()
}

fn unusable(source: password::PasswordError) -> Failure {
    Failure::Unusable {
        what: "a password",
        source: source.into(),
    }
}

/// Stores a password's hash. To be called before the user is registered, so that no account is ever
/// without one.
pub(crate) async fn set_password(pool: &PgPool, id: UserId, password: &str) -> Result<(), Failure> {
    let hash = password::hash(password).await.map_err(unusable)?;
    credentials::store(pool, id, &hash)
        .await
        .map_err(Failure::database("storing a password's hash"))
}

async fn let_in(
    bus: &CommandBus,
    pool: &PgPool,
    owner: UserId,
    password: &str,
) -> Result<(), Failure> {
    let user = bus.load(StreamId::user(owner)).await?;
    let is_admin = user
        .state
        .as_user()
        .is_some_and(|user| user.roles.contains(&Role::Admin));
    if !is_admin {
        warn!(user.id = %owner, "DAYBOOK_ADMIN_EMAIL is the address of a user who is no admin");
        return Ok(());
    }
    let known = credentials::find(pool, owner)
        .await
        .map_err(Failure::database("looking up a password's hash"))?;
    if known.is_none() {
        set_password(pool, owner, password).await?;
        info!(user.id = %owner, "gave the admin a password");
    }
    Ok(())
}
