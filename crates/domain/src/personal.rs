//! Personal data inside events and states, marked so that the log seals it with its person's own key.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// `{"$personal": …}` as long as its person's key exists; `{"$erased": true}` for ever once the key was
/// destroyed.
///
/// Its `Debug` never shows the value, so events and states may be logged without revealing anybody's data.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Personal<T> {
    Known(T),
    #[default]
    Erased,
}

impl<T> Personal<T> {
    pub const fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Erased => None,
        }
    }

    pub fn into_known(self) -> Option<T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Erased => None,
        }
    }
}

impl<T> From<T> for Personal<T> {
    fn from(value: T) -> Self {
        Self::Known(value)
    }
}

impl<T> fmt::Debug for Personal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Known(_) => "Known(…)",
            Self::Erased => "Erased",
        })
    }
}

const PERSONAL: &str = "$personal";
const ERASED: &str = "$erased";

impl<T: Serialize> Serialize for Personal<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Known(value) => {
                serializer.serialize_newtype_variant("Personal", 0, PERSONAL, value)
            }
            Self::Erased => serializer.serialize_newtype_variant("Personal", 1, ERASED, &true),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Personal<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        enum Written<T> {
            #[serde(rename = "$personal")]
            Personal(T),
            #[serde(rename = "$erased")]
            Erased(bool),
        }

        match Written::deserialize(deserializer)? {
            Written::Personal(value) => Ok(Self::Known(value)),
            Written::Erased(true) => Ok(Self::Erased),
            Written::Erased(false) => Err(de::Error::custom("`$erased` is only ever true")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_marked_in_json() {
        let known = Personal::Known("Ann".to_owned());
        assert_eq!(
            serde_json::to_string(&known).unwrap(),
            r#"{"$personal":"Ann"}"#
        );
        assert_eq!(
            serde_json::to_string(&Personal::<String>::Erased).unwrap(),
            r#"{"$erased":true}"#
        );
    }

    #[test]
    fn is_read_back() {
        for personal in [Personal::Known("Ann".to_owned()), Personal::Erased] {
            let json = serde_json::to_string(&personal).unwrap();
            assert!(serde_json::from_str::<Personal<String>>(&json).unwrap() == personal);
        }
    }

    #[test]
    fn is_nothing_else() {
        for json in [
            r#""Ann""#,
            "{}",
            r#"{"$erased":false}"#,
            r#"{"$sealed":"AAAA"}"#,
            "null",
        ] {
            assert!(
                serde_json::from_str::<Personal<String>>(json).is_err(),
                "{json}"
            );
        }
    }

    #[test]
    fn does_not_tell_in_debug() {
        assert_eq!(format!("{:?}", Personal::Known("Ann")), "Known(…)");
    }
}
