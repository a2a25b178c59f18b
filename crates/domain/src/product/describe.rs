use super::{Product, ProductEvent};
use crate::describe::{from_to, renamed_or_described};

impl ProductEvent {
    /// Describes the event in words. `before` is the state just before the event.
    pub fn describe(&self, before: &Product) -> String {
        match self {
            Self::Created {
                name,
                description: _,
                price,
                category_id: _,
                sku,
            } => {
                let sku = sku
                    .as_ref()
                    .map_or_else(String::new, |sku| format!(", SKU {sku}"));
                format!("created: {name} at {price}{sku}")
            }
            Self::Described { name, description } => {
                renamed_or_described([&before.name, name], [&before.description, description])
            }
            Self::Repriced { from, to } => format!("price changed {}", from_to(*from, *to)),
            Self::Categorised { category_id } => match (before.category_id, category_id) {
                (Some(from), Some(to)) => format!("moved from category {from} to category {to}"),
                (None, Some(to)) => format!("put into category {to}"),
                (Some(from), None) => format!("taken out of category {from}"),
                (None, None) => "left without a category".to_owned(),
            },
            Self::Retired => format!("retired: {}", before.name),
        }
    }

    /// Whether [`ProductEvent::describe`] uses the state before the event.
    pub const fn tells_what_was_before(&self) -> bool {
        match self {
            Self::Described { .. } | Self::Categorised { .. } | Self::Retired => true,
            Self::Created { .. } | Self::Repriced { .. } => false,
        }
    }
}
