use crate::ids::CategoryId;
use crate::money::Money;

#[derive(Clone, Debug)]
pub enum ProductCommand {
    Create {
        name: String,
        description: String,
        price: Money,
        category_id: Option<CategoryId>,
        sku: Option<String>,
    },
    /// A field that is left out stays as it is; `category_id: Some(None)` takes the product out of its
    /// category.
    Change {
        name: Option<String>,
        description: Option<String>,
        price: Option<Money>,
        category_id: Option<Option<CategoryId>>,
    },
    Retire,
}
