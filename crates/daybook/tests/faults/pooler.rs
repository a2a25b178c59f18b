//! A real PgBouncer between the server and PostgreSQL.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Stdio;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::evidence::{self, eventually, head};
use crate::process::{self, Server};
use crate::site::{Site, Visitor, serve};

struct Pooler {
    folder: TempDir,
    port: u16,
    _process: Child,
}

impl Pooler {
    async fn start(site: &Site, mode: &str) -> Pooler {
        let folder = process::folder();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let options: PgConnectOptions = site.database.server_url().parse().unwrap();
        let socket = options
            .get_socket()
            .expect("PostgreSQL listens on a socket only");
        let (host, user) = (socket.display(), options.get_username());
        // Everybody who comes is let in as this user.
        let settings = format!(
            "[databases]\n\
             * = host={host} port={} user={user}\n\
             [pgbouncer]\n\
             listen_addr = 127.0.0.1\n\
             listen_port = {port}\n\
             unix_socket_dir =\n\
             auth_type = any\n\
             pool_mode = {mode}\n\
             default_pool_size = 60\n\
             max_client_conn = 400\n",
            options.get_port()
        );
        let file = folder.path().join("pgbouncer.ini");
        fs::write(&file, settings).unwrap();
        let process = command(&file, socket).spawn().unwrap();
        let pooler = Pooler {
            folder,
            port,
            _process: process,
        };
        let probe: PgConnectOptions = pooler.url(site).parse().unwrap();
        let probe = probe.extra_float_digits(None);
        eventually("PgBouncer takes connections", async || {
            match probe.connect().await {
                Ok(connection) => connection.close().await.is_ok(),
                Err(_) => false,
            }
        })
        .await;
        pooler
    }

    fn url(&self, site: &Site) -> String {
        let options: PgConnectOptions = site.database.server_url().parse().unwrap();
        let (user, database) = (options.get_username(), site.database.name());
        format!("postgres://{user}@127.0.0.1:{}/{database}", self.port)
    }

    fn command(&self, site: &Site) -> Command {
        serve(
            self.folder.path(),
            &self.url(site),
            &site.database.migration_url(),
            "127.0.0.1:0",
        )
    }
}

fn command(settings: &Path, socket: &Path) -> Command {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("pgbouncer");
    command
        .arg(settings)
        // Debian keeps it there.
        .env("PATH", format!("{path}:/usr/sbin"))
        // Only PostgreSQL's own user may enter the socket's folder, and PgBouncer refuses to run as root.
        .uid(fs::metadata(socket).unwrap().uid())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_in_transaction_mode_is_refused_in_words() {
    let site = Site::new().await;
    let pooler = Pooler::start(&site, "transaction").await;
    let told = process::failure(&mut pooler.command(&site)).await;
    assert!(
        told.contains("gives each transaction another session"),
        "{told}"
    );
    assert!(told.contains("pool_mode = session"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_a_pooler_in_session_mode_a_shop_works_as_without() {
    let site = Site::new().await;
    let pooler = Pooler::start(&site, "session").await;
    let server = Server::start_command(&mut pooler.command(&site)).await;
    let product = Visitor::admin(&server).await.product("12.50", 5).await;
    let customer = Visitor::customer(&server).await;
    assert_eq!(customer.status(customer.order(&product, 2)).await, 201);
    let pool = site.database.superuser_pool().unwrap();
    assert_eq!(customer.stock(&product, head(&pool).await).await, 3);
    let rebuilt = process::run(
        process::daybook(pooler.folder.path())
            .args(["projections", "rebuild", "catalog"])
            .env("DATABASE_URL", pooler.url(&site))
            .env("DATABASE_MIGRATION_URL", site.database.migration_url()),
    )
    .await;
    assert!(rebuilt.status.success(), "{rebuilt:?}");
    evidence::everything_holds(&pool).await;
    assert!(server.stop().await.success());
}
