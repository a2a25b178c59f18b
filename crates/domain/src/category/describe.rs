use super::{Category, CategoryEvent};
use crate::describe::renamed_or_described;

impl CategoryEvent {
    /// Describes the event in words. `before` is the state just before the event.
    pub fn describe(&self, before: &Category) -> String {
        match self {
            Self::Created {
                name,
                description: _,
            } => format!("created: {name}"),
            Self::Changed { name, description } => renamed_or_described(
                [before.name.as_str(), name.as_str()],
                [&before.description, description],
            ),
            Self::Deleted => format!("deleted: {}", before.name),
        }
    }

    /// Whether [`CategoryEvent::describe`] uses the state before the event.
    pub const fn tells_what_was_before(&self) -> bool {
        match self {
            Self::Changed { .. } | Self::Deleted => true,
            Self::Created { .. } => false,
        }
    }
}
