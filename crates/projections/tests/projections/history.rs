//! A made-up history of a shop: everything that can happen, in an order that the rules allow.

use daybook_domain::{
    CategoryId, Event, OrderId, ProductId, StreamId, UserId,
    category::CategoryEvent,
    order::{Address, ImportedLine, OrderEvent, OrderLine, OrderStatus},
    product::ProductEvent,
    stock::StockEvent,
    user::{Role, UserEvent},
};

use crate::shop::{category_created, eur, id, product_described, stock_received, user_registered};

/// One command's events.
pub(crate) type Step = Vec<(StreamId, Event)>;

/// The same history for the same seed, except for its ids.
pub(crate) struct History {
    random: u64,
    users: Vec<UserId>,
    categories: Vec<CategoryId>,
    products: Vec<(ProductId, i64)>,
    orders: Vec<(OrderId, OrderStatus, ProductId, u32)>,
    /// Each with the number of lines that it has so far.
    imported: Vec<(OrderId, u32)>,
    count: u64,
}

impl History {
    pub(crate) fn new(seed: u64) -> History {
        let (users, categories, products, orders, imported) = Default::default();
        History {
            random: seed,
            users,
            categories,
            products,
            orders,
            imported,
            count: 0,
        }
    }

    pub(crate) fn steps(&mut self, count: usize) -> Vec<Step> {
        let mut steps = Vec::with_capacity(count);
        while steps.len() < count {
            steps.extend(self.step());
        }
        steps
    }

    /// splitmix64
    fn below(&mut self, bound: usize) -> usize {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        if all.is_empty() {
            None
        } else {
            Some(all[self.below(all.len())])
        }
    }

    fn step(&mut self) -> Option<Step> {
        self.count += 1;
        let count = self.count;
        match self.below(19) {
            0 => {
                let user = id();
                self.users.push(user);
                Some(vec![user_registered(
                    user,
                    &format!("user{count}@example.com"),
                    &[Role::User],
                )])
            }
            1 => {
                let user = self.one_of(&self.users.clone())?;
                let event = match self.below(9) {
                    0 | 1 => UserEvent::RolesChanged {
                        roles: [Role::User, Role::Admin].into(),
                    },
                    2 | 3 => UserEvent::Renamed {
                        first_name: format!("First {count}").into(),
                        last_name: format!("Last {count}").into(),
                    },
                    // In any order: a read model does not check rules.
                    4 | 5 => UserEvent::Deactivated {},
                    6 => UserEvent::Reactivated {},
                    7 => UserEvent::EmailVerified {},
                    _ => {
                        self.users.retain(|known| *known != user);
                        UserEvent::Erased {}
                    }
                };
                Some(vec![(StreamId::user(user), event.into())])
            }
            2 => {
                let category = id();
                self.categories.push(category);
                Some(vec![category_created(
                    category,
                    &format!("Category {count}"),
                )])
            }
            3 => {
                let category = self.one_of(&self.categories.clone())?;
                let event = CategoryEvent::Changed {
                    name: format!("Renamed {count}").parse().unwrap(),
                    description: String::new(),
                };
                Some(vec![(StreamId::category(category), event.into())])
            }
            4 | 5 => Some(self.create_product(count)),
            6 | 7 => self.change_product(count),
            8 | 9 => self.change_stock(),
            10..=12 => self.place_order(),
            13 => {
                let user = id();
                self.users.push(user);
                let event = UserEvent::Imported {
                    source: "old shop".into(),
                    external_id: format!("C{count}").into(),
                };
                Some(vec![(StreamId::user(user), event.into())])
            }
            14 => self.import_order(count),
            15 => self.import_more_lines(),
            _ => self.continue_order(count),
        }
    }

    fn create_product(&mut self, count: u64) -> Step {
        let product = id();
        let category = self.one_of(&self.categories.clone());
        let quantity = self.below(50) as u64;
        let sku = format!("SKU-{count}");
        let name = format!("Product {count}");
        let mut step = vec![product_described(
            product,
            &name,
            "Made to last.",
            eur(100 + count as i64),
            category,
            Some(&sku),
        )];
        if quantity > 0 {
            step.push(stock_received(product, quantity));
        }
        if self.below(2) == 0 {
            step.reverse();
        }
        self.products.push((product, quantity as i64));
        step
    }

    fn change_product(&mut self, count: u64) -> Option<Step> {
        let at = self.below(self.products.len().max(1));
        let (product, _) = *self.products.get(at)?;
        let event = match self.below(8) {
            0 => {
                // It takes no further steps, as the rules demand.
                self.products.swap_remove(at);
                ProductEvent::Retired
            }
            1 | 2 => ProductEvent::Categorised {
                category_id: self.one_of(&self.categories.clone()),
            },
            3 | 4 => ProductEvent::Repriced {
                from: eur(100),
                to: eur(200 + count as i64),
            },
            _ => ProductEvent::Described {
                name: format!("Better {count}"),
                description: String::new(),
            },
        };
        Some(vec![(StreamId::product(product), event.into())])
    }

