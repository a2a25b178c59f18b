//! What the read models should hold, computed from the whole log at once: each value is looked up among
//! the events that can set it, or summed over them, instead of being updated step by step.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use daybook_database::from_row;
use daybook_domain::{
    AggregateType, Event, Money, category::CategoryEvent, order::OrderEvent, product::ProductEvent,
    stock::StockEvent, user::UserEvent,
};
use daybook_log::RecordedEvent;
use sqlx::{FromRow, PgPool};
use uuid::Uuid;

/// Checks that the read models in these schemas hold exactly what the log says.
pub(crate) async fn check(
    pool: &PgPool,
    events: &[RecordedEvent],
    [catalog, orders, users]: [&str; 3],
) {
    let log = Log(events);
    assert_eq!(
        rows::<Product>(pool, catalog).await,
        log.all(&[AggregateType::Product, AggregateType::Stock], product)
    );
    assert_eq!(
        rows::<Category>(pool, catalog).await,
        log.all(&[AggregateType::Category], category)
    );
    assert_eq!(
        rows::<Order>(pool, orders).await,
        log.all(&[AggregateType::Order], order)
    );
    assert_eq!(
        rows::<Line>(pool, orders).await,
        log.all(&[AggregateType::Order], lines).concat()
    );
    assert_eq!(
        rows::<Entry>(pool, orders).await,
        log.all(&[AggregateType::Order], history).concat()
    );
    assert_eq!(
        rows::<User>(pool, users).await,
        log.all(&[AggregateType::User], user)
    );
}

async fn rows<T: Table>(pool: &PgPool, schema: &str) -> Vec<T> {
    sqlx::query_as(&T::SELECT.replace("{schema}", schema))
        .fetch_all(pool)
        .await
        .unwrap()
}

trait Table: for<'r> FromRow<'r, sqlx::postgres::PgRow> + Send + Unpin {
    const SELECT: &'static str;
}

macro_rules! table {
    ($row:ident { $($field:ident: $type:ty),* $(,)? } $select:literal) => {
        #[derive(Clone, Debug, PartialEq)]
        struct $row { $($field: $type),* }

        from_row!($row { $($field),* });

        impl Table for $row {
            const SELECT: &'static str = $select;
        }
    };
}

table! {
    Product {
        id: Uuid, name: String, sort_name: String, description: String, price_minor: i64, price: String,
        currency: String, stock: i64, category_id: Option<Uuid>, sku: Option<String>, created_at: DateTime<Utc>,
        updated_at: DateTime<Utc>, product_version: i64, stock_version: i64, retired: bool, listed: bool,
    }
    "select id, name, sort_name, description, price_minor, trim_scale(price)::text as price, currency, stock,
        category_id, sku, created_at, updated_at, product_version, stock_version, retired, listed
     from {schema}.products order by id"
}
table! {
    Category {
        id: Uuid, name: String, sort_name: String, description: String, created_at: DateTime<Utc>,
        updated_at: DateTime<Utc>, version: i64, deleted: bool,
    }
    "select id, name, sort_name, description, created_at, updated_at, version, deleted
     from {schema}.categories order by id"
}
table! {
    Order {
        id: Uuid, user_id: Option<Uuid>, status: String, total_minor: i64, currency: String, created_at: DateTime<Utc>,
        updated_at: DateTime<Utc>, version: i64,
    }
    "select id, user_id, status, total_minor, currency, created_at, updated_at, version
     from {schema}.orders order by id"
}
table! {
    Line { order_id: Uuid, line: i32, product_id: Uuid, name: String, quantity: i64, unit_price_minor: i64 }
    "select order_id, line, product_id, name, quantity, unit_price_minor
     from {schema}.order_lines order by order_id, line"
}
table! {
    Entry { order_id: Uuid, seq: i64, status: String, at: DateTime<Utc>, actor: String, details: String }
    "select order_id, seq, status, at, actor, details::text as details
     from {schema}.order_history order by order_id, seq"
}
table! {
    User {
        id: Uuid, email: Option<String>, first_name: Option<String>, last_name: Option<String>, roles: Vec<String>,
        external_id: Option<String>, email_verified: bool, deactivated_at: Option<DateTime<Utc>>,
        created_at: DateTime<Utc>, updated_at: DateTime<Utc>, version: i64,
    }
    "select id, email, first_name, last_name, roles, external_id, email_verified, deactivated_at, created_at, updated_at,
         version
     from {schema}.users order by id"
}

struct Log<'a>(&'a [RecordedEvent]);

