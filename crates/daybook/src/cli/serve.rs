use clap::Args;
use tracing::warn;

use super::runtime;
use crate::config::ServerConfig;
use crate::failure::Failure;
use crate::serve;
use crate::serve::welcome;

/// Serve the shop; without DATABASE_URL with a private PostgreSQL and a demo shop.
///
/// Without DATABASE_URL a private PostgreSQL is started in the data folder, from the system's own binaries, and gets a
/// demo shop the first time. The database is migrated. Then all roles that were asked for run in this one process until
/// Ctrl-C or SIGTERM: it answers the requests that were accepted, commits the commands in flight, and shuts the private
/// PostgreSQL down.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  daybook serve
  daybook serve --listen 127.0.0.1:0                     a free port, printed at the start
  daybook serve --tls-cert shop.pem --tls-key shop.key   https, with HTTP/2
  DAYBOOK_ADMIN_EMAIL=me@shop.example DAYBOOK_ADMIN_PASSWORD=... daybook serve
  DATABASE_URL=postgres://shop@db/daybook daybook serve --role api
  DATABASE_URL=postgres://shop@db/daybook daybook serve --role projector")]
pub(crate) struct Arguments {
    #[command(flatten)]
    server: ServerConfig,
}

pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    let over_tls = arguments.server.edge.is_over_tls();
    runtime::run(&arguments.server.log, |stop| {
        serve::serve(&arguments.server, stop, |address, sign_ins| {
            // The shop is open even if nobody reads what we print.
            if let Err(error) = welcome::print(address, over_tls, sign_ins) {
                warn!(%error, "could not print where the shop is");
            }
        })
    })
}
