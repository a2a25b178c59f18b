//! The name of a stream: the events that are numbered 1, 2, 3 … together.

use std::fmt;

use uuid::Uuid;

use crate::ids::{CategoryId, OrderId, ProductId, UserId};
pub use crate::registry::{AggregateType, UnknownAggregateType};

/// Shown as `order/<uuid>`. Several aggregates are locked in the order of their stream ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    pub aggregate_type: AggregateType,
    pub id: Uuid,
}

impl StreamId {
    pub const fn user(id: UserId) -> Self {
        Self::new(AggregateType::User, id.as_uuid())
    }

    pub const fn category(id: CategoryId) -> Self {
        Self::new(AggregateType::Category, id.as_uuid())
    }

    pub const fn product(id: ProductId) -> Self {
        Self::new(AggregateType::Product, id.as_uuid())
    }

    /// The stock of a product: a stream separate from the product's own, so that selling and describing never conflict.
    pub const fn stock(id: ProductId) -> Self {
        Self::new(AggregateType::Stock, id.as_uuid())
    }

    pub const fn order(id: OrderId) -> Self {
        Self::new(AggregateType::Order, id.as_uuid())
    }

    pub const fn new(aggregate_type: AggregateType, id: Uuid) -> Self {
        Self { aggregate_type, id }
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.aggregate_type, self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_shown_with_its_type() {
        let id = Uuid::from_u128(1);
        for (stream, shown) in [
            (
                StreamId::user(id.into()),
                "user/00000000-0000-0000-0000-000000000001",
            ),
            (
                StreamId::category(id.into()),
                "category/00000000-0000-0000-0000-000000000001",
            ),
            (
                StreamId::product(id.into()),
                "product/00000000-0000-0000-0000-000000000001",
            ),
            (
                StreamId::stock(id.into()),
                "stock/00000000-0000-0000-0000-000000000001",
            ),
            (
                StreamId::order(id.into()),
                "order/00000000-0000-0000-0000-000000000001",
            ),
        ] {
            assert_eq!(stream.to_string(), shown);
        }
    }

    #[test]
    fn a_type_is_read_as_it_is_shown() {
        for aggregate_type in AggregateType::ALL {
            assert_eq!(aggregate_type.to_string().parse(), Ok(*aggregate_type));
        }
        assert_eq!("Order".parse::<AggregateType>(), Err(UnknownAggregateType));
    }
}
