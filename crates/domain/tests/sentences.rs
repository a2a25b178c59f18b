//! The sentences that people read about each event.

use std::collections::BTreeSet;

use daybook_domain::{AggregateType, Event, State};
use serde_json::{Value, json};

const ID: &str = "00000000-0000-0000-0000-000000000007";
const OTHER: &str = "00000000-0000-0000-0000-000000000008";

fn event(payload: &Value) -> Event {
    let name = payload["type"].as_str().unwrap();
    let aggregate_type = name.split('.').next().unwrap().parse().unwrap();
    Event::from_value(aggregate_type, payload.clone()).unwrap()
}

/// The sentence about the last of these events of one stream.
fn sentence(stream: &[Value]) -> String {
    let (last, before) = stream.split_last().unwrap();
    let last = event(last);
    let mut state = State::empty(last.aggregate_type());
    before
        .iter()
        .for_each(|payload| state.apply(&event(payload)));
    let told = last.describe(&state);
    if !last.tells_what_was_before() {
        assert_eq!(last.describe(&State::empty(last.aggregate_type())), told);
    }
    told
}

fn money(minor: i64) -> Value {
    json!({"minor": minor, "currency": "EUR"})
}

fn personal(value: impl Into<Value>) -> Value {
    json!({"$personal": value.into()})
}

fn erased() -> Value {
    json!({"$erased": true})
}

fn people() -> Vec<(Vec<Value>, String)> {
    let ann = json!({"type": "user.registered", "email": personal("ann@example.com"),
        "firstName": personal("Ann"), "lastName": personal("Lee"), "roles": ["user"]});
    let forgotten = json!({"type": "user.registered", "email": erased(), "firstName": erased(),
        "lastName": erased(), "roles": ["user", "admin"]});
    let imported = |id| json!({"type": "user.imported", "source": "old shop", "externalId": id});
    let renamed =
        |first, last| json!({"type": "user.renamed", "firstName": first, "lastName": last});
    let as_poe = renamed(personal("Ann"), personal("Poe"));
    let as_nobody = renamed(erased(), erased());
    let roles = |roles: &[&str]| json!({"type": "user.roles_changed", "roles": roles});
    vec![
        (
            vec![ann.clone()],
            "registered: Ann Lee, ann@example.com, as user".into(),
        ),
        (
            vec![forgotten.clone()],
            "registered: (erased), as user and admin".into(),
        ),
        (
            vec![imported(personal("12345"))],
            "customer imported from old shop: 12345".into(),
        ),
        (
            vec![imported(erased())],
            "customer imported from old shop: (erased)".into(),
        ),
        (
            vec![ann.clone(), as_poe.clone()],
            "renamed from Ann Lee to Ann Poe".into(),
        ),
        (
            vec![imported(personal("12345")), as_poe],
            "named Ann Poe".into(),
        ),
        (
            vec![forgotten, as_nobody],
            "renamed from (erased) to (erased)".into(),
        ),
        (
            vec![ann.clone(), roles(&["user", "admin"])],
            "roles changed from user to user and admin".into(),
        ),
        (
            vec![ann.clone(), roles(&[])],
            "roles changed from user to none".into(),
        ),
        (
            vec![ann.clone(), json!({"type": "user.deactivated"})],
            "deactivated: nobody signs in or orders with this account".into(),
        ),
        (
            vec![ann.clone(), json!({"type": "user.reactivated"})],
            "reactivated".into(),
        ),
        (
            vec![ann.clone(), json!({"type": "user.email_verified"})],
            "e-mail address verified".into(),
        ),
        (
            vec![ann, json!({"type": "user.erased"})],
            "erased: what identified this person can no longer be read".into(),
        ),
    ]
}

fn catalog() -> Vec<(Vec<Value>, String)> {
    let tea = json!({"type": "category.created", "name": "Tea", "description": "Leaves"});
    let changed = |name: &str, description: &str| json!({"type": "category.changed", "name": name, "description": description});
    let pot = |category: Value| {
        json!({"type": "product.created", "name": "Teapot", "description": "", "price": money(1250),
            "categoryId": category, "sku": "TP-1"})
    };
    let described = |name: &str, description: &str| json!({"type": "product.described", "name": name, "description": description});
    let categorised = |id: Value| json!({"type": "product.categorised", "categoryId": id});
    vec![
        (vec![tea.clone()], "created: Tea".into()),
        (
            vec![tea.clone(), changed("Teas", "Leaves")],
            "renamed from Tea to Teas".into(),
        ),
        (
            vec![tea.clone(), changed("Teas", "Bags"), changed("Teas", "")],
            "description changed from “Bags” to “”".into(),
        ),
        (
            vec![tea.clone(), changed("Tea", "Leaves")],
            "name and description written anew, unchanged".into(),
        ),
        (
            vec![tea, json!({"type": "category.deleted"})],
            "deleted: Tea".into(),
        ),
        (
            vec![pot(Value::Null)],
            "created: Teapot at 12.50 EUR, SKU TP-1".into(),
        ),
        (
            vec![pot(Value::Null), described("Pot", "For tea")],
            "renamed from Teapot to Pot; description changed from “” to “For tea”".into(),
        ),
        (
            vec![
                pot(Value::Null),
                json!({"type": "product.repriced", "from": money(1250), "to": money(1100)}),
            ],
            "price changed from 12.50 to 11.00 EUR".into(),
        ),
        (
            vec![pot(Value::Null), categorised(json!(ID))],
            format!("put into category {ID}"),
        ),
        (
            vec![pot(json!(ID)), categorised(json!(OTHER))],
            format!("moved from category {ID} to category {OTHER}"),
        ),
        (
            vec![pot(json!(ID)), categorised(Value::Null)],
            format!("taken out of category {ID}"),
        ),
        (
            vec![
                pot(Value::Null),
                described("Pot", ""),
                json!({"type": "product.retired"}),
            ],
            "retired: Pot".into(),
        ),
    ]
}

