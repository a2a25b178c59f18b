use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::rejection::InvalidField;
use crate::text;

/// One trimmed line of 1 to 100 characters.
///
/// Deserialising trusts the log. Input from outside is parsed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CategoryName(String);

impl CategoryName {
    pub const MAX_CHARS: usize = 100;

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form that must be unique among categories: lower case, with single spaces. `Garden  Tools` becomes `garden
    /// tools`.
    pub fn claim_key(&self) -> String {
        self.0
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .to_lowercase()
    }
}

impl FromStr for CategoryName {
    type Err = InvalidField;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        text::line("/name", name, Self::MAX_CHARS).map(Self)
    }
}

impl From<CategoryName> for String {
    fn from(name: CategoryName) -> Self {
        name.0
    }
}

impl fmt::Display for CategoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
