//! Whether JSON can be read again.
//!
//! Reads it to its end and stores nothing. Unlike serde's `IgnoredAny` it refuses escapes that are not characters,
//! numbers that are too large, and nesting that is too deep for other readers.

use std::fmt;

use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};

/// JSON that could be read to its end.
pub(super) struct Readable {
    pub(super) has_nul: bool,
}

impl Readable {
    fn plain<E>() -> Result<Readable, E> {
        Ok(Readable { has_nul: false })
    }
}

impl<'de> Deserialize<'de> for Readable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Readable;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_unit<E>(self) -> Result<Readable, E> {
                Readable::plain()
            }

            fn visit_bool<E>(self, _: bool) -> Result<Readable, E> {
                Readable::plain()
            }

            fn visit_i64<E>(self, _: i64) -> Result<Readable, E> {
                Readable::plain()
            }

            fn visit_u64<E>(self, _: u64) -> Result<Readable, E> {
                Readable::plain()
            }

            fn visit_f64<E>(self, _: f64) -> Result<Readable, E> {
                Readable::plain()
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Readable, E> {
                Ok(Readable {
                    has_nul: text.contains('\0'),
                })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Readable, A::Error> {
                let mut has_nul = false;
                while let Some(item) = seq.next_element::<Readable>()? {
                    has_nul |= item.has_nul;
                }
                Ok(Readable { has_nul })
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Readable, A::Error> {
                let mut has_nul = false;
                while let Some((key, value)) = map.next_entry::<Readable, Readable>()? {
                    has_nul |= key.has_nul | value.has_nul;
                }
                Ok(Readable { has_nul })
            }
        }

        deserializer.deserialize_any(Reader)
    }
}
