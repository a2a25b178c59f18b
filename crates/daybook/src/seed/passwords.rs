//! The passwords of the demo's accounts, which are derived from the master key.

use daybook_accounts::{FirstAdminError, first_admin_id, set_password};
use daybook_identity::{credentials, password};
use daybook_keys::MasterKey;
use secrecy::ExposeSecret;
use sqlx::PgPool;

use super::customer_ids;

/// The demo's admin, if no other was configured.
pub(crate) const DEMO_ADMIN: &str = "admin@daybook.example";

/// Gives the demo's accounts the passwords that are derived from another master key, except for people who have changed
/// theirs.
pub(crate) async fn renew(
    pool: &PgPool,
    present: &MasterKey,
    new: &MasterKey,
) -> Result<(), FirstAdminError> {
    let admin = DEMO_ADMIN
        .parse()
        .ok()
        .map(|address| first_admin_id(&address, 0));
    let accounts = admin
        .into_iter()
        .map(|id| (id, "admin"))
        .chain(customer_ids().map(|id| (id, "customers")));
    for (id, account) in accounts {
        let known = credentials::find(pool, id).await?;
        let Some(hash) = known else { continue };
        if password::verify(present.demo_password(account).expose_secret(), &hash).await? {
            set_password(pool, id, new.demo_password(account).expose_secret()).await?;
        }
    }
    Ok(())
}
