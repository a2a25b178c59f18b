use serde::{Deserialize, Serialize};

use super::CategoryName;
use crate::event_type::event_types;
use crate::ids::UserId;
use crate::stream::StreamId;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum CategoryEvent {
    #[serde(rename = "category.created")]
    Created {
        name: CategoryName,
        description: String,
    },
    /// Both as they are from this event on.
    #[serde(rename = "category.changed")]
    Changed {
        name: CategoryName,
        description: String,
    },
    #[serde(rename = "category.deleted")]
    Deleted,
}

event_types! {
    CategoryEvent {
        Created => "category.created", version "1";
        Changed => "category.changed", version "1";
        Deleted => "category.deleted", version "1";
    }
}

impl CategoryEvent {
    pub const fn person(&self, _: StreamId) -> Option<UserId> {
        match self {
            Self::Created { .. } | Self::Changed { .. } | Self::Deleted => None,
        }
    }
}
