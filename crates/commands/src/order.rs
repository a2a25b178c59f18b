//! Commands on orders. Each appends the events of the order and of its products' stocks together, all or
//! nothing.

use daybook_domain::order::{Address, Order, OrderCommand, OrderLine, OrderRejection};
use daybook_domain::stock::{StockCommand, StockEvent, StockRejection};
use daybook_domain::{OrderId, ProductId, StreamId, UserId, Versioned};

use crate::command::{Aggregates, Command, Decision, Person, StreamUse};
use crate::refusal::{Refusal, Shortage};

/// Names and prices are the shop's, at the versions that the append confirms.
#[derive(Clone)]
pub struct PlaceOrder {
    pub id: OrderId,
    pub user_id: UserId,
    pub items: Vec<(ProductId, u32)>,
    pub shipping_address: Option<Address>,
}

#[derive(Clone)]
pub struct ProcessOrder {
    pub id: OrderId,
}

#[derive(Clone)]
pub struct ShipOrder {
    pub id: OrderId,
    pub carrier: Option<String>,
    pub tracking_number: Option<String>,
}

#[derive(Clone)]
pub struct DeliverOrder {
    pub id: OrderId,
}

#[derive(Clone)]
pub struct CancelOrder {
    pub id: OrderId,
    pub acting: Acting,
    pub reason: Option<String>,
}

/// Who cancels. A customer can cancel only their own orders; to them, other orders do not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acting {
    Staff,
    Customer(UserId),
}

#[derive(Clone, Debug)]
pub struct OrderOutcome {
    pub id: OrderId,
    pub order: Versioned<Order>,
}

impl Command for PlaceOrder {
    type Outcome = OrderOutcome;

    fn streams(&self) -> Vec<StreamUse> {
        let own = [
            StreamUse::Fresh(StreamId::order(self.id)),
            StreamUse::Existing(StreamId::user(self.user_id)),
        ];
        let products = self.items.iter().flat_map(|&(id, _)| {
            [
                StreamUse::Existing(StreamId::product(id)),
                StreamUse::Existing(StreamId::stock(id)),
            ]
        });
        own.into_iter().chain(products).collect()
    }

    fn person(&self) -> Option<Person> {
        self.shipping_address
            .as_ref()
            .map(|_| Person::Known(self.user_id))
    }

    fn decide(&self, aggregates: &Aggregates<'_>) -> Result<Decision<OrderOutcome>, Refusal> {
        aggregates.user(self.user_id).state.must_be_active()?;
        let lines = self
            .items
            .iter()
            .enumerate()
            .map(|(index, &item)| line(aggregates, index, item));
        let command = OrderCommand::Place {
            user_id: self.user_id,
            lines: lines.collect::<Result<_, _>>()?,
            shipping_address: self.shipping_address.clone(),
        };
        let mut decision = decide(aggregates, self.id, command)?;
        let mut shortages = Vec::new();
        for &(product_id, quantity) in &self.items {
            let reserve = StockCommand::Reserve {
                order_id: self.id,
                quantity,
            };
            match aggregates.stock(product_id).state.decide(reserve) {
                Ok(reserved) => decision = decision.append(StreamId::stock(product_id), reserved),
                Err(StockRejection::OutOfStock { available, .. }) => {
                    shortages.push(Shortage {
                        product_id,
                        requested: quantity,
                        available,
                    });
                }
                Err(rejection) => return Err(rejection.into()),
            }
        }
        if shortages.is_empty() {
            Ok(decision)
        } else {
            Err(Refusal::OutOfStock(shortages))
        }
    }
}

impl Command for ProcessOrder {
    type Outcome = OrderOutcome;

    fn streams(&self) -> Vec<StreamUse> {
        vec![StreamUse::Existing(StreamId::order(self.id))]
    }

    fn decide(&self, aggregates: &Aggregates<'_>) -> Result<Decision<OrderOutcome>, Refusal> {
        decide(aggregates, self.id, OrderCommand::Process)
    }
}

impl Command for ShipOrder {
    type Outcome = OrderOutcome;

