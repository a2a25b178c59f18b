//! The name of an event in the log.

/// The explicit name of an event (`order.placed`) and the version of its shape, counted up from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventType {
    pub name: &'static str,
    pub version: &'static str,
}

/// Names an aggregate's events. A variant without a name does not compile, so every event has a name here and in
/// `TYPES`. The name is the same as the variant's `serde(rename)`; the fixtures' test compares them.
macro_rules! event_types {
    ($event:ident { $($variant:ident => $name:literal, version $version:literal;)* }) => {
        impl $event {
            /// Every event of this aggregate, in its current version.
            pub const TYPES: &'static [$crate::EventType] =
                &[$($crate::EventType { name: $name, version: $version },)*];

            pub const fn kind(&self) -> $crate::EventType {
                match self {
                    $(Self::$variant { .. } => $crate::EventType { name: $name, version: $version },)*
                }
            }
        }
    };
}

pub(crate) use event_types;
