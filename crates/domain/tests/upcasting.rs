//! An event of an older shape reaches the program in the current one.

use cqrs_es::persist::{EventUpcaster, SerializedEvent};
use daybook_domain::stock::StockEvent;
use daybook_domain::upcast::upcast;
use daybook_domain::{AggregateType, Event};
use serde_json::{Value, json};

/// From one version of an event to the next.
struct Step {
    event_type: &'static str,
    from: &'static str,
    to: &'static str,
    change: fn(&mut Value),
}

impl EventUpcaster for Step {
    fn can_upcast(&self, event_type: &str, event_version: &str) -> bool {
        event_type == self.event_type && event_version == self.from
    }

    fn upcast(&self, mut event: SerializedEvent) -> SerializedEvent {
        (self.change)(&mut event.payload);
        self.to.clone_into(&mut event.event_version);
        event
    }
}

/// As if `stock.received` once had an `amount` in a string, then in a number, and no reason.
fn past() -> Vec<Box<dyn EventUpcaster>> {
    let event_type = "stock.received";
    vec![
        Box::new(Step {
            event_type,
            from: "-1",
            to: "0",
            change: |payload| {
                let amount: u64 = payload["amount"].as_str().unwrap().parse().unwrap();
                payload["amount"] = amount.into();
            },
        }),
        Box::new(Step {
            event_type,
            from: "0",
            to: "1",
            change: |payload| {
                let amount = payload.as_object_mut().unwrap().remove("amount").unwrap();
                payload["quantity"] = amount;
                payload["reason"] = Value::Null;
            },
        }),
    ]
}

fn stored(event_type: &str, event_version: &str, payload: Value) -> SerializedEvent {
    SerializedEvent::new(
        "0198c0de-0000-7000-8000-000000000003".to_owned(),
        1,
        "stock".to_owned(),
        event_type.to_owned(),
        event_version.to_owned(),
        payload,
        json!({}),
    )
}

#[test]
fn an_old_event_goes_through_every_version_to_the_current_one() {
    let oldest = stored(
        "stock.received",
        "-1",
        json!({"type": "stock.received", "amount": "5"}),
    );
    let event = upcast(&past(), oldest);

    assert_eq!(event.event_version, "1");
    let event = Event::from_value(AggregateType::Stock, event.payload).unwrap();
    let expected = StockEvent::Received {
        quantity: 5,
        reason: None,
    };
    assert_eq!(event, Event::from(expected));
}

#[test]
fn it_enters_at_the_version_it_was_written_in() {
    let old = stored(
        "stock.received",
        "0",
        json!({"type": "stock.received", "amount": 5}),
    );
    let event = upcast(&past(), old);

    assert_eq!(event.event_version, "1");
    assert_eq!(event.payload["quantity"], 5);
}

#[test]
fn a_current_event_and_another_type_of_event_stay_as_they_are() {
    let payload = json!({"type": "stock.received", "quantity": 5, "reason": null});
    let current = stored("stock.received", "1", payload.clone());
    assert_eq!(upcast(&past(), current.clone()), current);

    let other = stored("stock.written_off", "0", payload);
    assert_eq!(upcast(&past(), other.clone()), other);
}

#[test]
fn without_the_upcaster_the_old_shape_does_not_decode() {
    let old = stored(
        "stock.received",
        "0",
        json!({"type": "stock.received", "amount": 5}),
    );
    let event = upcast(&[], old);
    assert!(Event::from_value(AggregateType::Stock, event.payload).is_err());
}
