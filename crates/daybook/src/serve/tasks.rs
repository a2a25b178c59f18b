//! The background tasks of a server that answers requests.

use std::path::Path;
use std::sync::Arc;

use daybook_accounts::ForgottenPasswords;
use daybook_api::app::App;
use daybook_edge::tls::{self, Certificate};
use daybook_keys as keys;
use daybook_projections::ProgressTracker;

use super::background::Background;
use super::chores;
use crate::site::database::Database;

/// Stopped from the last to the first: tasks that keep promises to requests stop before the tasks that they depend on.
pub(super) struct Tasks(Vec<Background>);

impl Tasks {
    pub(super) fn start(
        app: &App,
        progress: ProgressTracker,
        forgotten: ForgottenPasswords,
        database: &Database,
        data: &Path,
        certificate: Option<Arc<Certificate>>,
    ) -> Tasks {
        let revocations = app.callers.revocations.clone();
        let (folder, token_keys) = (data.to_owned(), app.callers.token_keys.clone());
        let security = app.security.clone();
        // Two tasks listen, each over a connection of its own, and have one each to query.
        let (heard, told) = (database.worker_pool(1), database.worker_pool(1));
        let mut tasks = vec![
            Background::start(
                "progress",
                |stop| async move { progress.run(heard, stop).await },
            ),
            Background::start("revocations", |stop| async move {
                revocations.run(told, stop).await
            }),
            Background::start("token keys", |stop| {
                keys::follow_token_keys(folder, token_keys, stop)
            }),
        ];
        tasks.extend(certificate.map(|certificate| {
            Background::start("certificate", |stop| tls::watch(certificate, stop))
        }));
        tasks.extend([
            Background::start("security events", |stop| async move {
                security.run(stop).await;
            }),
            Background::start("chores", |stop| chores::run(app.clone(), stop)),
            Background::start("forgotten passwords", |stop| forgotten.answer(stop)),
        ]);
        Tasks(tasks)
    }

    pub(super) async fn stop(self) {
        for task in self.0.into_iter().rev() {
            task.stop().await;
        }
    }
}
