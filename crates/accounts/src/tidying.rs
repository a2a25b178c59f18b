//! Forgetting what need not be kept any longer.

use daybook_identity::session;
use error_reporter::Report;
use tracing::warn;

use crate::accounts::Accounts;

impl Accounts {
    /// Deletes old counts of wrong passwords, old security events, and sessions that ended long ago. What fails is left
    /// for the next time.
    pub async fn tidy(&self) {
        if let Err(error) = self.parts.guessing.tidy().await {
            warn!(
                error = %Report::new(&error),
                "old counts of wrong passwords could not be dropped"
            );
        }
        if let Err(error) = self.parts.security.expire().await {
            warn!(
                error = %Report::new(&error),
                "old security events could not be dropped"
            );
        }
        if let Err(error) = session::tidy(&self.parts.pool).await {
            warn!(
                error = %Report::new(&error),
                "sessions that ended long ago could not be dropped"
            );
        }
    }
}
