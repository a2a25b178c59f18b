//! Random changes and queries in random order: a client that sends its position gets the same answers as without
//! caching.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use serde_json::{Value, json};

use super::essence;
use crate::shop::{Customer, Reply, Server, Shop};

/// Steele and Vigna's SplitMix64: the same sequence in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % sides as u64) as usize
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.roll(from.len())]
    }
}

struct Walk<'a> {
    shop: &'a Shop,
    admin: String,
    ann: Customer,
    dice: Dice,
    products: Vec<String>,
    categories: Vec<String>,
    orders: Vec<String>,
}

impl Walk<'_> {
    /// One change, which may be refused.
    async fn change(&mut self) -> Reply {
        let number = self.dice.roll(1_000);
        match self.dice.roll(9) {
            0 => {
                let body = json!({"name": format!("Pot {number}"), "price": number, "stock": number % 3,
                                  "categoryId": self.category()});
                let made = self.admin_posts("products", &body).await;
                self.products.extend(id(&made));
                made
            }
            1 => {
                let body = json!({"name": format!("Tea {number}")});
                let made = self.admin_posts("categories", &body).await;
                self.categories.extend(id(&made));
                made
            }
            2 => {
                self.puts("", json!({"name": format!("Cup {number}")}))
                    .await
            }
            3 => self.puts("", json!({"price": number})).await,
            4 => {
                let category = self.category();
                self.puts("", json!({"categoryId": category})).await
            }
            5 => self.puts("/stock", json!({"change": 1 + number % 3})).await,
            6 => {
                let body = json!({"items": [{"productId": self.product(), "quantity": 1}]});
                let placed = self
                    .shop
                    .post("orders")
                    .token(&self.ann.token)
                    .json(&body)
                    .await;
                self.orders.extend(id(&placed));
                placed
            }
            7 => {
                let Some(order) = self.orders.pop() else {
                    return self.puts("/stock", json!({"change": 1})).await;
                };
                let cancel = self.shop.post(&format!("orders/{order}/cancel"));
                cancel.token(&self.ann.token).json(&json!({})).await
            }
            _ => {
                let path = format!("products/{}", self.product());
                self.shop.delete(&path).token(&self.admin).await
            }
        }
    }

    fn product(&mut self) -> String {
        self.dice.pick(&self.products).clone()
    }

    fn category(&mut self) -> Value {
        json!(self.dice.pick(&self.categories))
    }

    async fn admin_posts(&self, path: &str, body: &Value) -> Reply {
        self.shop.post(path).token(&self.admin).json(body).await
    }

    async fn puts(&mut self, below: &str, body: Value) -> Reply {
        let path = format!("products/{}{below}", self.product());
        self.shop.put(&path).token(&self.admin).json(&body).await
    }

    fn question(&mut self) -> String {
        let filter = match self.dice.roll(5) {
            0 => format!("category={}", self.dice.pick(&self.categories)),
            1 => "inStock=true".to_owned(),
            2 => "minPrice=300&maxPrice=800".to_owned(),
            3 => "q=cup".to_owned(),
            _ => String::new(),
        };
        let sort = *self
            .dice
            .pick(&["", "&sort=name", "&sort=-price", "&sort=newest"]);
        match self.dice.roll(6) {
            0 => format!("products/facets?{filter}"),
            1 => "categories?limit=5".to_owned(),
            2 => format!("categories/{}", self.dice.pick(&self.categories)),
            3 => format!("products?{filter}{sort}&limit=3&page=2"),
            _ => format!("products?{filter}{sort}"),
        }
    }
}

fn id(made: &Reply) -> Option<String> {
    let made_it = made.status == 201;
    made_it.then(|| made.json()["id"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_those_that_nothing_kept_would_give() {
    let shop = Shop::open().await;
    let (another, deaf) = (
        shop.beside(Server::Another, None).await,
        shop.beside(Server::Deaf, None).await,
    );
    let (admin, ann) = (shop.admin(), shop.customer().await);
    let made = shop
        .post("categories")
        .token(&admin)
        .json(&json!({"name": "Tea"}))
        .await;
    let mut walk = Walk {
        shop: &shop,
        admin,
        ann,
        dice: Dice(22),
        products: vec![shop.product("5", 3).await],
        categories: id(&made).into_iter().collect(),
        orders: Vec::new(),
    };
    let (done, mut told, mut position) = (AtomicBool::new(false), 0, made.position());
    let paths = [
        "products",
        "products?inStock=true",
        "products/facets",
        "categories?limit=5",
    ];
    let reading = async {
        while !done.load(Relaxed) {
            let asked = paths
                .iter()
                .flat_map(|path| [shop.get(path), another.get(path)]);
            futures::future::join_all(asked.map(IntoFuture::into_future)).await;
            // Cached answers come without a pause in which other tasks could run.
            tokio::task::yield_now().await;
        }
    };
    let walking = async {
        for _ in 0..120 {
            let questions = [walk.question(), (*walk.dice.pick(&paths)).to_owned()];
            for question in &questions {
                futures::join!(async { shop.get(question).await }, async {
                    another.get(question).await
                });
            }
            let changed = walk.change().await;
            if changed.headers.contains_key("daybook-position") {
                position = position.max(changed.position());
            }
            for question in &questions {
                let after = |server: &Shop| {
                    server
                        .get(question)
                        .header("daybook-min-position", &position.to_string())
                };
                let (here, there) = (after(&shop).await, after(&another).await);
                let expected = essence(&deaf.get(question).await);
                assert_eq!(essence(&here), expected, "{question} {changed:?}");
                assert_eq!(essence(&there), expected, "{question} {changed:?}");
                told += usize::from(expected.0 == 200);
            }
        }
        done.store(true, Relaxed);
    };
    futures::join!(reading, walking);
    assert!(told > 200, "{told}");
}
