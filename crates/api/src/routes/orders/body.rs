//! The body of a new order.

use daybook_commands::PlaceOrder;
use daybook_domain::order::Address;
use daybook_domain::{OrderId, ProductId, UserId};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::bounds::{line, optional_line};
use crate::extract::Object;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct PlaceOrderBody {
    /// Each product once.
    #[schema(value_type = Vec<ItemBody>, min_items = 1, max_items = 100)]
    items: Vec<Object<ItemBody>>,
    #[schema(value_type = Option<AddressBody>)]
    shipping_address: Option<Object<AddressBody>>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = OrderItemBody)]
struct ItemBody {
    #[schema(value_type = Uuid)]
    product_id: ProductId,
    #[schema(minimum = 1, maximum = 10_000)]
    quantity: u32,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = Address)]
struct AddressBody {
    #[schema(schema_with = line::<{ Address::FIELD_MAX_CHARS }>)]
    name: String,
    #[schema(schema_with = line::<{ Address::FIELD_MAX_CHARS }>)]
    line1: String,
    #[schema(schema_with = optional_line::<{ Address::FIELD_MAX_CHARS }>)]
    line2: Option<String>,
    #[schema(schema_with = line::<{ Address::FIELD_MAX_CHARS }>)]
    city: String,
    #[schema(schema_with = line::<{ Address::FIELD_MAX_CHARS }>)]
    postal_code: String,
    #[schema(schema_with = optional_line::<{ Address::FIELD_MAX_CHARS }>)]
    region: Option<String>,
    /// ISO 3166-1, two capital letters.
    #[schema(pattern = "^[A-Z]{2}$")]
    country: String,
}

impl PlaceOrderBody {
    pub(super) fn into_command(self, id: OrderId, user_id: UserId) -> PlaceOrder {
        PlaceOrder {
            id,
            user_id,
            items: self
                .items
                .into_iter()
                .map(|Object(item)| (item.product_id, item.quantity))
                .collect(),
            shipping_address: self.shipping_address.map(|Object(address)| address.into()),
        }
    }
}

impl From<AddressBody> for Address {
    fn from(body: AddressBody) -> Address {
        let AddressBody {
            name,
            line1,
            line2,
            city,
            postal_code,
            region,
            country,
        } = body;
        Address {
            name,
            line1,
            line2,
            city,
            postal_code,
            region,
            country,
        }
    }
}
