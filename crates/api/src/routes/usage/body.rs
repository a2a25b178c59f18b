//! The body of a batch of usage events.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::openapi::schema::{AnyOfBuilder, ArrayBuilder, ObjectBuilder, SchemaType};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

pub(super) const SESSION_ID_MAX_CHARS: usize = 200;
pub(super) const EVENT_TYPE_MAX_CHARS: usize = 100;

/// One event. Who acts is as the sender says, and proves nothing.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = UsageEvent)]
pub(super) struct EventBody {
    /// The sender's own; an event that is sent again under its id is kept once.
    pub(super) event_id: Uuid,
    /// By the visitor's clock: at most 366 days ago and one hour ahead.
    #[schema(format = DateTime)]
    pub(super) timestamp: String,
    #[schema(min_length = 1, max_length = 200)]
    pub(super) session_id: String,
    pub(super) user_id: Option<Uuid>,
    /// `page_view`, `product_click`, `add_to_cart` and `order_placed` make the funnel; others are kept, too.
    #[schema(min_length = 1, max_length = 100)]
    pub(super) event_type: String,
    /// Whatever else there is to say. Kept to the byte.
    #[schema(value_type = Object)]
    pub(super) event_data: Box<RawValue>,
}

/// The batch as the document describes it. An element that is not a valid event gets a result of its own and not a 4xx,
/// so the schema accepts any element.
pub(super) struct Batch;

impl PartialSchema for Batch {
    fn schema() -> RefOr<Schema> {
        let anything = ObjectBuilder::new().schema_type(SchemaType::AnyValue);
        let element = AnyOfBuilder::new()
            .item(Ref::from_schema_name("UsageEvent"))
            .item(anything.description(Some("What is no such event is rejected by itself")));
        ArrayBuilder::new()
            .items(element)
            .min_items(Some(1))
            .max_items(Some(super::MOST_EVENTS))
            .into()
    }
}

impl ToSchema for Batch {
    fn name() -> Cow<'static, str> {
        "UsageBatch".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push(("UsageEvent".to_owned(), EventBody::schema()));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_documents_bounds_are_those_that_are_checked() {
        let schema = serde_json::to_value(EventBody::schema()).unwrap();
        let fields = &schema["properties"];
        let most = |field: &str| fields[field]["maxLength"].clone();
        assert_eq!(most("sessionId"), json!(SESSION_ID_MAX_CHARS));
        assert_eq!(most("eventType"), json!(EVENT_TYPE_MAX_CHARS));
    }
}