impl Log<'_> {
    /// One value for each id that streams of these types have, in the order of the ids.
    fn all<T>(
        &self,
        types: &[AggregateType],
        value: impl Fn(Uuid, &[&RecordedEvent]) -> T,
    ) -> Vec<T> {
        let concerned = |event: &&RecordedEvent| types.contains(&event.stream.aggregate_type);
        let ids: BTreeSet<Uuid> = self
            .0
            .iter()
            .filter(concerned)
            .map(|event| event.stream.id)
            .collect();
        let of = |id: Uuid| {
            Vec::from_iter(
                self.0
                    .iter()
                    .filter(concerned)
                    .filter(move |e| e.stream.id == id),
            )
        };
        ids.into_iter().map(|id| value(id, &of(id))).collect()
    }
}

fn last<T>(events: &[&RecordedEvent], value: impl Fn(&Event) -> Option<T>) -> Option<T> {
    events.iter().rev().find_map(|event| value(&event.event))
}

fn version(events: &[&RecordedEvent], of: AggregateType) -> i64 {
    events
        .iter()
        .filter(|event| event.stream.aggregate_type == of)
        .count() as i64
}

fn product(id: Uuid, events: &[&RecordedEvent]) -> Product {
    let created = events
        .iter()
        .find(|e| matches!(e.event, Event::Product(ProductEvent::Created { .. })))
        .unwrap();
    let (name, description) = last(events, |event| match event {
        Event::Product(
            ProductEvent::Created {
                name, description, ..
            }
            | ProductEvent::Described { name, description },
        ) => Some((name.clone(), description.clone())),
        _ => None,
    })
    .unwrap();
    let price: Money = last(events, |event| match event {
        Event::Product(
            ProductEvent::Created { price, .. } | ProductEvent::Repriced { to: price, .. },
        ) => Some(*price),
        _ => None,
    })
    .unwrap();
    let category_id = last(events, |event| match event {
        Event::Product(
            ProductEvent::Created { category_id, .. } | ProductEvent::Categorised { category_id },
        ) => Some(*category_id),
        _ => None,
    });
    let sku = last(events, |event| match event {
        Event::Product(ProductEvent::Created { sku, .. }) => Some(sku.clone()),
        _ => None,
    });
    let stock = events.iter().map(|event| match &event.event {
        Event::Stock(StockEvent::Received { quantity, .. }) => *quantity as i64,
        Event::Stock(StockEvent::Released { quantity, .. }) => i64::from(*quantity),
        Event::Stock(StockEvent::WrittenOff { quantity, .. }) => -(*quantity as i64),
        Event::Stock(StockEvent::Reserved { quantity, .. }) => -i64::from(*quantity),
        _ => 0,
    });
    let retired = events
        .iter()
        .any(|event| matches!(event.event, Event::Product(ProductEvent::Retired)));
    Product {
        id,
        sort_name: name.to_lowercase(),
        name,
        description,
        price_minor: price.minor,
        price: trimmed(price),
        currency: price.currency.code().to_owned(),
        stock: stock.sum(),
        category_id: category_id.flatten().map(|id| id.as_uuid()),
        sku: sku.flatten(),
        created_at: created.occurred_at,
        updated_at: events.iter().map(|event| event.occurred_at).max().unwrap(),
        product_version: version(events, AggregateType::Product),
        stock_version: version(events, AggregateType::Stock),
        retired,
        listed: !retired,
    }
}

/// `12.5` for 12.50 EUR.
fn trimmed(price: Money) -> String {
    let shown = price.to_string();
    let amount = shown.split(' ').next().unwrap();
    if amount.contains('.') {
        amount
            .trim_end_matches('0')
            .trim_end_matches('.')
            .to_owned()
    } else {
        amount.to_owned()
    }
}

fn category(id: Uuid, events: &[&RecordedEvent]) -> Category {
    let (name, description) = last(events, |event| match event {
        Event::Category(
            CategoryEvent::Created { name, description }
            | CategoryEvent::Changed { name, description },
        ) => Some((name.to_string(), description.clone())),
        _ => None,
    })
    .unwrap();
    Category {
        id,
        sort_name: name.to_lowercase(),
        name,
        description,
        created_at: events[0].occurred_at,
        updated_at: events[events.len() - 1].occurred_at,
        version: events.len() as i64,
        deleted: events
            .iter()
            .any(|event| matches!(event.event, Event::Category(CategoryEvent::Deleted))),
    }
}

fn status(event: &Event) -> &'static str {
    match event {
        Event::Order(OrderEvent::Placed { .. }) => "pending",
        Event::Order(OrderEvent::Imported { .. } | OrderEvent::LineImported(_)) => "imported",
        Event::Order(OrderEvent::Processed) => "processing",
        Event::Order(OrderEvent::Shipped { .. }) => "shipped",
        Event::Order(OrderEvent::Delivered) => "delivered",
        Event::Order(OrderEvent::Cancelled { .. }) => "cancelled",
        _ => panic!("not an order's"),
    }
}

