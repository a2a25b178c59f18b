//! A log to project from, and people and goods to fill it with.

use std::{collections::HashMap, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use daybook_domain::{
    CategoryId, Event, Money, OrderId, ProductId, StreamId, UserId,
    category::CategoryEvent,
    order::{OrderEvent, OrderLine},
    product::ProductEvent,
    stock::StockEvent,
    user::{Role, UserEvent},
};
use daybook_log::{
    Actor, Codec, Feed, Metadata, PersonKey, Position, RecordedEvent, Secrets,
    append::{Append, NewEvent, append_batch},
};
use daybook_private_postgres::testing::TestDatabase;
use daybook_projections::{ProgressTracker, ProjectorConfig, ReadModels};
use sqlx::PgPool;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Far more than anything here takes, even on a machine that is busy with other tests.
pub(crate) const LONG: Duration = Duration::from_secs(60);

pub(crate) struct Shop {
    pub(crate) database: TestDatabase,
    pub(crate) pool: PgPool,
    secrets: Arc<Secrets>,
    codec: Codec,
    versions: HashMap<StreamId, i64>,
    keys: HashMap<UserId, Arc<PersonKey>>,
    clock: DateTime<Utc>,
    /// Who acts in the events that are appended from now on.
    pub(crate) actor: Actor,
}

impl Shop {
    pub(crate) async fn open() -> Shop {
        let database = TestDatabase::create(&daybook_database::MIGRATOR)
            .await
            .unwrap();
        let pool = database.server_pool().unwrap();
        let secrets = Arc::new(Secrets::from_master_key(&[7; 32]));
        let codec = Codec::new(pool.clone(), Arc::clone(&secrets));
        let clock = "2026-03-01T09:00:00.123456Z".parse().unwrap();
        Shop {
            database,
            pool,
            secrets,
            codec,
            versions: HashMap::new(),
            keys: HashMap::new(),
            clock,
            actor: Actor::User(Uuid::from_u128(1).into()),
        }
    }

    pub(crate) fn feed(&self) -> Feed {
        Feed::new(self.pool.clone(), self.codec.clone())
    }

    /// A feed that has seen no keys yet, like that of a process that has just been started.
    pub(crate) fn fresh_feed(&self) -> Feed {
        Feed::new(
            self.pool.clone(),
            Codec::new(self.pool.clone(), Arc::clone(&self.secrets)),
        )
    }

    pub(crate) async fn all_events(&self) -> Vec<RecordedEvent> {
        let batch = self.feed().read_after(0, i64::MAX).await.unwrap();
        assert!(batch.poison.is_none());
        batch.events
    }

    /// Appends events as one command would, a second after the last; returns the last position.
    pub(crate) async fn append(
        &mut self,
        events: impl IntoIterator<Item = (StreamId, Event)>,
    ) -> Position {
        self.clock += TimeDelta::seconds(1);
        let metadata = Metadata::of(self.actor.clone(), Uuid::now_v7());
        let metadata: Arc<str> = serde_json::to_string(&metadata).unwrap().into();
        let mut append = Append {
            id: Uuid::now_v7(),
            ..Append::default()
        };
        for (stream, event) in events {
            let key = event
                .person(stream)
                .map(|person| self.key_of(person, &mut append));
            let version = self.versions.entry(stream).or_default();
            *version += 1;
            let event_id = Uuid::now_v7();
            append.events.push(NewEvent {
                stream,
                sequence: *version,
                event_id,
                event_type: event.event_type(),
                event_version: event.event_version(),
                payload: self
                    .codec
                    .encode(&event, stream, event_id, key.as_deref())
                    .unwrap(),
                metadata: Arc::clone(&metadata),
                occurred_at: self.clock,
            });
        }
        let before = append_batch(&mut self.pool.acquire().await.unwrap(), &[&append])
            .await
            .unwrap();
        before + append.events.len() as i64
    }

    /// Appends events that happened at `at`, whenever that was.
    pub(crate) async fn append_at(
        &mut self,
        at: DateTime<Utc>,
        events: impl IntoIterator<Item = (StreamId, Event)>,
    ) -> Position {
        self.clock = at - TimeDelta::seconds(1);
        self.append(events).await
    }

    fn key_of(&mut self, person: UserId, append: &mut Append) -> Arc<PersonKey> {
        let key = self.keys.entry(person).or_insert_with(|| {
            let (key, wrapped) = self.codec.create_key(person).unwrap();
            append.person_keys.push((person.as_uuid(), wrapped));
            key
        });
        Arc::clone(key)
    }

    /// Writes a row to the log that `append` would never write.
    pub(crate) async fn append_raw(
        &self,
        stream: &str,
        event_type: &str,
        payload: &str,
    ) -> Position {
        let (aggregate_type, aggregate_id) = stream.split_once('/').unwrap();
        let superuser = self.database.superuser_pool().unwrap();
        sqlx::query_scalar(
            "insert into log.events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload,
                 metadata, position, event_id, occurred_at, recorded_at)
             select $1, $2, coalesce((select max(sequence) from log.events
                     where aggregate_type = $1 and aggregate_id = $2), 0) + 1,
                 $3, '1', $4::json, $5::json, (select coalesce(max(position), 0) + 1 from log.events),
                 gen_random_uuid(), now(), now()
             returning position",
        )
        .bind(aggregate_type)
        .bind(aggregate_id)
        .bind(event_type)
        .bind(payload)
        .bind(serde_json::to_string(&Metadata::of(Actor::Anonymous, Uuid::now_v7())).unwrap())
        .fetch_one(&superuser)
        .await
        .unwrap()
    }

    /// Counts an event of a stream that `append_raw` wrote.
    pub(crate) fn pass(&mut self, stream: StreamId) {
        *self.versions.entry(stream).or_default() += 1;
    }

    /// Projectors and the tracker of one process.
    pub(crate) fn serve(&self) -> Serving {
        self.serve_with(quick())
    }

    pub(crate) fn serve_with(&self, config: ProjectorConfig) -> Serving {
        let shutdown = CancellationToken::new();
        let progress = ProgressTracker::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(daybook_projections::run(
            self.fresh_feed(),
            self.pool.clone(),
            config,
            shutdown.clone(),
        ));
        tasks.spawn({
            let (progress, pool, shutdown) =
                (progress.clone(), self.pool.clone(), shutdown.clone());
            async move { progress.run(pool, shutdown).await }
        });
        Serving {
            read_models: ReadModels::new(self.pool.clone(), progress),
            shutdown,
            tasks,
        }
    }
}

