//! Resources folded from the log up to a position. `None` means that the resource did not exist yet, or no longer.

use chrono::{DateTime, Utc};
use daybook_domain::order::{ImportedLine, Order, OrderEvent};
use daybook_domain::product::Product;
use daybook_domain::stock::Stock;
use daybook_domain::user::User;
use daybook_domain::{
    AggregateType, Event, OrderId, ProductId, State, StreamId, UserId, Versioned,
};
use daybook_log::{Feed, LogError, Position, RecordedEvent};

const CHUNK: i64 = 1_000;

/// An order; of an imported one also its lines, because its state keeps only digests of them.
pub struct PastOrder {
    pub id: OrderId,
    pub order: Versioned<Order>,
    pub imported_lines: Vec<ImportedLine>,
}

/// A product with the stock that could be ordered.
pub struct PastProduct {
    pub id: ProductId,
    pub product: Versioned<Product>,
    pub available: u64,
    pub stock_version: i64,
    /// The last change of the product or of its stock, whichever is later.
    pub updated_at: DateTime<Utc>,
}

impl PastOrder {
    pub fn empty(id: OrderId) -> PastOrder {
        PastOrder {
            id,
            order: typed(&Versioned::empty(AggregateType::Order), State::as_order),
            imported_lines: Vec::new(),
        }
    }

    pub fn apply(&mut self, recorded: &RecordedEvent) {
        let Event::Order(event) = &recorded.event else {
            return;
        };
        self.order.state.evolve(event);
        if self.order.version == 0 {
            self.order.created_at = recorded.occurred_at;
        }
        self.order.updated_at = recorded.occurred_at;
        self.order.version = recorded.sequence;
        if let OrderEvent::LineImported(line) = event {
            self.imported_lines.push(line.clone());
        }
    }
}

pub async fn order_at(
    feed: &Feed,
    id: OrderId,
    position: Position,
) -> Result<Option<PastOrder>, LogError> {
    let mut past = PastOrder::empty(id);
    loop {
        let events = feed
            .read_stream_to(StreamId::order(id), past.order.version, position, CHUNK)
            .await?;
        events.iter().for_each(|event| past.apply(event));
        if events.len() < CHUNK as usize {
            return Ok(past.order.state.exists().then_some(past));
        }
    }
}

/// `None` if it did not exist yet, or no longer.
pub async fn product_at(
    feed: &Feed,
    id: ProductId,
    position: Position,
) -> Result<Option<PastProduct>, LogError> {
    let found = state_at(feed, StreamId::product(id), position, State::as_product).await?;
    let Some(product) = found.filter(|product| !product.state.retired) else {
        return Ok(None);
    };
    let stock = stock_at(feed, id, position).await?;
    Ok(Some(PastProduct {
        id,
        updated_at: product.updated_at.max(stock.updated_at),
        product,
        available: stock.state.available(),
        stock_version: stock.version,
    }))
}

/// Has version 0 if nothing had been received yet.
pub async fn stock_at(
    feed: &Feed,
    id: ProductId,
    position: Position,
) -> Result<Versioned<Stock>, LogError> {
    let stock = feed.state_at(StreamId::stock(id), position).await?;
    Ok(typed(&stock, State::as_stock))
}

pub async fn user_at(
    feed: &Feed,
    id: UserId,
    position: Position,
) -> Result<Option<Versioned<User>>, LogError> {
    state_at(feed, StreamId::user(id), position, State::as_user).await
}

/// Whether a stream had any events.
pub async fn was_there(
    feed: &Feed,
    stream: StreamId,
    position: Position,
) -> Result<bool, LogError> {
    let first = feed.read_stream_to(stream, 0, position, 1).await?;
    Ok(!first.is_empty())
}

/// `None` before the stream's first event.
pub(super) async fn state_at<A: Clone + Default>(
    feed: &Feed,
    stream: StreamId,
    position: Position,
    of_type: impl Fn(&State) -> Option<&A>,
) -> Result<Option<Versioned<A>>, LogError> {
    let found = feed.state_at(stream, position).await?;
    Ok((found.version > 0).then(|| typed(&found, of_type)))
}

/// A state as its own type. A stream's state always has the stream's type, so the conversion succeeds.
fn typed<A: Clone + Default>(
    found: &Versioned<State>,
    of_type: impl Fn(&State) -> Option<&A>,
) -> Versioned<A> {
    found
        .as_ref()
        .map(|state| of_type(state).cloned().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use daybook_domain::{Currency, Money};
    use daybook_log::{Actor, Metadata};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn an_imported_orders_lines_are_kept() {
        let euros: Currency = "EUR".parse().unwrap();
        let line = |line, quantity| ImportedLine {
            line,
            product_id: Uuid::from_u128(9).into(),
            name: "Teapot".to_owned(),
            quantity,
            unit_price: Money::new(250, euros),
        };
        let (sold, returned) = (line(1, 3), line(2, -1));
        let opened = OrderEvent::Imported {
            source: "shop".to_owned(),
            number: "7".to_owned(),
            user_id: None,
            country: None,
            currency: euros,
        };
        let lines = [&sold, &returned].map(|line| OrderEvent::LineImported(line.clone()));
        let id = OrderId::from(Uuid::from_u128(1));
        let began = Utc::now();
        let mut past = PastOrder::empty(id);
        for (sequence, event) in (1..).zip([opened].into_iter().chain(lines)) {
            past.apply(&RecordedEvent {
                position: sequence,
                stream: StreamId::order(id),
                sequence,
                event_id: Uuid::now_v7(),
                event: event.into(),
                metadata: Metadata::of(Actor::Anonymous, Uuid::now_v7()),
                occurred_at: began + TimeDelta::seconds(sequence),
                recorded_at: began,
            });
        }
        assert_eq!(past.imported_lines, [sold, returned]);
        assert_eq!(past.order.state.total, Money::new(500, euros));
        assert_eq!(past.order.version, 3);
        assert_eq!(past.order.created_at, began + TimeDelta::seconds(1));
        assert_eq!(past.order.updated_at, began + TimeDelta::seconds(3));
    }
}