    fn change_stock(&mut self) -> Option<Step> {
        let at = self.below(self.products.len().max(1));
        let (product, on_hand) = *self.products.get(at)?;
        let quantity = 1 + self.below(20) as i64;
        let (event, change) = if self.below(3) == 0 && on_hand >= quantity {
            (
                StockEvent::WrittenOff {
                    quantity: quantity as u64,
                    reason: Some("broken".into()),
                },
                -quantity,
            )
        } else {
            (
                StockEvent::Received {
                    quantity: quantity as u64,
                    reason: None,
                },
                quantity,
            )
        };
        self.products[at].1 += change;
        Some(vec![(StreamId::stock(product), event.into())])
    }

    fn place_order(&mut self) -> Option<Step> {
        let user_id = self.one_of(&self.users.clone())?;
        let at = self.below(self.products.len().max(1));
        let (product_id, on_hand) = *self.products.get(at)?;
        let quantity = 1 + self.below(3) as u32;
        if on_hand < i64::from(quantity) {
            return None;
        }
        self.products[at].1 -= i64::from(quantity);
        let order_id: OrderId = id();
        self.orders
            .push((order_id, OrderStatus::Pending, product_id, quantity));
        let line = |name: &str, quantity| OrderLine {
            product_id,
            name: name.to_owned(),
            quantity,
            unit_price: eur(1_250),
        };
        let address = Address {
            name: "Ann Example".into(),
            line1: "1 High Street".into(),
            line2: None,
            city: "Berlin".into(),
            postal_code: "10115".into(),
            region: None,
            country: "DE".into(),
        };
        let placed = OrderEvent::Placed {
            user_id,
            lines: vec![line("First", quantity), line("Second", 1)],
            total: eur(1_250 * i64::from(quantity + 1)),
            shipping_address: (self.below(2) == 0).then(|| address.into()),
        };
        Some(vec![
            (StreamId::order(order_id), placed.into()),
            (
                StreamId::stock(product_id),
                StockEvent::Reserved { order_id, quantity }.into(),
            ),
        ])
    }

    fn import_order(&mut self, count: u64) -> Option<Step> {
        let order = id();
        let imported = OrderEvent::Imported {
            source: "old shop".into(),
            number: count.to_string(),
            user_id: self.one_of(&self.users.clone()),
            country: None,
            currency: eur(0).currency,
        };
        self.imported.push((order, 0));
        let mut step = vec![(StreamId::order(order), imported.into())];
        step.extend(self.lines(self.imported.len() - 1)?);
        Some(step)
    }

    fn import_more_lines(&mut self) -> Option<Step> {
        let at = self.below(self.imported.len().max(1));
        self.lines(at)
    }

    fn lines(&mut self, at: usize) -> Option<Step> {
        let (order, known) = *self.imported.get(at)?;
        let lines = 1 + self.below(4) as u32;
        self.imported[at].1 += lines;
        let line = |line| {
            let (product_id, _) = self.one_of(&self.products.clone()).unwrap_or((id(), 0));
            let bought = ImportedLine {
                line,
                product_id,
                name: format!("Old product {line}"),
                quantity: [1, 6, 12, -2][self.below(4)],
                unit_price: eur([0, 255, 1_250][self.below(3)]),
            };
            (
                StreamId::order(order),
                OrderEvent::LineImported(bought).into(),
            )
        };
        Some((known + 1..=known + lines).map(line).collect())
    }

    fn continue_order(&mut self, count: u64) -> Option<Step> {
        let at = self.below(self.orders.len().max(1));
        let (order_id, status, product, quantity) = *self.orders.get(at)?;
        let cancel = self.below(3) == 0;
        let (next, event, stock) = match status {
            OrderStatus::Pending | OrderStatus::Processing if cancel => (
                OrderStatus::Cancelled,
                OrderEvent::Cancelled {
                    reason: count.is_multiple_of(2).then(|| "changed my mind".into()),
                },
                Some(StockEvent::Released { order_id, quantity }),
            ),
            OrderStatus::Pending => (OrderStatus::Processing, OrderEvent::Processed, None),
            OrderStatus::Processing => (
                OrderStatus::Shipped,
                OrderEvent::Shipped {
                    carrier: Some("DHL".into()),
                    tracking_number: None,
                },
                Some(StockEvent::Shipped { order_id, quantity }),
            ),
            OrderStatus::Shipped => (OrderStatus::Delivered, OrderEvent::Delivered, None),
            OrderStatus::Delivered | OrderStatus::Cancelled | OrderStatus::Imported => return None,
        };
        self.orders[at].1 = next;
        if next == OrderStatus::Cancelled
            && let Some(stocked) = self.products.iter_mut().find(|(id, _)| *id == product)
        {
            stocked.1 += i64::from(quantity);
        }
        let mut step = vec![(StreamId::order(order_id), event.into())];
        step.extend(stock.map(|event| (StreamId::stock(product), event.into())));
        Some(step)
    }
}
