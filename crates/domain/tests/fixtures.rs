//! Events are forever: one file for every version of every event that was ever written, and all must decode.
//!
//! `fixtures/events/<event type>.v<version>.json`, with more cases of one shape as `….v<version>.<case>.json`. They
//! are written by hand and never change; a new version gets a new file.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use cqrs_es::persist::SerializedEvent;
use daybook_domain::upcast::{upcast, upcasters};
use daybook_domain::{AggregateType, Event, EventType, StreamId};
use serde_json::Value;
use uuid::Uuid;

struct Fixture {
    path: PathBuf,
    event_type: String,
    version: u32,
    payload: Value,
}

impl Fixture {
    fn read(path: PathBuf) -> Self {
        let name = path.file_name().unwrap().to_str().unwrap();
        let (event_type, rest) = name.split_once(".v").unwrap();
        let (version, _) = rest.split_once('.').unwrap();
        Self {
            event_type: event_type.to_owned(),
            version: version.parse().unwrap(),
            payload: serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap(),
            path,
        }
    }

    fn all() -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/events");
        fs::read_dir(folder)
            .unwrap()
            .map(|entry| Self::read(entry.unwrap().path()))
            .collect()
    }

    fn registered(&self) -> (AggregateType, EventType) {
        registered_types()
            .find(|(_, known)| known.name == self.event_type)
            .unwrap_or_else(|| panic!("{} is of no registered event", self.path.display()))
    }

    /// Decodes as the program does when it reads the log.
    fn decode(&self) -> Event {
        let (aggregate_type, current) = self.registered();
        let stored = SerializedEvent::new(
            Uuid::nil().to_string(),
            1,
            aggregate_type.to_string(),
            self.event_type.clone(),
            self.version.to_string(),
            self.payload.clone(),
            Value::Null,
        );
        let event = upcast(&upcasters(), stored);
        assert_eq!(
            event.event_version,
            current.version,
            "{}",
            self.path.display()
        );
        Event::from_json(aggregate_type, &event.payload.to_string())
            .unwrap_or_else(|error| panic!("{}: {error}", self.path.display()))
    }
}

fn registered_types() -> impl Iterator<Item = (AggregateType, EventType)> {
    AggregateType::ALL.iter().flat_map(|aggregate_type| {
        aggregate_type
            .event_types()
            .iter()
            .map(|event_type| (*aggregate_type, *event_type))
    })
}

#[test]
fn every_version_of_every_event_has_a_fixture() {
    let there: BTreeSet<_> = Fixture::all()
        .into_iter()
        .map(|fixture| (fixture.event_type, fixture.version))
        .collect();
    let ever: BTreeSet<_> = registered_types()
        .flat_map(|(_, EventType { name, version })| {
            let current: u32 = version.parse().unwrap();
            (1..=current).map(|version| (name.to_owned(), version))
        })
        .collect();
    assert_eq!(there, ever);
}

#[test]
fn every_fixture_decodes_as_what_it_says_it_is() {
    for fixture in Fixture::all() {
        let (aggregate_type, event_type) = fixture.registered();
        let event = fixture.decode();
        assert_eq!(event.aggregate_type(), aggregate_type);
        assert_eq!(event.kind(), event_type);
        assert_eq!(fixture.payload["type"], event.event_type());
    }
}

#[test]
fn every_fixture_of_a_current_version_encodes_to_itself() {
    for fixture in Fixture::all() {
        let event = fixture.decode();
        if event.event_version() == fixture.version.to_string() {
            let encoded: Value = serde_json::from_str(&event.to_json().unwrap()).unwrap();
            assert_eq!(encoded, fixture.payload, "{}", fixture.path.display());
        }
    }
}

#[test]
fn a_parsed_payload_decodes_to_the_same_event() {
    for fixture in Fixture::all() {
        let event = fixture.decode();
        let payload = serde_json::from_str(&event.to_json().unwrap()).unwrap();
        assert!(Event::from_value(event.aggregate_type(), payload).unwrap() == event);
    }
}

#[test]
fn an_event_holds_personal_data_exactly_when_it_has_a_person() {
    for fixture in Fixture::all() {
        let payload = fixture.payload.to_string();
        let personal = payload.contains(r#""$personal""#) || payload.contains(r#""$erased""#);
        let event = fixture.decode();
        let stream = StreamId::new(event.aggregate_type(), Uuid::from_u128(1));
        assert_eq!(
            event.person(stream).is_some(),
            personal,
            "{}",
            fixture.path.display()
        );
    }
}

#[test]
fn the_person_is_the_user_or_who_ordered() {
    for fixture in Fixture::all() {
        let event = fixture.decode();
        let stream = StreamId::new(event.aggregate_type(), Uuid::from_u128(1));
        let Some(person) = event.person(stream) else {
            continue;
        };
        let expected = match event.aggregate_type() {
            AggregateType::User => stream.id.to_string(),
            AggregateType::Order => fixture.payload["userId"].as_str().unwrap().to_owned(),
            other => panic!("no person's data is expected in an event of a {other}"),
        };
        assert_eq!(person.to_string(), expected);
    }
}

#[test]
fn an_event_type_belongs_to_its_aggregate_and_to_no_other() {
    let mut names = BTreeSet::new();
    for (aggregate_type, EventType { name, .. }) in registered_types() {
        assert!(name.starts_with(&format!("{aggregate_type}.")), "{name}");
        assert!(names.insert(name), "{name} is there twice");
    }
}

#[test]
fn an_unknown_event_does_not_decode() {
    for payload in [
        r#"{"type":"order.lost"}"#,
        r#"{"type":"stock.shipped"}"#,
        "{}",
        "null",
    ] {
        assert!(
            Event::from_json(AggregateType::Order, payload).is_err(),
            "{payload}"
        );
    }
}
