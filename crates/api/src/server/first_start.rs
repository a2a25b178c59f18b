//! What a new shop gets: an admin, and where it is private the demo.

use chrono::Utc;
use secrecy::{ExposeSecret, SecretString};
use tracing::info;

use super::core::Core;
use super::database::Database;
use crate::config::ServerConfig;
use crate::failure::Failure;
use crate::keys::MasterKey;
use crate::{accounts, seed};

/// Who can sign in. A password is here only if we made it up.
#[derive(Default)]
pub(crate) struct Accounts {
    pub(crate) admin: Option<(String, Option<SecretString>)>,
    /// Their e-mail addresses and the password of all.
    pub(crate) customers: Option<(Vec<&'static str>, SecretString)>,
}

/// A demo may have whatever admin it likes; a shop may not.
pub(super) fn refuse_weak_secrets(config: &ServerConfig) -> Result<(), Failure> {
    let is_demo = config.database.server_url().is_none() && config.demo.is_on();
    match config.admin()? {
        Some((email, password)) if !is_demo => Ok(accounts::check_password(email, password)?),
        _ => Ok(()),
    }
}

/// Makes the admin, and in a private database the demo shop, where they are missing.
pub(super) async fn prepare(
    config: &ServerConfig,
    database: &Database,
    master_key: &MasterKey,
    core: &Core,
) -> Result<Accounts, Failure> {
    let mut accounts = Accounts::default();
    let has_demo = database.is_private() && config.demo.is_on();
    if let Some((email, password)) = config.admin()? {
        accounts::ensure_admin(&core.bus, &database.pool, email, password).await?;
        accounts.admin = Some((email.to_owned(), None));
    } else if has_demo {
        let (email, password) = (accounts::DEMO_ADMIN, master_key.demo_password("admin"));
        accounts::ensure_admin(&core.bus, &database.pool, email, password.expose_secret()).await?;
        accounts.admin = Some((email.to_owned(), Some(password)));
    }
    if has_demo {
        let password = master_key.demo_password("customers");
        let seeded = seed::run(&core.bus, &database.pool, &password, Utc::now()).await?;
        if !seeded.nothing() {
            info!(
                categories = seeded.categories,
                products = seeded.products,
                customers = seeded.customers,
                orders = seeded.orders,
                "laid out the demo shop"
            );
        }
        accounts.customers = Some((seed::customers(&database.pool).await?, password));
    }
    Ok(accounts)
}
