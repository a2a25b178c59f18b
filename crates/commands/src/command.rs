//! What the bus expects of a command.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use daybook_domain::category::Category;
use daybook_domain::order::Order;
use daybook_domain::product::Product;
use daybook_domain::stock::Stock;
use daybook_domain::user::User;
use daybook_domain::{CategoryId, Event, OrderId, ProductId, State, StreamId, UserId, Versioned};
use daybook_log::append::Vacancy;

use crate::claims::NewClaim;
use crate::refusal::Refusal;

/// A change that someone asks for. Deciding is pure: it may be done again on newer states.
pub trait Command: Send + Sync + 'static {
    type Outcome: Send + Sync;

    /// The streams that deciding needs, to write them or only to read them.
    fn streams(&self) -> Vec<StreamUse>;

    /// Streams that are known only from the states of the first ones, and then never change (the products
    /// of an order).
    fn further_streams(&self, _aggregates: &Aggregates<'_>) -> Vec<StreamUse> {
        Vec::new()
    }

    /// The person whose personal data the events or the answer may hold.
    fn person(&self) -> Option<Person> {
        None
    }

    fn decide(&self, aggregates: &Aggregates<'_>) -> Result<Decision<Self::Outcome>, Refusal>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StreamUse {
    /// The id is new, so there is nothing to load.
    Fresh(StreamId),
    Existing(StreamId),
}

impl StreamUse {
    pub fn stream(self) -> StreamId {
        match self {
            StreamUse::Fresh(stream) | StreamUse::Existing(stream) => stream,
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub enum Person {
    /// A person who has no key yet; the append that makes them known brings one.
    New(UserId),
    Known(UserId),
}

/// The result of deciding on a command.
#[derive(Debug)]
pub struct Decision<O> {
    pub outcome: O,
    pub events: Vec<(StreamId, Event)>,
    pub released: Vec<NewClaim>,
    pub taken: Vec<NewClaim>,
    pub vacant: Vec<Vacancy>,
}

impl<O> Decision<O> {
    pub fn new(outcome: O) -> Decision<O> {
        Decision {
            outcome,
            events: Vec::new(),
            released: Vec::new(),
            taken: Vec::new(),
            vacant: Vec::new(),
        }
    }

    #[must_use]
    pub fn append<E: Into<Event>>(
        mut self,
        stream: StreamId,
        events: impl IntoIterator<Item = E>,
    ) -> Decision<O> {
        self.events
            .extend(events.into_iter().map(|event| (stream, event.into())));
        self
    }

    #[must_use]
    pub fn release(mut self, claims: impl IntoIterator<Item = NewClaim>) -> Decision<O> {
        self.released.extend(claims);
        self
    }

    #[must_use]
    pub fn take(mut self, claims: impl IntoIterator<Item = NewClaim>) -> Decision<O> {
        self.taken.extend(claims);
        self
    }

    #[must_use]
    pub fn vacant(mut self, vacancy: Vacancy) -> Decision<O> {
        self.vacant.push(vacancy);
        self
    }

    /// The outcome, and what is left to be written.
    pub(crate) fn apart(self) -> (O, Decision<()>) {
        let changes = Decision {
            outcome: (),
            events: self.events,
            released: self.released,
            taken: self.taken,
            vacant: self.vacant,
        };
        (self.outcome, changes)
    }
}

/// The states that a command is decided on.
pub struct Aggregates<'a> {
    pub now: DateTime<Utc>,
    pub(crate) states: BTreeMap<StreamId, &'a Versioned<State>>,
}

impl<'a> Aggregates<'a> {
    pub fn user(&self, id: UserId) -> Aggregate<'a, User> {
        self.aggregate(StreamId::user(id), State::as_user)
    }

    pub fn category(&self, id: CategoryId) -> Aggregate<'a, Category> {
        self.aggregate(StreamId::category(id), State::as_category)
    }

    pub fn product(&self, id: ProductId) -> Aggregate<'a, Product> {
        self.aggregate(StreamId::product(id), State::as_product)
    }

    pub fn stock(&self, id: ProductId) -> Aggregate<'a, Stock> {
        self.aggregate(StreamId::stock(id), State::as_stock)
    }

    pub fn order(&self, id: OrderId) -> Aggregate<'a, Order> {
        self.aggregate(StreamId::order(id), State::as_order)
    }

    pub fn version(&self, stream: StreamId) -> i64 {
        self.states.get(&stream).map_or(0, |state| state.version)
    }

    #[allow(clippy::expect_used)]
    fn aggregate<A>(
        &self,
        stream: StreamId,
        typed: impl Fn(&State) -> Option<&A>,
    ) -> Aggregate<'a, A> {
        let found = *self
            .states
            .get(&stream)
            .expect("a command names every stream that it decides on");
        let state = typed(&found.state).expect("a stream's state is of the stream's type");
        Aggregate {
            version: found.version,
            created_at: found.created_at,
            updated_at: found.updated_at,
            state,
        }
    }
}

/// An aggregate as a command sees it; version 0 if it does not exist.
#[derive(Debug)]
pub struct Aggregate<'a, A> {
    pub version: i64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub state: &'a A,
}

impl<A: Clone> Aggregate<'_, A> {
    /// The aggregate after `events` have been applied.
    pub fn after<E>(
        &self,
        events: &[E],
        evolve: impl Fn(&mut A, &E),
        now: DateTime<Utc>,
    ) -> Versioned<A> {
        let mut state = self.state.clone();
        events.iter().for_each(|event| evolve(&mut state, event));
        Versioned {
            version: self.version + events.len() as i64,
            created_at: if self.version == 0 {
                now
            } else {
                self.created_at
            },
            updated_at: if events.is_empty() {
                self.updated_at
            } else {
                now
            },
            state,
        }
    }
}
