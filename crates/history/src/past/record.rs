//! The fields of a resource that its own stream tells: everything that its events contain, with the API's field names,
//! and nothing from another stream.

use std::collections::BTreeSet;

use daybook_contract::{Amount, Timestamp};
use daybook_domain::category::Category;
use daybook_domain::order::{Address, ImportedLine, Order, OrderLine, OrderStatus};
use daybook_domain::product::Product;
use daybook_domain::stock::Stock;
use daybook_domain::user::{Role, User};
use daybook_domain::{
    AggregateType, CategoryId, OrderId, Personal, ProductId, State, StreamId, UserId, Versioned,
};
use daybook_log::{Feed, LogError, Position};
use serde::Serialize;

use super::diff::{Change, changes};
use super::fold::{PastOrder, order_at, state_at, was_there};

/// A resource as its stream tells it. Personal data that was erased is null.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Record {
    User(UserRecord),
    Category(CategoryRecord),
    Product(ProductRecord),
    Stock(StockRecord),
    Order(OrderRecord),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UserRecord {
    id: UserId,
    email: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    roles: BTreeSet<Role>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    email_verified: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    deactivated_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    erased_at: Option<Timestamp>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CategoryRecord {
    id: CategoryId,
    name: String,
    description: String,
    deleted: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProductRecord {
    id: ProductId,
    name: String,
    description: String,
    price: Amount,
    currency: &'static str,
    category_id: Option<CategoryId>,
    sku: Option<String>,
    retired: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StockRecord {
    id: ProductId,
    stock: u64,
    on_hand: u64,
    reserved: u64,
    shipped: u64,
    received: u64,
    written_off: u64,
    updated_at: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderRecord {
    id: OrderId,
    user_id: Option<UserId>,
    status: OrderStatus,
    items: Vec<ItemRecord>,
    total_amount: Amount,
    currency: &'static str,
    shipping_address: Option<Address>,
    carrier: Option<String>,
    tracking_number: Option<String>,
    cancellation_reason: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ItemRecord {
    product_id: ProductId,
    name: String,
    quantity: i64,
    unit_price: Amount,
}

/// `None` before the stream's first event.
pub(crate) async fn record_at(
    feed: &Feed,
    stream: StreamId,
    position: Position,
) -> Result<Option<Record>, LogError> {
    let id = stream.id;
    Ok(match stream.aggregate_type {
        AggregateType::User => state_at(feed, stream, position, State::as_user)
            .await?
            .map(|user| Record::User(UserRecord::of(id.into(), &user))),
        AggregateType::Category => state_at(feed, stream, position, State::as_category)
            .await?
            .map(|category| Record::Category(CategoryRecord::of(id.into(), &category))),
        AggregateType::Product => state_at(feed, stream, position, State::as_product)
            .await?
            .map(|product| Record::Product(ProductRecord::of(id.into(), &product))),
        AggregateType::Stock => state_at(feed, stream, position, State::as_stock)
            .await?
            .map(|stock| Record::Stock(StockRecord::of(id.into(), &stock))),
        AggregateType::Order => order_at(feed, id.into(), position)
            .await?
            .map(|order| Record::Order(OrderRecord::of(&order))),
    })
}

/// What changed in a stream's resource after one position and up to another. `None` if the stream has no events.
pub async fn changes_between(
    feed: &Feed,
    stream: StreamId,
    after: Position,
    to: Position,
) -> Result<Option<Vec<Change>>, LogError> {
    let then = record_at(feed, stream, after).await?;
    let now = record_at(feed, stream, to).await?;
    if now.is_none() && !was_there(feed, stream, Position::MAX).await? {
        return Ok(None);
    }
    let compared = as_text(then).and_then(|then| changes(&then, &as_text(now)?));
    compared.map(Some).map_err(|source| LogError::Encode {
        what: "a record",
        source,
    })
}

/// A resource that does not exist has no fields.
fn as_text(record: Option<Record>) -> Result<String, serde_json::Error> {
    record.map_or(Ok("{}".to_owned()), |record| serde_json::to_string(&record))
}

impl UserRecord {
    pub fn of(id: UserId, user: &Versioned<User>) -> UserRecord {
        let User {
            email,
            email_verified,
            first_name,
            last_name,
            roles,
            external_id,
            deactivated,
            erased,
            registered: _,
        } = &user.state;
        UserRecord {
            id,
            email: email.known().map(ToString::to_string),
            first_name: first_name.known().cloned(),
            last_name: last_name.known().cloned(),
            roles: roles.clone(),
            external_id: external_id.as_ref().and_then(Personal::known).cloned(),
            email_verified: *email_verified,
            created_at: user.created_at.into(),
            updated_at: user.updated_at.into(),
            // Nothing else happens to an account after it was deactivated or erased.
            deactivated_at: deactivated.then(|| user.updated_at.into()),
            erased_at: erased.then(|| user.updated_at.into()),
        }
    }
}

impl CategoryRecord {
    fn of(id: CategoryId, category: &Versioned<Category>) -> CategoryRecord {
        let Category {
            created: _,
            deleted,
            name,
            description,
        } = &category.state;
        CategoryRecord {
            id,
            name: name.to_string(),
            description: description.clone(),
            deleted: *deleted,
            created_at: category.created_at.into(),
            updated_at: category.updated_at.into(),
        }
    }
}

impl ProductRecord {
    fn of(id: ProductId, product: &Versioned<Product>) -> ProductRecord {
        let Product {
            created: _,
            retired,
            name,
            description,
            price,
            category_id,
            sku,
        } = &product.state;
        ProductRecord {
            id,
            name: name.clone(),
            description: description.clone(),
            price: Amount(*price),
            currency: price.currency.code(),
            category_id: *category_id,
            sku: sku.clone(),
            retired: *retired,
            created_at: product.created_at.into(),
            updated_at: product.updated_at.into(),
        }
    }
}

impl StockRecord {
    fn of(id: ProductId, stock: &Versioned<Stock>) -> StockRecord {
        let Stock {
            on_hand,
            reserved,
            shipped,
            received,
            written_off,
            reservations: _,
        } = &stock.state;
        StockRecord {
            id,
            stock: stock.state.available(),
            on_hand: *on_hand,
            reserved: *reserved,
            shipped: *shipped,
            received: *received,
            written_off: *written_off,
            updated_at: stock.updated_at.into(),
        }
    }
}

impl OrderRecord {
    pub fn of(past: &PastOrder) -> OrderRecord {
        let Order {
            placed: _,
            user_id,
            lines,
            total,
            status,
            shipping_address,
            carrier,
            tracking_number,
            cancellation_reason,
            imported: _,
        } = &past.order.state;
        let bought = lines.iter().map(ItemRecord::from);
        let imported = past.imported_lines.iter().map(ItemRecord::from);
        OrderRecord {
            id: past.id,
            user_id: *user_id,
            status: *status,
            items: bought.chain(imported).collect(),
            total_amount: Amount(*total),
            currency: total.currency.code(),
            shipping_address: shipping_address.as_ref().and_then(Personal::known).cloned(),
            carrier: carrier.clone(),
            tracking_number: tracking_number.clone(),
            cancellation_reason: cancellation_reason.clone(),
            created_at: past.order.created_at.into(),
            updated_at: past.order.updated_at.into(),
        }
    }
}

impl From<&OrderLine> for ItemRecord {
    fn from(line: &OrderLine) -> ItemRecord {
        ItemRecord {
            product_id: line.product_id,
            name: line.name.clone(),
            quantity: i64::from(line.quantity),
            unit_price: Amount(line.unit_price),
        }
    }
}

impl From<&ImportedLine> for ItemRecord {
    fn from(line: &ImportedLine) -> ItemRecord {
        ItemRecord {
            product_id: line.product_id,
            name: line.name.clone(),
            quantity: line.quantity,
            unit_price: Amount(line.unit_price),
        }
    }
}
