//! A category groups products. Two rules span many streams and are enforced where commands are executed: a name is
//! taken only once, and a category that has products is not deleted.

mod apply;
mod command;
mod decide;
mod describe;
mod event;
mod name;
mod rejection;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use self::command::CategoryCommand;
pub use self::event::CategoryEvent;
pub use self::name::CategoryName;
pub use self::rejection::CategoryRejection;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Category {
    pub created: bool,
    pub deleted: bool,
    pub name: CategoryName,
    pub description: String,
}

impl Category {
    pub const DESCRIPTION_MAX_CHARS: usize = 2000;

    /// A deleted category counts as missing, but its id cannot be used again.
    pub const fn exists(&self) -> bool {
        self.created && !self.deleted
    }
}