fn stock() -> Vec<(Vec<Value>, String)> {
    let change = |name: &str, quantity, reason: Value| {
        vec![json!({"type": name, "quantity": quantity, "reason": reason})]
    };
    let of_order =
        |name: &str, quantity| vec![json!({"type": name, "orderId": ID, "quantity": quantity})];
    vec![
        (
            change("stock.received", 12, json!("spring delivery")),
            "12 units received: spring delivery".into(),
        ),
        (
            change("stock.received", 1, Value::Null),
            "1 unit received".into(),
        ),
        (
            change("stock.written_off", 2, json!("broken\non the way")),
            "2 units written off: broken on the way".into(),
        ),
        (
            of_order("stock.reserved", 3),
            format!("3 units reserved for order {ID}"),
        ),
        (
            of_order("stock.released", 1),
            format!("1 unit of order {ID} released"),
        ),
        (
            of_order("stock.shipped", 3),
            format!("3 units shipped with order {ID}"),
        ),
    ]
}

fn orders() -> Vec<(Vec<Value>, String)> {
    let placed = |lines: &[(u32, &str)], address: Value| {
        let line = |(quantity, name): &(u32, &str)| json!({"productId": ID, "name": name, "quantity": quantity, "unitPrice": money(1250)});
        let lines: Vec<Value> = lines.iter().map(line).collect();
        vec![
            json!({"type": "order.placed", "userId": ID, "lines": lines, "total": money(3750),
            "shippingAddress": address}),
        ]
    };
    let berlin = json!({"name": "Ann Lee", "line1": "1 High Street", "line2": "c/o Poe", "city": "Berlin",
        "postalCode": "10115", "region": null, "country": "DE"});
    let many = [(1, "Pot"), (2, "Cup"), (1, "Tin"), (1, "Lid")];
    let five = [many.as_slice(), &[(1, "Mug")]].concat();
    let imported = |country: Value| {
        vec![
            json!({"type": "order.imported", "source": "old shop", "number": "536365", "userId": null,
            "country": country, "currency": "GBP"}),
        ]
    };
    let line = |quantity: i64| {
        vec![
            json!({"type": "order.line_imported", "line": 3, "productId": ID, "name": "Lantern",
            "quantity": quantity, "unitPrice": money(255)}),
        ]
    };
    let shipped = |carrier: Value, number: Value| {
        vec![json!({"type": "order.shipped", "carrier": carrier, "trackingNumber": number})]
    };
    let cancelled = |reason: Value| vec![json!({"type": "order.cancelled", "reason": reason})];
    vec![
        (placed(&many[..2], Value::Null), "placed: 1 × Pot, 2 × Cup for 37.50 EUR".into()),
        (placed(&many, Value::Null), "placed: 1 × Pot, 2 × Cup, 1 × Tin, 1 more product for 37.50 EUR".into()),
        (placed(&five, Value::Null), "placed: 1 × Pot, 2 × Cup, 1 × Tin, 2 more products for 37.50 EUR".into()),
        (placed(&many[..1], personal(berlin)),
            "placed: 1 × Pot for 37.50 EUR, to be shipped to Ann Lee, 1 High Street, c/o Poe, 10115 Berlin, DE".into()),
        (placed(&many[..1], erased()), "placed: 1 × Pot for 37.50 EUR, to be shipped to (erased)".into()),
        (imported(json!("France")),
            "imported from old shop, where it is number 536365, of a customer in France".into()),
        (imported(Value::Null), "imported from old shop, where it is number 536365".into()),
        (line(6), "line 3 imported: 6 × Lantern at 2.55 EUR".into()),
        (line(-2), "line 3 imported: 2 × Lantern at 2.55 EUR came back".into()),
        (vec![json!({"type": "order.processed"})], "taken into processing".into()),
        (shipped(json!("DHL"), json!("JD0001")), "shipped with DHL, tracking number JD0001".into()),
        (shipped(Value::Null, Value::Null), "shipped".into()),
        (vec![json!({"type": "order.delivered"})], "delivered".into()),
        (cancelled(json!("changed my mind")), "cancelled: changed my mind".into()),
        (cancelled(Value::Null), "cancelled".into()),
    ]
}

#[test]
fn events_are_told_in_sentences() {
    for (stream, expected) in [people(), catalog(), stock(), orders()].concat() {
        assert_eq!(sentence(&stream), expected, "{stream:?}");
    }
}

#[test]
fn every_event_has_been_heard_here() {
    let told: BTreeSet<String> = [people(), catalog(), stock(), orders()]
        .concat()
        .iter()
        .map(|(stream, _)| event(stream.last().unwrap()).event_type().to_owned())
        .collect();
    let all = AggregateType::ALL.iter().flat_map(|of| of.event_types());
    let all: BTreeSet<String> = all.map(|of| of.name.to_owned()).collect();
    assert_eq!(told, all);
}