fn order(id: Uuid, events: &[&RecordedEvent]) -> Order {
    let (user_id, currency) = match &events[0].event {
        Event::Order(OrderEvent::Placed { user_id, total, .. }) => (Some(*user_id), total.currency),
        Event::Order(OrderEvent::Imported {
            user_id, currency, ..
        }) => (*user_id, *currency),
        _ => panic!("no first event"),
    };
    let last = events[events.len() - 1];
    Order {
        id,
        user_id: user_id.map(|id| id.as_uuid()),
        status: status(&last.event).to_owned(),
        total_minor: lines(id, events)
            .iter()
            .map(|line| line.quantity * line.unit_price_minor)
            .sum(),
        currency: currency.code().to_owned(),
        created_at: events[0].occurred_at,
        updated_at: last.occurred_at,
        version: events.len() as i64,
    }
}

fn lines(order_id: Uuid, events: &[&RecordedEvent]) -> Vec<Line> {
    let bought = events.iter().flat_map(|event| match &event.event {
        Event::Order(OrderEvent::Placed { lines, .. }) => lines
            .iter()
            .map(|line| {
                let quantity = i64::from(line.quantity);
                (line.product_id, &line.name, quantity, line.unit_price)
            })
            .collect(),
        Event::Order(OrderEvent::LineImported(line)) => {
            vec![(line.product_id, &line.name, line.quantity, line.unit_price)]
        }
        _ => vec![],
    });
    (1..)
        .zip(bought)
        .map(|(line, (product_id, name, quantity, unit_price))| Line {
            order_id,
            line,
            product_id: product_id.as_uuid(),
            name: name.clone(),
            quantity,
            unit_price_minor: unit_price.minor,
        })
        .collect()
}

fn history(order_id: Uuid, events: &[&RecordedEvent]) -> Vec<Entry> {
    let entry = |event: &&RecordedEvent| Entry {
        order_id,
        seq: event.sequence,
        status: status(&event.event).to_owned(),
        at: event.occurred_at,
        actor: event.metadata.actor.to_string(),
        details: match &event.event {
            Event::Order(OrderEvent::Shipped {
                carrier: Some(carrier),
                tracking_number: None,
            }) => {
                format!(r#"{{"carrier": "{carrier}"}}"#)
            }
            Event::Order(OrderEvent::Cancelled {
                reason: Some(reason),
            }) => format!(r#"{{"reason": "{reason}"}}"#),
            Event::Order(OrderEvent::Imported { source, number, .. }) => {
                format!(r#"{{"number": "{number}", "source": "{source}"}}"#)
            }
            _ => "{}".to_owned(),
        },
    };
    let is_step =
        |event: &&&RecordedEvent| !matches!(event.event, Event::Order(OrderEvent::LineImported(_)));
    events.iter().filter(is_step).map(entry).collect()
}

fn user(id: Uuid, events: &[&RecordedEvent]) -> User {
    let (email, external_id) = match &events[0].event {
        Event::User(UserEvent::Registered { email, .. }) => {
            (email.known().map(ToString::to_string), None)
        }
        Event::User(UserEvent::Imported { external_id, .. }) => {
            (None, external_id.known().cloned())
        }
        _ => panic!("no first event"),
    };
    let (first_name, last_name) = last(events, |event| match event {
        Event::User(
            UserEvent::Registered {
                first_name,
                last_name,
                ..
            }
            | UserEvent::Renamed {
                first_name,
                last_name,
            },
        ) => Some((first_name.known().cloned(), last_name.known().cloned())),
        _ => None,
    })
    .unwrap_or_default();
    let roles = last(events, |event| match event {
        Event::User(UserEvent::Registered { roles, .. } | UserEvent::RolesChanged { roles }) => {
            Some(roles.iter().map(ToString::to_string).collect())
        }
        _ => None,
    })
    .unwrap_or_else(|| vec!["user".to_owned()]);
    let email_verified = events
        .iter()
        .any(|event| matches!(event.event, Event::User(UserEvent::EmailVerified {})));
    let turned = events.iter().rev().find(|event| {
        matches!(
            event.event,
            Event::User(UserEvent::Deactivated {} | UserEvent::Reactivated {})
        )
    });
    let deactivated_at = turned
        .filter(|event| matches!(event.event, Event::User(UserEvent::Deactivated {})))
        .map(|event| event.occurred_at);
    let version = events.len() as i64;
    let (created_at, updated_at) = (events[0].occurred_at, events[events.len() - 1].occurred_at);
    if events
        .iter()
        .any(|event| matches!(event.event, Event::User(UserEvent::Erased {})))
    {
        return User {
            id,
            email: None,
            first_name: None,
            last_name: None,
            roles: Vec::new(),
            external_id: None,
            email_verified: false,
            deactivated_at: None,
            created_at,
            updated_at,
            version,
        };
    }
    User {
        id,
        email,
        first_name,
        last_name,
        roles,
        external_id,
        email_verified,
        deactivated_at,
        created_at,
        updated_at,
        version,
    }
}
