//! A database of a test's own, and people in it.

use std::time::Duration;

use daybook_database::MIGRATOR;
use daybook_domain::UserId;
use daybook_domain::user::Role;
use daybook_identity::session::{self, Lifetimes, Session};
use daybook_identity::{Means, Principal};
use daybook_private_postgres::testing::TestDatabase;
use sqlx::{Connection, PgConnection, PgPool, query, query_scalar};
use tokio::task::yield_now;
use tokio::time::timeout;
use uuid::Uuid;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
pub(crate) const LIFETIMES: Lifetimes = Lifetimes {
    idle: Duration::from_secs(7 * DAY.as_secs()),
    absolute: Duration::from_secs(30 * DAY.as_secs()),
};

pub(crate) struct Site {
    pub(crate) database: TestDatabase,
    /// As a server has it.
    pub(crate) pool: PgPool,
    /// What no server may do goes by this: time that passes, and what others hold.
    pub(crate) superuser: PgConnection,
}

impl Site {
    pub(crate) async fn open() -> Site {
        let database = TestDatabase::create(&MIGRATOR).await.unwrap();
        let pool = database.server_pool().unwrap();
        let superuser = PgConnection::connect(&database.superuser_url())
            .await
            .unwrap();
        Site {
            database,
            pool,
            superuser,
        }
    }

    /// That of another server of the shop.
    pub(crate) fn another_pool(&self) -> PgPool {
        self.database.server_pool().unwrap()
    }

    /// One more session of the superuser's, to hold something with.
    pub(crate) async fn another_session(&self) -> PgConnection {
        PgConnection::connect(&self.database.superuser_url())
            .await
            .unwrap()
    }

    pub(crate) async fn change(&mut self, statement: &str) -> u64 {
        let changed = query(statement).execute(&mut self.superuser).await.unwrap();
        changed.rows_affected()
    }

    pub(crate) async fn count(&self, of: &str) -> i64 {
        query_scalar(&format!("select count(*) from {of}"))
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }

    /// Returns once so many of the server's sessions wait for a lock.
    pub(crate) async fn until_waiting(&mut self, sessions: i64) {
        until("they wait for a lock", async || {
            let waiting: i64 = query_scalar(
                "select count(*) from pg_stat_activity
                 where datname = current_database() and usename = 'daybook' and wait_event_type = 'Lock'",
            )
            .fetch_one(&mut self.superuser)
            .await
            .unwrap();
            waiting == sessions
        })
        .await;
    }

    pub(crate) async fn sign_in(&self, user: UserId) -> Session {
        let generation = session::generation(&self.pool, user).await.unwrap();
        session::start(&self.pool, user, generation, LIFETIMES)
            .await
            .unwrap()
    }

    /// What an erasure leaves for those who come late.
    pub(crate) async fn erase(&mut self, user: UserId) {
        let erase = format!(
            "insert into log.erasures (person_id, position, erased_at) values ('{user}', 1, now())"
        );
        self.change(&erase).await;
    }
}

pub(crate) fn somebody() -> UserId {
    Uuid::now_v7().into()
}

/// Whoever holds an access token of this session.
pub(crate) fn holder(session: &Session) -> Principal {
    acting(session.user_id, session.means())
}

pub(crate) fn acting(user_id: UserId, means: Means) -> Principal {
    Principal {
        user_id,
        roles: [Role::User].into(),
        means,
    }
}

/// Returns once it is so; asking is what takes the time.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let looking = async {
        while !is_so().await {
            yield_now().await;
        }
    };
    timeout(Duration::from_secs(60), looking)
        .await
        .unwrap_or_else(|_| panic!("in vain waited until {what}"));
}
