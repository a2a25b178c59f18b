//! Converts events of an older shape to the current one before they are decoded.
//!
//! To change an event's shape: raise its version in its aggregate's `event.rs`, add an upcaster here from the version
//! before, and a fixture of the new version beside the old one, which stays.

use cqrs_es::persist::{EventUpcaster, SerializedEvent};

/// Every upcaster, the oldest version first. [`upcast`] goes through them once, in this order, and each gets what the
/// one before it made: so an event's step from version 1 to 2 stands before its step from 2 to 3. An upcaster converts
/// one version to the next, and sets `event_version` to it as the registry writes it (`2`, where cqrs-es's own
/// `SemanticVersionEventUpcaster` would write `2.0.0`).
pub fn upcasters() -> Vec<Box<dyn EventUpcaster>> {
    Vec::new()
}

/// The event in its current version, if `upcasters` know it. For an event that is current already it costs only the
/// check.
pub fn upcast(upcasters: &[Box<dyn EventUpcaster>], event: SerializedEvent) -> SerializedEvent {
    upcasters.iter().fold(event, |event, upcaster| {
        if upcaster.can_upcast(&event.event_type, &event.event_version) {
            upcaster.upcast(event)
        } else {
            event
        }
    })
}
