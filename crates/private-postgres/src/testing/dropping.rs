//! Dropping the databases of tests that are over, without the tests waiting for it.

use std::sync::OnceLock;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use daybook_database::quoted;
use sqlx::{Connection, Executor, PgConnection};
use tracing::warn;

use super::address::Address;

type Dropped = (Address, String);

/// Has the database dropped, either some time before this process ends or never: a server for tests does
/// not outlive the run. A test's own runtime may have ended, so this has a thread of its own.
pub(crate) fn drop_soon(address: Address, name: String) {
    static QUEUE: OnceLock<Option<Sender<Dropped>>> = OnceLock::new();
    let queue = QUEUE.get_or_init(|| {
        let (sender, receiver) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("drop-test-databases".to_owned())
            .spawn(move || drop_all(&receiver));
        thread.map(|_| sender).ok()
    });
    if let Some(queue) = queue {
        // Sending fails only if the thread could not start its runtime.
        let _ = queue.send((address, name));
    }
}

fn drop_all(queue: &Receiver<Dropped>) {
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return warn!(%error, "could not start dropping test databases"),
    };
    for (address, name) in queue {
        if let Err(error) = runtime.block_on(drop_one(&address, &name)) {
            warn!(%error, database = name, "could not drop a test database");
        }
    }
}

async fn drop_one(address: &Address, name: &str) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(&address.maintenance_url()).await?;
    let drop = format!("drop database if exists {} with (force)", quoted(name));
    connection.execute(drop.as_str()).await?;
    connection.close().await
}
