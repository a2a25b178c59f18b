//! Searching the trail.

use std::collections::BTreeSet;

use daybook_domain::{AggregateType, EventType};
use daybook_log::{Actor, Position, RecordedEvent};
use daybook_projections::{
    Page, Paging,
    orders::{OrderFilter, Viewer},
    trail::{TrailFilter, TrailOrder, TrailQueries},
};
use uuid::Uuid;

use crate::{
    history::History,
    shop::{Serving, Shop},
};

const EVERYTHING: TrailFilter = TrailFilter {
    actor: None,
    types: None,
    correlation_id: None,
    from: 1,
    through: Position::MAX,
};

/// A history in which several people and parts of the system act.
async fn shop_with_actors() -> (Shop, Vec<RecordedEvent>, Serving) {
    let mut shop = Shop::open().await;
    let actors = [
        Actor::User(Uuid::from_u128(1).into()),
        Actor::User(Uuid::from_u128(2).into()),
        Actor::Anonymous,
        Actor::System("import".to_owned()),
    ];
    for (step, actor) in History::new(7)
        .steps(300)
        .into_iter()
        .zip(actors.iter().cycle())
    {
        shop.actor = actor.clone();
        shop.append(step).await;
    }
    let events = shop.all_events().await;
    let serving = shop.serve();
    serving.reach(events.len() as Position).await;
    (shop, events, serving)
}

/// What a filter should find, by looking at every event.
fn found(events: &[RecordedEvent], filter: &TrailFilter) -> Vec<Position> {
    let fits = |event: &&RecordedEvent| {
        let types = filter.types.as_ref();
        (filter.from..=filter.through).contains(&event.position)
            && types.is_none_or(|types| types.contains(&event.event.kind()))
            && filter
                .actor
                .as_ref()
                .is_none_or(|actor| *actor == event.metadata.actor)
            && filter
                .correlation_id
                .is_none_or(|id| id == event.metadata.correlation_id)
    };
    let fitting = events.iter().filter(fits);
    fitting.map(|event| event.position).collect()
}

fn filters(events: &[RecordedEvent]) -> Vec<TrailFilter> {
    let types = |types: &[AggregateType]| -> Vec<EventType> {
        let types = types.iter().flat_map(|of| of.event_types());
        types.copied().collect()
    };
    let actors: BTreeSet<String> = events
        .iter()
        .map(|event| event.metadata.actor.to_string())
        .collect();
    assert_eq!(actors.len(), 4);
    let actors = actors.iter().map(|actor| Some(actor.parse().unwrap()));
    let correlations = [3, 100].map(|at: usize| Some(events[at].metadata.correlation_id));
    let head = events.len() as Position;
    let mut filters = Vec::new();
    for actor in actors.chain([None, Some(Actor::System("nobody".to_owned()))]) {
        for types in [
            None,
            Some(Vec::new()),
            Some(types(&[AggregateType::Stock])[..1].to_vec()),
            Some(types(&[AggregateType::Order, AggregateType::User])),
        ] {
            for correlation_id in correlations.into_iter().chain([None]) {
                for (from, through) in [
                    (1, Position::MAX),
                    (head / 3, head / 2),
                    (head, head),
                    (9, 8),
                ] {
                    filters.push(TrailFilter {
                        actor: actor.clone(),
                        types: types.clone(),
                        correlation_id,
                        from,
                        through,
                    });
                }
            }
        }
    }
    filters
}

async fn check(trail: &TrailQueries, events: &[RecordedEvent], filter: &TrailFilter) {
    let mut expected = found(events, filter);
    let count = expected.len() as i64;
    for order in [TrailOrder::OldestFirst, TrailOrder::NewestFirst] {
        for limit in [1, 7, i64::MAX] {
            let first = expected.iter().take(limit as usize).copied();
            assert_eq!(
                trail.find(filter, order, limit).await.unwrap(),
                Vec::from_iter(first),
                "{filter:?} {order:?} {limit}"
            );
        }
        expected.reverse();
    }
    assert_eq!(trail.count(filter, i64::MAX).await.unwrap(), count);
    assert_eq!(trail.count(filter, 5).await.unwrap(), count.min(5));
}

#[tokio::test]
async fn events_are_found_by_everything_that_is_given() {
    let (_shop, events, serving) = shop_with_actors().await;
    let trail = serving.read_models.trail();
    let filters = filters(&events);
    let fruitful = filters
        .iter()
        .filter(|filter| !found(&events, filter).is_empty());
    assert!(fruitful.count() > 30, "the filters must find something");
    for filter in &filters {
        check(trail, &events, filter).await;
    }
    serving.stop().await;
}

#[tokio::test]
async fn an_event_is_found_under_its_own_type_and_actor_and_no_other() {
    let (_shop, events, serving) = shop_with_actors().await;
    let trail = serving.read_models.trail();
    for event in events.iter().step_by(17) {
        let own = TrailFilter {
            actor: Some(event.metadata.actor.clone()),
            types: Some(vec![event.event.kind()]),
            correlation_id: Some(event.metadata.correlation_id),
            from: event.position,
            through: event.position,
        };
        let find = async |filter: &TrailFilter| {
            let found = trail.find(filter, TrailOrder::OldestFirst, 2).await;
            found.unwrap()
        };
        assert_eq!(find(&own).await, [event.position]);
        let others = [
            TrailFilter {
                actor: Some(Actor::User(Uuid::from_u128(9).into())),
                ..own.clone()
            },
            TrailFilter {
                correlation_id: Some(Uuid::now_v7()),
                ..own.clone()
            },
        ];
        for other in others {
            assert!(find(&other).await.is_empty(), "{other:?}");
        }
    }
    assert!(EVERYTHING.takes_all());
    serving.stop().await;
}

#[tokio::test]
async fn the_orders_of_a_customer_are_theirs_alone() {
    let (_shop, _, serving) = shop_with_actors().await;
    let orders = serving.read_models.orders();
    let all: Page<_> = orders
        .list(
            Viewer::Admin,
            &OrderFilter::default(),
            &Paging::page(1, 10_000),
        )
        .await
        .unwrap();
    let customers: BTreeSet<_> = all.items.iter().filter_map(|order| order.user_id).collect();
    assert!(customers.len() > 1);
    for customer in customers {
        let own = all
            .items
            .iter()
            .filter(|order| order.user_id == Some(customer));
        let own: BTreeSet<_> = own.map(|order| order.id).collect();
        let ids = orders.ids_of(customer).await.unwrap();
        assert_eq!(ids.len(), own.len());
        assert_eq!(BTreeSet::from_iter(ids), own);
    }
    serving.stop().await;
}
