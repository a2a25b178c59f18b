//! Commands that bring in what another system recorded before this log began.
//!
//! Whoever imports sends products and customers first; an order's lines are not checked against them, since nothing
//! that happens to them later can undo a past sale.

use std::collections::HashMap;
use std::sync::Arc;

use daybook_domain::order::{
    ImportedLine, Order, OrderCommand, OrderEvent, OrderImport, OrderRejection,
};
use daybook_domain::user::{User, UserCommand, UserRejection};
use daybook_domain::{Currency, OrderId, StreamId, UserId, Versioned};

use crate::command::{Aggregates, Command, Decision, Person, StreamUse};
use crate::refusal::Refusal;

/// Refused with `user-already-exists` if the customer is known, also if their data was erased: an import must not bring
/// a new key for somebody who was to be forgotten.
#[derive(Clone)]
pub struct ImportCustomer {
    /// See [`CommandBus::imported_customer`](crate::CommandBus::imported_customer).
    pub id: UserId,
    pub source: String,
    pub external_id: String,
}

/// Takes those lines of an order that the log doesn't have yet, as many as fit into one append; sending the command
/// again takes the rest. If several lines are equal, the log gets as many of them as there are in `order`.
#[derive(Clone)]
pub struct ImportOrder {
    pub id: OrderId,
    pub order: Arc<OrderToImport>,
}

pub struct OrderToImport {
    pub source: String,
    pub number: String,
    pub user_id: Option<UserId>,
    pub country: Option<String>,
    pub currency: Currency,
    /// All known lines of the order. Their numbers are ignored: lines are numbered when they are taken.
    pub lines: Vec<ImportedLine>,
}

/// What happened to an order's lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrderImported {
    /// The log had nothing of the order before.
    pub is_new: bool,
    /// Lines that the log had already.
    pub known: usize,
    pub taken: usize,
    /// Lines still to be taken.
    pub left: usize,
    /// The indices of lines that are not taken; `why` is the stable code of the reason.
    pub refused: Vec<usize>,
    pub why: &'static str,
}

impl Command for ImportCustomer {
    type Outcome = Versioned<User>;

    fn streams(&self) -> Vec<StreamUse> {
        vec![StreamUse::Existing(StreamId::user(self.id))]
    }

    fn person(&self) -> Option<Person> {
        Some(Person::New(self.id))
    }

    fn decide(&self, aggregates: &Aggregates<'_>) -> Result<Decision<Versioned<User>>, Refusal> {
        let user = aggregates.user(self.id);
        if user.state.registered {
            return Err(UserRejection::AlreadyExists.into());
        }
        let events = user.state.decide(UserCommand::Import {
            source: self.source.clone(),
            external_id: self.external_id.clone(),
        })?;
        let customer = user.after(&events, User::evolve, aggregates.now);
        Ok(Decision::new(customer).append(StreamId::user(self.id), events))
    }
}

impl Command for ImportOrder {
    type Outcome = OrderImported;

    fn streams(&self) -> Vec<StreamUse> {
        vec![StreamUse::Existing(StreamId::order(self.id))]
    }

    fn decide(&self, aggregates: &Aggregates<'_>) -> Result<Decision<OrderImported>, Refusal> {
        let order = aggregates.order(self.id).state;
        let compared = self.compare(order);
        let mut outcome = OrderImported {
            is_new: !order.exists(),
            known: self.order.lines.len() - compared.new.len(),
            ..OrderImported::default()
        };
        let refused = if compared.new.is_empty() {
            None
        } else if compared.is_changed {
            Some(OrderRejection::ImportDiffers { line: 0 })
        } else {
            match self.take(order, &compared.new) {
                Ok(events) => {
                    outcome.taken = compared.new.len().min(Order::MAX_IMPORTED_LINES_AT_ONCE);
                    outcome.left = compared.new.len() - outcome.taken;
                    return Ok(Decision::new(outcome).append(StreamId::order(self.id), events));
                }
                Err(rejection) => Some(rejection),
            }
        };
        if let Some(rejection) = refused {
            outcome.why = rejection.code();
            outcome.refused = compared.new;
        }
        Ok(Decision::new(outcome))
    }
}

struct Compared {
    /// Indices of the lines that the log doesn't have.
    new: Vec<usize>,
    /// The log has lines that are missing here. The new ones may then be changed versions of those, which must not
    /// count twice.
    is_changed: bool,
}

impl ImportOrder {
    fn compare(&self, order: &Order) -> Compared {
        let lines = &self.order.lines;
        let mut known: HashMap<u64, usize> = HashMap::new();
        // A price in another currency is another price, but a line's digest does not include the currency.
        let comparable = order
            .imported
            .iter()
            .filter(|imported| imported.sold.currency == self.order.currency);
        for digest in comparable.flat_map(|imported| &imported.lines) {
            *known.entry(*digest).or_default() += 1;
        }
        if known.is_empty() {
            return Compared {
                new: (0..lines.len()).collect(),
                is_changed: false,
            };
        }
        let mut new = Vec::new();
        for (index, line) in lines.iter().enumerate() {
            match known.get_mut(&line.digest()) {
                Some(count) if *count > 0 => *count -= 1,
                _ => new.push(index),
            }
        }
        Compared {
            new,
            is_changed: known.values().any(|count| *count > 0),
        }
    }

    fn take(&self, order: &Order, new: &[usize]) -> Result<Vec<OrderEvent>, OrderRejection> {
        let known = order
            .imported
            .as_ref()
            .map_or(0, |imported| imported.lines.len());
        let lines = new.iter().take(Order::MAX_IMPORTED_LINES_AT_ONCE);
        let numbered = lines.zip(known + 1..).map(|(index, number)| ImportedLine {
            line: u32::try_from(number).unwrap_or(u32::MAX),
            ..self.order.lines[*index].clone()
        });
        order.decide(OrderCommand::Import(OrderImport {
            source: self.order.source.clone(),
            number: self.order.number.clone(),
            user_id: self.order.user_id,
            country: self.order.country.clone(),
            currency: self.order.currency,
            lines: numbered.collect(),
        }))
    }
}
