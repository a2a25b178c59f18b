//! Commands on products.

use chrono::{DateTime, Utc};
use daybook_domain::product::{Product, ProductCommand, ProductEvent, ProductRejection};
use daybook_domain::stock::{Stock, StockCommand};
use daybook_domain::{CategoryId, Money, ProductId, StreamId, Versioned};

use crate::claims::{ClaimKind, NewClaim};
use crate::command::{Aggregates, Command, Decision, StreamUse};
use crate::refusal::{Refusal, check_version};

#[derive(Clone)]
pub struct CreateProduct {
    pub id: ProductId,
    pub name: String,
    pub description: String,
    pub price: Money,
    /// Units received together with the creation.
    pub stock: u64,
    pub category_id: Option<CategoryId>,
    pub sku: Option<String>,
}

/// A field that is `None` stays as it is; `category_id: Some(None)` takes the product out of its
/// category.
#[derive(Clone)]
pub struct ChangeProduct {
    pub id: ProductId,
    pub name: Option<String>,
    pub description: Option<String>,
    pub price: Option<Money>,
    pub category_id: Option<Option<CategoryId>>,
    /// The version of the product's own stream.
    pub expected_version: Option<i64>,
}

#[derive(Clone)]
pub struct RetireProduct {
    pub id: ProductId,
    pub expected_version: Option<i64>,
}

/// A product after a command, with the number of units that can be sold.
#[derive(Clone, Debug)]
pub struct ProductOutcome {
    pub id: ProductId,
    pub product: Versioned<Product>,
    pub available: u64,
    pub stock_version: i64,
    /// The later of the product's and its stock's last change: an answer shows both.
    pub updated_at: DateTime<Utc>,
}

impl Command for CreateProduct {
    type Outcome = ProductOutcome;

    fn streams(&self) -> Vec<StreamUse> {
        let category = self
            .category_id
            .map(|id| StreamUse::Existing(StreamId::category(id)));
        let own = [
            StreamUse::Fresh(StreamId::product(self.id)),
            StreamUse::Fresh(StreamId::stock(self.id)),
        ];
        own.into_iter().chain(category).collect()
    }

    fn decide(&self, aggregates: &Aggregates<'_>) -> Result<Decision<ProductOutcome>, Refusal> {
        check_category(aggregates, self.category_id)?;
        let command = ProductCommand::Create {
            name: self.name.clone(),
            description: self.description.clone(),
            price: self.price,
            category_id: self.category_id,
            sku: self.sku.clone(),
        };
        let mut decision = decide(aggregates, self.id, command)?;
        if self.stock == 0 {
            return Ok(decision);
        }
        let stock = aggregates.stock(self.id);
        let received = stock.state.decide(StockCommand::Receive {
            quantity: self.stock,
            reason: None,
        })?;
        let after = stock.after(&received, Stock::evolve, aggregates.now);
        decision.outcome.available = after.state.available();
        decision.outcome.stock_version = after.version;
        decision.outcome.updated_at = aggregates.now;
        Ok(decision.append(StreamId::stock(self.id), received))
    }
}

impl Command for ChangeProduct {
    type Outcome = ProductOutcome;

    fn streams(&self) -> Vec<StreamUse> {
        let category = self
            .category_id
            .flatten()
            .map(|id| StreamUse::Existing(StreamId::category(id)));
        existing(self.id).into_iter().chain(category).collect()
    }

    fn decide(&self, aggregates: &Aggregates<'_>) -> Result<Decision<ProductOutcome>, Refusal> {
        check_sold_at(aggregates, self.id, self.expected_version)?;
        check_category(aggregates, self.category_id.flatten())?;
        let command = ProductCommand::Change {
            name: self.name.clone(),
            description: self.description.clone(),
            price: self.price,
            category_id: self.category_id,
        };
        decide(aggregates, self.id, command)
    }
}

impl Command for RetireProduct {
    type Outcome = ProductOutcome;

    fn streams(&self) -> Vec<StreamUse> {
        existing(self.id).into()
    }

    fn decide(&self, aggregates: &Aggregates<'_>) -> Result<Decision<ProductOutcome>, Refusal> {
        check_sold_at(aggregates, self.id, self.expected_version)?;
        decide(aggregates, self.id, ProductCommand::Retire)
    }
}

fn existing(id: ProductId) -> [StreamUse; 2] {
    [
        StreamUse::Existing(StreamId::product(id)),
        StreamUse::Existing(StreamId::stock(id)),
    ]
}

/// To callers a retired product does not exist, and what does not exist has no version to compare.
fn check_sold_at(
    aggregates: &Aggregates<'_>,
    id: ProductId,
    expected_version: Option<i64>,
) -> Result<(), Refusal> {
    let product = aggregates.product(id);
    if !product.state.exists() || product.state.retired {
        return Err(ProductRejection::NotFound.into());
    }
    check_version(expected_version, product.version)
}

fn check_category(aggregates: &Aggregates<'_>, id: Option<CategoryId>) -> Result<(), Refusal> {
    match id {
        Some(id) if !aggregates.category(id).state.exists() => Err(Refusal::UnknownCategory(id)),
        _ => Ok(()),
    }
}

/// Decides on the product, and moves its claims together with it: the SKU, and its place in a category.
fn decide(
    aggregates: &Aggregates<'_>,
    id: ProductId,
    command: ProductCommand,
) -> Result<Decision<ProductOutcome>, Refusal> {
    let (product, stock) = (aggregates.product(id), aggregates.stock(id));
    let events: Vec<ProductEvent> = product.state.decide(command)?;
    let changed = product.after(&events, Product::evolve, aggregates.now);
    let (before, after) = (claims(id, product.state), claims(id, &changed.state));
    let released: Vec<NewClaim> = before
        .iter()
        .filter(|claim| !after.contains(claim))
        .cloned()
        .collect();
    let taken: Vec<NewClaim> = after
        .into_iter()
        .filter(|claim| !before.contains(claim))
        .collect();
    let updated_at = changed.updated_at.max(stock.updated_at);
    let outcome = ProductOutcome {
        id,
        product: changed,
        available: stock.state.available(),
        stock_version: stock.version,
        updated_at,
    };
    Ok(Decision::new(outcome)
        .append(StreamId::product(id), events)
        .release(released)
        .take(taken))
}

fn claims(id: ProductId, product: &Product) -> Vec<NewClaim> {
    if !product.exists() || product.retired {
        return Vec::new();
    }
    let sku = product.sku.as_ref().map(|sku| NewClaim {
        kind: ClaimKind::Sku,
        value: sku.clone(),
        owner: id.to_string(),
    });
    let member = product
        .category_id
        .map(|category| NewClaim::member(id, category));
    sku.into_iter().chain(member).collect()
}
