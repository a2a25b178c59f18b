//! A lock that other sessions need, held as long as a test wants them to wait at exactly that point.

use sqlx::{Connection, Executor, PgConnection, PgPool, query_scalar};

pub struct Gate {
    connection: PgConnection,
    session: i32,
}

impl Gate {
    /// `lock` is the statement that takes the lock, `url` a superuser's URL.
    pub async fn close(url: &str, lock: &str) -> Gate {
        let mut connection = PgConnection::connect(url).await.unwrap();
        let session = query_scalar("select pg_backend_pid()")
            .fetch_one(&mut connection)
            .await
            .unwrap();
        connection.execute("begin").await.unwrap();
        connection.execute(lock).await.unwrap();
        Gate {
            connection,
            session,
        }
    }

    /// The sessions that wait for the lock.
    pub async fn waiting(&self, pool: &PgPool) -> Vec<i32> {
        query_scalar("select pid from pg_stat_activity where $1 = any(pg_blocking_pids(pid))")
            .bind(self.session)
            .fetch_all(pool)
            .await
            .unwrap()
    }

    pub async fn open(self) {
        self.connection.close().await.unwrap();
    }
}
