//! Accounts that Daybook itself creates: the first admin, and the passwords of the demo's customers.

use std::collections::BTreeSet;

use chrono::Utc;
use daybook_commands::{CommandBus, RegisterUser, fixed_id, send_as_system};
use daybook_domain::user::Role;
use daybook_domain::{Email, InvalidField, StreamId, UserId};
use daybook_identity::{credentials, password};
use daybook_keys::MasterKey;
use secrecy::ExposeSecret;
use sqlx::PgPool;
use tracing::{info, warn};

use crate::failure::Failure;
use crate::seed;

/// The demo's admin, if no other was configured.
pub(crate) const DEMO_ADMIN: &str = "admin@daybook.example";

/// Creates the admin unless the e-mail address belongs to somebody already. Only an admin without a password is given
/// this one: a new admin, or one who came with an imported log. A password that was changed since stays.
pub(crate) async fn ensure_admin(
    bus: &CommandBus,
    pool: &PgPool,
    email: &str,
    password: &str,
) -> Result<(), Failure> {
    let failed = |reason: String| Failure::Admin {
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
    let made = send_as_system(bus, "first-start", Utc::now(), command).await?;
    match made {
        Ok(()) => info!(user.id = %id, "made the first admin"),
        // Another process that started at the same time was faster.
        Err(_) if bus.load(StreamId::user(id)).await?.version > 0 => {}
        Err(refused) => return Err(failed(refused.to_string())),
    }
    Ok(())
}

pub(crate) fn check_password(email: &str, password: &str) -> Result<(), Failure> {
    password::check_for(password, email).map_err(|wrong| Failure::Admin {
        email: email.to_owned(),
        reason: wrong.to_string(),
    })
}

/// Gives the demo's accounts the passwords that are derived from another master key, except for people who have changed
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

/// The same id from every process, so that only one of several that start at once creates the admin. A person who was
/// erased with such an id stays erased, and the next admin gets another id.
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

/// Stores a password's hash. Call it before the user is registered, so that no account ever exists without one.
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
