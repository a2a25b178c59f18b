//! A shop on a database of its own, without HTTP.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use daybook_commands::{
    Answer, BusTasks, Command, CommandBus, CommandError, Context, CreateProduct, IdempotencyKey,
    PlaceOrder, Refusal, RegisterUser, Sent,
};
use daybook_database::MIGRATOR;
use daybook_domain::user::Role;
use daybook_domain::{Currency, Money, OrderId, ProductId, State, StreamId, UserId};
use daybook_log::{Actor, Codec, Metadata, Secrets};
use daybook_private_postgres::testing::TestDatabase;
use sqlx::PgPool;
use uuid::Uuid;

pub struct Shop {
    pub database: TestDatabase,
    pub pool: PgPool,
    pub codec: Codec,
    pub bus: CommandBus,
    pub tasks: Option<BusTasks>,
}

impl Shop {
    pub async fn open() -> Shop {
        let database = TestDatabase::create(&MIGRATOR).await.unwrap();
        let (pool, codec, bus, tasks) = start(&database);
        Shop {
            database,
            pool,
            codec,
            bus,
            tasks: Some(tasks),
        }
    }

    /// The write side of a second process on the same database.
    pub fn another_bus(&self) -> CommandBus {
        let (_, _, bus, tasks) = start(&self.database);
        std::mem::forget(tasks);
        bus
    }

    pub async fn customer(&self) -> UserId {
        customer(&self.bus).await
    }

    pub async fn product(&self, stock: u64) -> ProductId {
        product(&self.bus, 1250, stock).await
    }

    /// How many units of a product can be sold, by the log.
    pub async fn available(&self, product: ProductId) -> u64 {
        let State::Stock(stock) = self.bus.load(StreamId::stock(product)).await.unwrap().state
        else {
            panic!("not a stock");
        };
        stock.available()
    }

    /// Asserts what must hold of every log, whatever was done to it.
    pub async fn check_log(&self) {
        let (events, head, streams_whole): (i64, i64, bool) = sqlx::query_as(
            "select count(*), coalesce(max(position), 0),
                 (select coalesce(bool_and(n = last), true) from
                     (select count(*) as n, max(sequence) as last from log.events
                      group by aggregate_type, aggregate_id) streams)
             from log.events",
        )
        .fetch_one(&self.pool)
        .await
        .unwrap();
        assert_eq!(events, head, "positions are dense");
        assert!(streams_whole, "streams have no gaps");
    }
}

fn start(database: &TestDatabase) -> (PgPool, Codec, CommandBus, BusTasks) {
    let pool = database.server_pool().unwrap();
    let codec = Codec::new(pool.clone(), Arc::new(Secrets::from_master_key(&[7; 32])));
    let (bus, tasks) = CommandBus::start(pool.clone(), codec.clone());
    (pool, codec, bus, tasks)
}

pub fn keyed(key: &str, request: &str) -> Context {
    let key = IdempotencyKey {
        principal: Some("user:1".into()),
        route: "POST /things".into(),
        key: key.into(),
        request: request.as_bytes().to_vec(),
    };
    Context {
        metadata: Metadata::of(Actor::System("test".into()), Uuid::now_v7()),
        now: Utc::now(),
        key: Some(key),
    }
}

/// 200 for an outcome, 409 with the refusal's code otherwise.
pub fn respond<O>(outcome: Result<&O, &Refusal>) -> Answer {
    let (status, body) = match outcome {
        Ok(_) => (200, String::new()),
        Err(refusal) => (409, refusal.code().to_owned()),
    };
    Answer {
        status,
        headers: Vec::new(),
        body: body.into_bytes(),
        person: None,
    }
}

pub async fn send<C: Command>(
    bus: &CommandBus,
    command: C,
) -> Result<Sent<C::Outcome>, CommandError> {
    bus.send_as_system("test", Utc::now(), command).await
}

/// Sends a command that must be decided; returns the refusal's code, or "".
pub async fn code<C: Command>(bus: &CommandBus, command: C) -> String {
    match send(bus, command).await.unwrap().outcome {
        Ok(_) => String::new(),
        Err(refusal) => refusal.code().to_owned(),
    }
}

pub fn registration(email: &str) -> RegisterUser {
    RegisterUser {
        id: Uuid::now_v7().into(),
        email: email.parse().unwrap(),
        first_name: "Ada".into(),
        last_name: "Byron".into(),
        roles: [Role::User].into(),
    }
}

pub async fn customer(bus: &CommandBus) -> UserId {
    let register = registration(&format!("{}@example.com", Uuid::now_v7().simple()));
    let id = register.id;
    assert_eq!(code(bus, register).await, "");
    id
}

pub fn new_product(minor: i64, stock: u64) -> CreateProduct {
    CreateProduct {
        id: Uuid::now_v7().into(),
        name: "Teapot".into(),
        description: String::new(),
        price: euros(minor),
        stock,
        category_id: None,
        sku: None,
    }
}

pub async fn product(bus: &CommandBus, minor: i64, stock: u64) -> ProductId {
    let create = new_product(minor, stock);
    let id = create.id;
    assert_eq!(code(bus, create).await, "");
    id
}

pub fn euros(minor: i64) -> Money {
    Money {
        minor,
        currency: "EUR".parse::<Currency>().unwrap(),
    }
}

pub fn order(user_id: UserId, items: &[(ProductId, u32)]) -> PlaceOrder {
    let id: OrderId = Uuid::now_v7().into();
    PlaceOrder {
        id,
        user_id,
        items: items.to_vec(),
        shipping_address: None,
    }
}

pub const PATIENCE: Duration = Duration::from_secs(30);
