//! A real standby.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::PathBuf;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection, query_scalar};
use tokio::process::{Child, Command};

use super::shop::Shop;
use crate::evidence::eventually;
use crate::process::postgres_program;

/// A standby that follows asynchronously: it has what it was sent in time.
pub struct Standby {
    pub folder: PathBuf,
    owner: (u32, u32),
    options: PgConnectOptions,
    process: Option<Child>,
}

impl Standby {
    pub async fn of(shop: &Shop) -> Standby {
        let postgres = shop.postgres.as_ref().unwrap();
        let (folder, superuser) = (shop.folder.path().join("standby"), postgres.superuser_url());
        let found = fs::metadata(shop.cluster()).unwrap();
        let owner = (found.uid(), found.gid());
        fs::create_dir(&folder).unwrap();
        chown(&folder, Some(owner.0), Some(owner.1)).unwrap();
        let mut backup = Command::new(postgres_program("pg_basebackup"));
        backup.args([
            "--write-recovery-conf",
            "--checkpoint=fast",
            "--dbname",
            &superuser,
        ]);
        backup.arg("--pgdata").arg(folder.join("cluster"));
        let status = backup
            .uid(owner.0)
            .gid(owner.1)
            .current_dir("/")
            .status()
            .await;
        assert!(status.unwrap().success());
        let options: PgConnectOptions = superuser.parse().unwrap();
        let options = options.socket(&folder);
        let mut standby = Standby {
            folder,
            owner,
            options,
            process: None,
        };
        standby.start().await;
        standby
    }

    pub async fn start(&mut self) {
        // A standby allows as many connections as the primary, or does not start.
        let mut command = Command::new(postgres_program("postgres"));
        command.arg("-D").arg(self.folder.join("cluster"));
        command.args([
            "-c",
            "listen_addresses=",
            "-c",
            "port=5432",
            "-c",
            "max_connections=200",
            "-c",
        ]);
        command.arg(format!("unix_socket_directories={}", self.folder.display()));
        command.uid(self.owner.0).gid(self.owner.1).current_dir("/");
        command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        self.process = Some(command.spawn().unwrap());
        eventually("the standby answers", async || self.connect().await.is_ok()).await;
    }

    /// As the server's role, which may only read here.
    pub fn server_url(&self) -> String {
        let folder = self.folder.display();
        format!("postgres:///daybook?host={folder}&user=daybook&port=5432")
    }

    pub async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        self.options.connect().await
    }

    /// Waits until it has everything that the shop has committed.
    pub async fn follows(&self, shop: &Shop) {
        let sent: String = query_scalar("select pg_current_wal_lsn()::text")
            .fetch_one(&shop.pool().await)
            .await
            .unwrap();
        eventually("the standby has it", async || {
            let mut connection = self.connect().await.unwrap();
            query_scalar("select pg_last_wal_replay_lsn() >= $1::pg_lsn")
                .bind(&sent)
                .fetch_one(&mut connection)
                .await
                .unwrap()
        })
        .await;
    }

    pub async fn stop(&mut self) {
        let mut process = self.process.take().unwrap();
        let pid = Pid::from_raw(i32::try_from(process.id().unwrap()).unwrap()).unwrap();
        kill_process(pid, Signal::INT).unwrap();
        process.wait().await.unwrap();
    }

    pub async fn promote(&self) {
        let mut connection = self.connect().await.unwrap();
        let promoted: bool = query_scalar("select pg_promote()")
            .fetch_one(&mut connection)
            .await
            .unwrap();
        assert!(promoted);
    }
}
