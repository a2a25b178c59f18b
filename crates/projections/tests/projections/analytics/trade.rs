//! A made-up trade: orders in several currencies, some of them cancelled, imported, by guests or only
//! brought back, at the instants where calendars and sums have their edges.

use chrono::{DateTime, TimeDelta, Utc};
use daybook_domain::{
    Currency, Event, Money, OrderId, ProductId, StreamId, UserId,
    order::{ImportedLine, OrderEvent, OrderLine},
    product::ProductEvent,
};

use crate::shop::{Shop, id, product_described};

/// When a day, a month or summer time begins somewhere, and a day that Samoa skipped.
const EDGES: [&str; 10] = [
    "2010-12-31T23:59:59.999999Z",
    "2011-03-27T00:00:00Z",
    "2011-03-27T01:00:00Z",
    "2011-03-31T23:00:00Z",
    "2011-10-16T03:00:00Z",
    "2011-10-29T23:00:00Z",
    "2011-10-30T01:00:00Z",
    "2011-11-06T18:15:00Z",
    "2011-12-30T09:59:59Z",
    "2012-02-29T18:15:00Z",
];

pub(super) struct Trade {
    random: u64,
    products: Vec<ProductId>,
    users: Vec<UserId>,
}

impl Trade {
    pub(super) async fn happen(shop: &mut Shop) {
        let (products, users) = (
            (0..7).map(|_| id()).collect(),
            (0..9).map(|_| id()).collect(),
        );
        let mut trade = Trade {
            random: 7,
            products,
            users,
        };
        // The log never says what the last product is.
        for (number, product) in trade.products[1..].iter().enumerate() {
            let (name, sku) = (format!("Product {number}"), format!("SKU-{number}"));
            let price = Money::new(1, Currency::default());
            let created = product_described(*product, &name, "", price, None, Some(&sku));
            shop.append([created]).await;
        }
        for _ in 0..160 {
            if trade.below(3) == 0 {
                trade.import(shop).await;
            } else {
                trade.place(shop).await;
            }
        }
        let renamed = ProductEvent::Described {
            name: "Renamed".to_owned(),
            description: String::new(),
        };
        shop.append([(StreamId::product(trade.products[2]), renamed.into())])
            .await;
    }

    /// splitmix64
    fn below(&mut self, bound: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }

    /// At an edge, near it by up to an hour, or weeks away.
    fn instant(&mut self) -> DateTime<Utc> {
        let edge: DateTime<Utc> = self.one_of(&EDGES).parse().unwrap();
        let beside = match self.below(4) {
            0 => 0,
            1 => self.below(3) as i64 - 1,
            2 => self.below(7_200_000_000) as i64 - 3_600_000_000,
            _ => self.below(60 * 86_400_000_000) as i64 - 30 * 86_400_000_000,
        };
        edge + TimeDelta::microseconds(beside)
    }

    fn currency(&mut self) -> Currency {
        self.one_of(&["GBP", "GBP", "JPY"]).parse().unwrap()
    }

    fn product(&mut self) -> ProductId {
        let products = self.products.clone();
        self.one_of(&products)
    }

    async fn place(&mut self, shop: &mut Shop) {
        let (order, at, currency): (OrderId, _, _) = (id(), self.instant(), self.currency());
        let lines: Vec<OrderLine> = (0..=self.below(3))
            .map(|_| OrderLine {
                product_id: self.product(),
                name: "Sold".to_owned(),
                quantity: 1 + self.below(9) as u32,
                unit_price: Money::new(self.below(4) as i64 * 125, currency),
            })
            .collect();
        let minor = lines
            .iter()
            .map(|line| line.unit_price.minor * i64::from(line.quantity));
        let placed = OrderEvent::Placed {
            user_id: self.one_of(&self.users.clone()),
            total: Money::new(minor.sum(), currency),
            lines,
            shipping_address: None,
        };
        self.append(shop, order, at, vec![placed]).await;
        let (carrier, tracking_number) = (None, None);
        let shipped = OrderEvent::Shipped {
            carrier,
            tracking_number,
        };
        let steps = [OrderEvent::Processed, shipped, OrderEvent::Delivered];
        let far = self.below(4) as usize;
        let mut now = at;
        for step in &steps[..far] {
            now += TimeDelta::milliseconds(self.below(400_000_000) as i64);
            self.append(shop, order, now, vec![step.clone()]).await;
        }
        if far < 2 && self.below(2) == 0 {
            now += TimeDelta::milliseconds(self.below(4_000_000_000) as i64);
            let cancelled = OrderEvent::Cancelled { reason: None };
            self.append(shop, order, now, vec![cancelled]).await;
        }
    }

    /// In one append or in two.
    async fn import(&mut self, shop: &mut Shop) {
        let (order, at, currency): (OrderId, _, _) = (id(), self.instant(), self.currency());
        let is_guest = self.below(3) == 0;
        let user_id = self.one_of(&self.users.clone());
        let imported = OrderEvent::Imported {
            source: "till".to_owned(),
            number: order.to_string(),
            user_id: (!is_guest).then_some(user_id),
            country: None,
            currency,
        };
        let only_back = self.below(4) == 0;
        let mut events = vec![imported];
        for line in 1..=1 + self.below(5) as u32 {
            let quantity = 1 + self.below(20) as i64;
            let back = only_back || self.below(5) == 0;
            events.push(OrderEvent::LineImported(ImportedLine {
                line,
                product_id: self.product(),
                name: "Sold long ago".to_owned(),
                quantity: if back { -quantity } else { quantity },
                unit_price: Money::new(self.below(3) as i64 * 99, currency),
            }));
        }
        let rest = events.split_off(1 + self.below(events.len() as u64) as usize);
        self.append(shop, order, at, events).await;
        if !rest.is_empty() {
            self.append(shop, order, at, rest).await;
        }
    }

    async fn append(
        &self,
        shop: &mut Shop,
        order: OrderId,
        at: DateTime<Utc>,
        events: Vec<OrderEvent>,
    ) {
        let stream = StreamId::order(order);
        let events = events.into_iter().map(|event| (stream, Event::from(event)));
        shop.append_at(at, events).await;
    }
}
