//! One aggregate under a sequence of commands.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Debug;

use cqrs_es::Aggregate;
use daybook_domain::{AggregateType, Event, Rejection, State};
use proptest::collection::vec;
use proptest::strategy::Strategy;

type Decision<A> = Result<Vec<<A as Aggregate>::Event>, <A as Aggregate>::Error>;

/// Runs sequences of `commands` from an empty stream. After each command that is accepted: what was decided has been
/// applied without a panic, events and state survive their JSON, any aggregate's `State` agrees with the aggregate's
/// own, and `holds` is true for the state and the stream so far. At the end every event of the aggregate, and every
/// rejection in `rejections`, must have occurred: a property of commands that are all refused would prove nothing.
pub(crate) fn explore<A>(
    commands: impl Strategy<Value = A::Command>,
    decide: fn(&A, A::Command) -> Decision<A>,
    rejections: &[&'static str],
    holds: impl Fn(&A, &[A::Event]),
) where
    A: Aggregate + Clone + Debug + PartialEq,
    A::Command: Clone + Debug,
    Event: From<A::Event>,
    State: From<A>,
    Rejection: From<A::Error>,
{
    let aggregate_type: AggregateType = A::TYPE.parse().unwrap();
    let met = RefCell::new(BTreeSet::new());

    let journey = |commands: Vec<A::Command>| {
        let mut aggregate = A::default();
        let mut state = State::empty(aggregate_type);
        let mut stream = Vec::new();
        for command in commands {
            match decide(&aggregate, command) {
                Err(rejection) => {
                    met.borrow_mut().insert(Rejection::from(rejection).code());
                }
                Ok(events) => {
                    for event in events {
                        let recorded = Event::from(event.clone());
                        survives_json(&recorded);
                        met.borrow_mut().insert(recorded.event_type());
                        aggregate.apply(event.clone());
                        state.apply(&recorded);
                        stream.push(event);
                    }
                    assert!(state == State::from(aggregate.clone()));
                    let stored = serde_json::to_string(&state).unwrap();
                    assert!(serde_json::from_str::<State>(&stored).unwrap() == state);
                    holds(&aggregate, &stream);
                }
            }
        }
        Ok(())
    };
    if let Err(failure) = super::runner().run(&vec(commands, 0..40), journey) {
        panic!("{failure}");
    }

    let event_types = aggregate_type
        .event_types()
        .iter()
        .map(|event_type| event_type.name);
    let expected: BTreeSet<_> = event_types.chain(rejections.iter().copied()).collect();
    assert_eq!(*met.borrow(), expected);
}

fn survives_json(event: &Event) {
    let json = event.to_json().unwrap();
    let read = Event::from_json(event.aggregate_type(), &json).unwrap();
    assert!(read == *event, "{json}");
    assert_eq!(read.to_json().unwrap(), json);
}
