use daybook_domain::OrderId;
use daybook_domain::stock::{Stock, StockCommand, StockEvent};
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use uuid::Uuid;

use super::journey::explore;

#[test]
fn stock_is_never_negative_and_always_adds_up() {
    explore(
        command(),
        Stock::decide,
        &[
            "out-of-stock",
            "not-reserved",
            "stock-limit-exceeded",
            "invalid-field",
        ],
        |stock, stream| {
            let ledger = Ledger::of(stream);
            ledger.assert_never_negative();
            ledger.assert_is(stock);
            assert_eq!(
                stock.on_hand + stock.reserved + stock.shipped,
                stock.received - stock.written_off
            );
            let reservations: u64 = stock.reservations.values().copied().map(u64::from).sum();
            assert_eq!(reservations, stock.reserved);
            assert!(stock.reservations.values().all(|quantity| *quantity > 0));
            assert!(stock.on_hand + stock.reserved <= Stock::MAX_UNITS);
        },
    );
}

/// Events that `decide` never makes are never in the log; even if they were, `evolve` must not
/// panic.
#[test]
fn stock_takes_any_events() {
    let events = proptest::collection::vec(event(), 0..40);
    let result = super::runner().run(&events, |events| {
        let mut stock = Stock::default();
        for event in &events {
            stock.evolve(event);
        }
        Ok(())
    });
    assert_eq!(result, Ok(()));
}

/// The same numbers counted another way: signed, so that a sale of units that are not there shows.
#[derive(Default)]
struct Ledger {
    on_hand: i128,
    reserved: i128,
    shipped: i128,
    received: i128,
    written_off: i128,
}

impl Ledger {
    fn of(stream: &[StockEvent]) -> Self {
        let mut ledger = Self::default();
        for event in stream {
            match *event {
                StockEvent::Received { quantity, .. } => {
                    ledger.received += i128::from(quantity);
                    ledger.on_hand += i128::from(quantity);
                }
                StockEvent::WrittenOff { quantity, .. } => {
                    ledger.written_off += i128::from(quantity);
                    ledger.on_hand -= i128::from(quantity);
                }
                StockEvent::Reserved { quantity, .. } => {
                    ledger.on_hand -= i128::from(quantity);
                    ledger.reserved += i128::from(quantity);
                }
                StockEvent::Released { quantity, .. } => {
                    ledger.reserved -= i128::from(quantity);
                    ledger.on_hand += i128::from(quantity);
                }
                StockEvent::Shipped { quantity, .. } => {
                    ledger.reserved -= i128::from(quantity);
                    ledger.shipped += i128::from(quantity);
                }
            }
        }
        ledger
    }

    fn assert_never_negative(&self) {
        assert!(self.on_hand >= 0 && self.reserved >= 0);
    }

    fn assert_is(&self, stock: &Stock) {
        assert_eq!(self.on_hand, stock.on_hand.into());
        assert_eq!(self.reserved, stock.reserved.into());
        assert_eq!(self.shipped, stock.shipped.into());
        assert_eq!(self.received, stock.received.into());
        assert_eq!(self.written_off, stock.written_off.into());
    }
}

fn command() -> impl Strategy<Value = StockCommand> {
    let received = prop_oneof![
        8 => 0..=20_u64,
        1 => (Stock::MAX_UNITS - 20)..=(Stock::MAX_UNITS + 1),
        1 => Just(u64::MAX),
    ];
    prop_oneof![
        3 => (received, reason())
            .prop_map(|(quantity, reason)| StockCommand::Receive { quantity, reason }),
        1 => (0..=6_u64, reason())
            .prop_map(|(quantity, reason)| StockCommand::WriteOff { quantity, reason }),
        4 => (order(), quantity())
            .prop_map(|(order_id, quantity)| StockCommand::Reserve { order_id, quantity }),
        2 => (order(), quantity())
            .prop_map(|(order_id, quantity)| StockCommand::Release { order_id, quantity }),
        2 => (order(), quantity())
            .prop_map(|(order_id, quantity)| StockCommand::Ship { order_id, quantity }),
    ]
}

fn event() -> impl Strategy<Value = StockEvent> {
    let counted = || prop_oneof![0..=20_u64, any::<u64>(), Just(u64::MAX)];
    let promised = || {
        (
            order(),
            prop_oneof![0..=20_u32, any::<u32>(), Just(u32::MAX)],
        )
    };
    prop_oneof![
        counted().prop_map(|quantity| StockEvent::Received {
            quantity,
            reason: None
        }),
        counted().prop_map(|quantity| StockEvent::WrittenOff {
            quantity,
            reason: None
        }),
        promised().prop_map(|(order_id, quantity)| StockEvent::Reserved { order_id, quantity }),
        promised().prop_map(|(order_id, quantity)| StockEvent::Released { order_id, quantity }),
        promised().prop_map(|(order_id, quantity)| StockEvent::Shipped { order_id, quantity }),
    ]
}

/// Few orders, so that commands concern the same ones.
fn order() -> impl Strategy<Value = OrderId> {
    (1..=3_u128).prop_map(|number| Uuid::from_u128(number).into())
}

fn quantity() -> impl Strategy<Value = u32> {
    prop_oneof![12 => 0..=6_u32, 1 => Just(u32::MAX)]
}

fn reason() -> impl Strategy<Value = Option<String>> {
    option::of("[a-z\n]{0,10}")
}