    fn streams(&self) -> Vec<StreamUse> {
        vec![StreamUse::Existing(StreamId::order(self.id))]
    }

    fn further_streams(&self, aggregates: &Aggregates<'_>) -> Vec<StreamUse> {
        stocks(aggregates.order(self.id).state)
    }

    fn decide(&self, aggregates: &Aggregates<'_>) -> Result<Decision<OrderOutcome>, Refusal> {
        let command = OrderCommand::Ship {
            carrier: self.carrier.clone(),
            tracking_number: self.tracking_number.clone(),
        };
        let decision = decide(aggregates, self.id, command)?;
        with_stocks(aggregates, self.id, decision, |order_id, quantity| {
            StockCommand::Ship { order_id, quantity }
        })
    }
}

impl Command for DeliverOrder {
    type Outcome = OrderOutcome;

    fn streams(&self) -> Vec<StreamUse> {
        vec![StreamUse::Existing(StreamId::order(self.id))]
    }

    fn decide(&self, aggregates: &Aggregates<'_>) -> Result<Decision<OrderOutcome>, Refusal> {
        decide(aggregates, self.id, OrderCommand::Deliver)
    }
}

impl Command for CancelOrder {
    type Outcome = OrderOutcome;

    fn streams(&self) -> Vec<StreamUse> {
        vec![StreamUse::Existing(StreamId::order(self.id))]
    }

    fn further_streams(&self, aggregates: &Aggregates<'_>) -> Vec<StreamUse> {
        stocks(aggregates.order(self.id).state)
    }

    fn decide(&self, aggregates: &Aggregates<'_>) -> Result<Decision<OrderOutcome>, Refusal> {
        if let Acting::Customer(customer) = self.acting
            && aggregates.order(self.id).state.user_id != Some(customer)
        {
            return Err(OrderRejection::NotFound.into());
        }
        let decision = decide(
            aggregates,
            self.id,
            OrderCommand::Cancel {
                reason: self.reason.clone(),
            },
        )?;
        with_stocks(aggregates, self.id, decision, |order_id, quantity| {
            StockCommand::Release { order_id, quantity }
        })
    }
}

fn line(
    aggregates: &Aggregates<'_>,
    index: usize,
    (product_id, quantity): (ProductId, u32),
) -> Result<OrderLine, Refusal> {
    let product = aggregates.product(product_id).state;
    if !product.exists() {
        return Err(Refusal::UnknownProduct { index, product_id });
    }
    if product.retired {
        return Err(Refusal::ProductRetired { index, product_id });
    }
    Ok(OrderLine {
        product_id,
        name: product.name.clone(),
        quantity,
        unit_price: product.price,
    })
}

/// An order's lines never change once it is placed, so its state tells which stocks the command needs.
fn stocks(order: &Order) -> Vec<StreamUse> {
    order
        .lines
        .iter()
        .map(|line| StreamUse::Existing(StreamId::stock(line.product_id)))
        .collect()
}

fn decide(
    aggregates: &Aggregates<'_>,
    id: OrderId,
    command: OrderCommand,
) -> Result<Decision<OrderOutcome>, Refusal> {
    let order = aggregates.order(id);
    let events = order.state.decide(command)?;
    let changed = order.after(&events, Order::evolve, aggregates.now);
    Ok(Decision::new(OrderOutcome { id, order: changed }).append(StreamId::order(id), events))
}

/// Applies the same step to the stock of each of the order's products.
fn with_stocks(
    aggregates: &Aggregates<'_>,
    id: OrderId,
    mut decision: Decision<OrderOutcome>,
    command: impl Fn(OrderId, u32) -> StockCommand,
) -> Result<Decision<OrderOutcome>, Refusal> {
    for line in &aggregates.order(id).state.lines {
        let stock = aggregates.stock(line.product_id).state;
        let moved: Vec<StockEvent> = stock.decide(command(id, line.quantity))?;
        decision = decision.append(StreamId::stock(line.product_id), moved);
    }
    Ok(decision)
}
