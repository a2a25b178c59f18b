//! The outbox, against a real database.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::Utc;
use daybook_commands::{BusTasks, Command, CommandBus, EraseUser, RegisterUser};
use daybook_database::MIGRATOR;
use daybook_domain::UserId;
use daybook_domain::user::Role;
use daybook_log::{Codec, Secrets};
use daybook_private_postgres::testing::TestDatabase;
use daybook_processes::outbox::{Content, Outbox, OutboxError, SealedMessage, Template};
use sqlx::{PgPool, query, query_scalar};
use uuid::Uuid;

const ANN: &str = "ann@example.com";

struct Site {
    outbox: Outbox,
    pool: PgPool,
    bus: CommandBus,
    ann: UserId,
    database: TestDatabase,
    _tasks: BusTasks,
}

impl Site {
    async fn open() -> Site {
        let database = TestDatabase::create(&MIGRATOR).await.unwrap();
        let pool = database.server_pool().unwrap();
        let codec = Codec::new(pool.clone(), Arc::new(Secrets::from_master_key(&[7; 32])));
        let (bus, _tasks) = CommandBus::start(pool.clone(), codec.clone());
        let site = Site {
            outbox: Outbox::new(pool.clone(), codec),
            pool,
            bus,
            ann: Uuid::now_v7().into(),
            database,
            _tasks,
        };
        let register = RegisterUser {
            id: site.ann,
            email: ANN.parse().unwrap(),
            first_name: "Ann".to_owned(),
            last_name: "Lee".to_owned(),
            roles: [Role::User].into(),
        };
        site.carry_out(register).await;
        site
    }

    async fn carry_out<C: Command>(&self, command: C) {
        let sent = self.bus.send_as_system("test", Utc::now(), command).await;
        sent.unwrap().outcome.unwrap();
    }

    async fn erase(&self) {
        let erase = EraseUser {
            id: self.ann,
            expected_version: None,
        };
        self.carry_out(erase).await;
    }

    async fn seal(&self, content: &Content) -> Option<SealedMessage> {
        let sealed = self.outbox.seal(self.ann, Template::VerifyEmail, content);
        sealed.await.unwrap()
    }

    async fn put(&self, message: &SealedMessage) {
        let mut transaction = daybook_database::begin(&self.pool).await.unwrap();
        self.outbox.put(&mut transaction, message).await.unwrap();
        transaction.commit().await.unwrap();
    }

    async fn count(&self) -> i64 {
        query_scalar("select count(*) from outbox.messages")
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }
}

fn content(token: &str) -> Content {
    Content {
        to: ANN.parse().unwrap(),
        values: BTreeMap::from([("token".to_owned(), token.to_owned())]),
    }
}

#[tokio::test]
async fn what_is_put_in_waits_in_its_order_and_says_what_it_said() {
    let site = Site::open().await;
    for token in ["first", "second"] {
        let message = site.seal(&content(token)).await.unwrap();
        site.put(&message).await;
    }
    let waiting = site.outbox.waiting(10).await.unwrap();
    assert_eq!(waiting.len(), 2);
    assert_eq!(site.outbox.waiting(1).await.unwrap(), waiting[..1]);
    for (message, token) in waiting.iter().zip(["first", "second"]) {
        assert_eq!(message.person, site.ann.as_uuid());
        assert_eq!(
            (message.channel.as_str(), message.template.as_str()),
            ("email", "verify-email")
        );
        let opened = site.outbox.open(message.id).await.unwrap().unwrap();
        assert!(opened == content(token));
    }
    assert!(site.outbox.open(Uuid::now_v7()).await.unwrap().is_none());
}

#[tokio::test]
async fn what_a_message_says_opens_in_no_other() {
    let site = Site::open().await;
    let (one, other) = (
        site.seal(&content("one")).await.unwrap(),
        site.seal(&content("other")).await.unwrap(),
    );
    site.put(&one).await;
    site.put(&other).await;
    query("update outbox.messages m set content = o.content from outbox.messages o where m.id = $1 and o.id = $2")
        .bind(one.id)
        .bind(other.id)
        .execute(&site.pool)
        .await
        .unwrap();
    let opened = site.outbox.open(one.id).await;
    assert!(matches!(opened, Err(OutboxError::Seal(_))), "{opened:?}");
}

#[tokio::test]
async fn of_who_is_erased_nothing_waits_and_nothing_comes_late() {
    let site = Site::open().await;
    let (there, late) = (
        site.seal(&content("there")).await.unwrap(),
        site.seal(&content("late")).await.unwrap(),
    );
    site.put(&there).await;
    let token =
        "insert into auth.one_time_tokens (token_hash, user_id, purpose, sent_to, expires_at)
                 values ('\\x01', $1, 'password-reset', '\\x02', now())";
    query(token)
        .bind(site.ann.as_uuid())
        .execute(&site.pool)
        .await
        .unwrap();
    site.erase().await;
    site.bus.forget(site.ann);
    assert_eq!(site.count().await, 0);
    let tokens: i64 = query_scalar("select count(*) from auth.one_time_tokens")
        .fetch_one(&site.pool)
        .await
        .unwrap();
    assert_eq!(tokens, 0);
    site.put(&late).await;
    assert_eq!(site.count().await, 0, "the erasure was known");
    assert!(site.seal(&content("later")).await.is_none());

    // A message written by a process that did not know of the erasure is swept up.
    let superuser = site.database.superuser_pool().unwrap();
    query(
        "insert into outbox.messages (id, person_id, channel, template, content)
         values (gen_random_uuid(), $1, 'email', 'verify-email', '\\x00')",
    )
    .bind(site.ann.as_uuid())
    .execute(&superuser)
    .await
    .unwrap();
    daybook_log::erasure::sweep(&site.pool, site.ann)
        .await
        .unwrap();
    assert_eq!(site.count().await, 0);
}