pub(crate) struct Serving {
    pub(crate) read_models: ReadModels,
    shutdown: CancellationToken,
    tasks: JoinSet<()>,
}

impl Serving {
    /// Waits until every read model holds the event at `position`.
    pub(crate) async fn reach(&self, position: Position) {
        for name in ["catalog", "orders", "users", "analytics", "trail"] {
            self.read_models
                .wait_for(name, position, LONG)
                .await
                .unwrap();
        }
    }

    pub(crate) async fn stop(mut self) {
        self.shutdown.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
    }
}

/// A projector for which a test needn't wait long.
pub(crate) fn quick() -> ProjectorConfig {
    ProjectorConfig {
        lease_ttl: Duration::from_millis(800),
        poll_interval: Duration::from_millis(100),
        ..ProjectorConfig::default()
    }
}

/// Checks again and again until `condition` holds, and fails if it never does.
pub(crate) async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let looking = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(
        tokio::time::timeout(LONG, looking).await.is_ok(),
        "never came: {what}"
    );
}

pub(crate) fn eur(minor: i64) -> Money {
    Money::new(minor, "EUR".parse().unwrap())
}

pub(crate) fn category_created(id: CategoryId, name: &str) -> (StreamId, Event) {
    let event = CategoryEvent::Created {
        name: name.parse().unwrap(),
        description: format!("All about {name}."),
    };
    (StreamId::category(id), event.into())
}

pub(crate) fn product_created(
    id: ProductId,
    name: &str,
    price: Money,
    category: Option<CategoryId>,
) -> (StreamId, Event) {
    product_described(id, name, "", price, category, None)
}

pub(crate) fn product_described(
    id: ProductId,
    name: &str,
    description: &str,
    price: Money,
    category_id: Option<CategoryId>,
    sku: Option<&str>,
) -> (StreamId, Event) {
    let event = ProductEvent::Created {
        name: name.to_owned(),
        description: description.to_owned(),
        price,
        category_id,
        sku: sku.map(str::to_owned),
    };
    (StreamId::product(id), event.into())
}

pub(crate) fn product_retired(id: ProductId) -> (StreamId, Event) {
    (StreamId::product(id), ProductEvent::Retired.into())
}

pub(crate) fn stock_received(id: ProductId, quantity: u64) -> (StreamId, Event) {
    (
        StreamId::stock(id),
        StockEvent::Received {
            quantity,
            reason: None,
        }
        .into(),
    )
}

pub(crate) fn order_placed(
    id: OrderId,
    user_id: UserId,
    lines: Vec<OrderLine>,
) -> (StreamId, Event) {
    let total = lines
        .iter()
        .map(|line| line.total().unwrap())
        .reduce(|sum, line| sum.checked_add(line).unwrap())
        .unwrap();
    let event = OrderEvent::Placed {
        user_id,
        lines,
        total,
        shipping_address: None,
    };
    (StreamId::order(id), event.into())
}

pub(crate) fn user_registered(id: UserId, email: &str, roles: &[Role]) -> (StreamId, Event) {
    let event = UserEvent::Registered {
        email: email.parse::<daybook_domain::Email>().unwrap().into(),
        first_name: "Ann".to_owned().into(),
        last_name: "Example".to_owned().into(),
        roles: roles.iter().copied().collect(),
    };
    (StreamId::user(id), event.into())
}

pub(crate) fn id<T: From<Uuid>>() -> T {
    Uuid::now_v7().into()
}
