//! The body of a new order.

use daybook_commands::PlaceOrder;
use daybook_domain::order::Address;
use daybook_domain::{OrderId, ProductId, UserId};
use serde::Deserialize;
use utoipa::ToSchema;

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
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$"
    )]
    name: String,
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$"
    )]
    line1: String,
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$"
    )]
    line2: Option<String>,
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$"
    )]
    city: String,
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$"
    )]
    postal_code: String,
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$"
    )]
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
