//! A lease is held by one, whatever table it is kept in.

use std::time::Duration;

use daybook_database::{Lease, LeaseError, LeaseTable, MIGRATOR, begin};
use daybook_private_postgres::testing::TestDatabase;
use sqlx::{PgPool, query};
use tokio::time::{Instant, sleep, timeout};

const TTL: Duration = Duration::from_secs(60);

/// The tables there are, with a key for each.
const TABLES: [(LeaseTable, &str); 2] = [
    (
        LeaseTable {
            table: "projections.leases",
            key_column: "name",
            key_type: "text",
        },
        "tally",
    ),
    (
        LeaseTable {
            table: "audit.sealer",
            key_column: "only_row",
            key_type: "boolean",
        },
        "true",
    ),
];

/// Somebody's access to one of the leases.
struct Place {
    pool: PgPool,
    table: LeaseTable,
    key: &'static str,
}

impl Place {
    async fn all() -> (TestDatabase, Vec<Place>) {
        let database = TestDatabase::create(&MIGRATOR).await.unwrap();
        let pool = database.server_pool().unwrap();
        let place = |(table, key)| Place {
            pool: pool.clone(),
            table,
            key,
        };
        let places = TABLES.into_iter().map(place).collect();
        (database, places)
    }

    async fn acquire(&self, holder: &str) -> Option<Lease> {
        self.acquire_for(holder, TTL).await
    }

    async fn acquire_for(&self, holder: &str, ttl: Duration) -> Option<Lease> {
        let acquired = self.table.acquire(&self.pool, self.key, holder, ttl);
        acquired.await.unwrap()
    }

    async fn expire(&self) {
        let table = self.table.table;
        query(&format!(
            "update {table} set expires_at = clock_timestamp()"
        ))
        .execute(&self.pool)
        .await
        .unwrap();
    }
}

#[tokio::test]
async fn a_lease_is_held_by_one_until_it_expires() {
    let (_database, places) = Place::all().await;
    for place in places {
        let first = place.acquire("first").await.unwrap();
        assert!(place.acquire("second").await.is_none());
        first.renew().await.unwrap();

        place.expire().await;
        let second = place.acquire("second").await.unwrap();
        assert!(second.fencing() > first.fencing());
        assert!(matches!(first.renew().await, Err(LeaseError::Lost)));
        assert!(place.acquire("first").await.is_none());

        // What is no longer one's own cannot be let go of either.
        first.release().await.unwrap();
        assert!(place.acquire("first").await.is_none());
        second.release().await.unwrap();
        let third = place.acquire("first").await.unwrap();
        assert!(third.fencing() > second.fencing());
    }
}

#[tokio::test]
async fn a_holder_whose_session_ended_is_followed_at_once() {
    let (_database, places) = Place::all().await;
    for place in places {
        let dead = place.acquire("dead").await.unwrap();
        assert!(place.acquire("next").await.is_none());
        // As when its process is killed: nothing is released, the connection is just gone.
        let number = dead.fencing();
        drop(dead);
        // The takeover, long before the expiry.
        let takeover = async {
            loop {
                match place.acquire("next").await {
                    Some(next) => return next.fencing(),
                    None => sleep(Duration::from_millis(10)).await,
                }
            }
        };
        assert!(timeout(TTL / 2, takeover).await.unwrap() > number);
    }
}

#[tokio::test]
async fn a_lease_that_is_kept_does_not_expire_and_its_keeper_learns_of_a_takeover() {
    let (_database, places) = Place::all().await;
    for place in places {
        let ttl = Duration::from_secs(3);
        let kept = place.acquire_for("first", ttl).await.unwrap();
        let begun = Instant::now();
        let keeping = tokio::spawn(async move { kept.keep().await });
        while begun.elapsed() < ttl + ttl / 3 {
            assert!(place.acquire("second").await.is_none());
            sleep(ttl / 10).await;
        }
        place.expire().await;
        // Unless it was renewed in between.
        let second = loop {
            match place.acquire("second").await {
                Some(second) => break second,
                None => place.expire().await,
            }
        };
        let ended = timeout(TTL, keeping).await.unwrap().unwrap();
        assert!(matches!(ended, Err(LeaseError::Lost)), "{ended:?}");
        second.renew().await.unwrap();
    }
}

#[tokio::test]
async fn a_transaction_is_refused_once_the_lease_is_anothers() {
    let (database, places) = Place::all().await;
    let pool = database.server_pool().unwrap();
    for place in places {
        let first = place.acquire("first").await.unwrap();
        let mut transaction = begin(&pool).await.unwrap();
        first.check(&mut transaction).await.unwrap();
        transaction.commit().await.unwrap();
        place.expire().await;
        let second = place.acquire("second").await.unwrap();
        let mut transaction = begin(&pool).await.unwrap();
        let refused = first.check(&mut transaction).await;
        assert!(matches!(refused, Err(LeaseError::Lost)), "{refused:?}");
        second.check(&mut transaction).await.unwrap();
    }
}
