//! What a new shop gets: an admin, and the demo if the database is private.

use chrono::Utc;
use daybook_accounts::{check_password, ensure_admin};
use daybook_keys::MasterKey;
use secrecy::{ExposeSecret, SecretString};
use tracing::info;

use crate::config::ServerConfig;
use crate::failure::Failure;
use crate::seed;
use crate::site::core::Core;
use crate::site::database::Database;

/// The accounts to show at the start. A password is here only if we generated it.
#[derive(Default)]
pub(crate) struct SignIns {
    pub(crate) admin: Option<(String, Option<SecretString>)>,
    /// Their e-mail addresses, and the password that all of them have.
    pub(crate) customers: Option<(Vec<&'static str>, SecretString)>,
}

/// A demo may have any admin; a shop must not have a weak one.
pub(super) fn refuse_weak_secrets(config: &ServerConfig) -> Result<(), Failure> {
    let is_demo = config.database.server_url().is_none() && config.demo.is_on();
    match config.admin()? {
        Some((email, password)) if !is_demo => Ok(check_password(email, password)?),
        _ => Ok(()),
    }
}

/// Creates the admin, and in a private database the demo shop, if they are missing.
pub(super) async fn prepare(
    config: &ServerConfig,
    database: &Database,
    master_key: &MasterKey,
    core: &Core,
) -> Result<SignIns, Failure> {
    let mut sign_ins = SignIns::default();
    let has_demo = database.is_private() && config.demo.is_on();
    if let Some((email, password)) = config.admin()? {
        ensure_admin(&core.bus, &database.pool, email, password).await?;
        sign_ins.admin = Some((email.to_owned(), None));
    } else if has_demo {
        let (email, password) = (seed::DEMO_ADMIN, master_key.demo_password("admin"));
        ensure_admin(&core.bus, &database.pool, email, password.expose_secret()).await?;
        sign_ins.admin = Some((email.to_owned(), Some(password)));
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
                "created the demo shop"
            );
        }
        sign_ins.customers = Some((seed::customers(&database.pool).await?, password));
    }
    Ok(sign_ins)
}
