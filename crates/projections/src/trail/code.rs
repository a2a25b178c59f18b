//! How actors and event types are encoded in the trail's rows: short, of one length, and never changing.

use std::{collections::HashMap, sync::LazyLock};

use aws_lc_rs::digest::{SHA256, digest};
use daybook_domain::{AggregateType, EventType};
use daybook_log::Actor;
use uuid::Uuid;

static TYPES: LazyLock<HashMap<&'static str, i32>> = LazyLock::new(|| {
    let names = every_type().map(|of| of.name);
    names
        .map(|name| (name, i32::from_be_bytes(beginning(name))))
        .collect()
});

/// Every event type.
pub(super) fn every_type() -> impl Iterator<Item = EventType> {
    let types = AggregateType::ALL.iter().flat_map(|of| of.event_types());
    types.copied()
}

pub(super) fn of_type(event_type: EventType) -> i32 {
    // Every type is known here; an unknown one would be computed.
    let known = TYPES.get(event_type.name).copied();
    known.unwrap_or_else(|| i32::from_be_bytes(beginning(event_type.name)))
}

pub(super) fn of_actor(actor: &Actor) -> Uuid {
    match actor {
        Actor::User(id) => id.as_uuid(),
        Actor::Anonymous | Actor::System(_) => Uuid::from_bytes(beginning(&actor.to_string())),
    }
}

/// The first bytes of a text's SHA-256.
fn beginning<const N: usize>(text: &str) -> [u8; N] {
    let digest = digest(&SHA256, text.as_bytes());
    let mut bytes = [0; N];
    bytes
        .iter_mut()
        .zip(digest.as_ref())
        .for_each(|(byte, of)| *byte = *of);
    bytes
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_types_have_the_same_code() {
        let codes: BTreeSet<i32> = every_type().map(of_type).collect();
        assert_eq!(codes.len(), every_type().count());
    }

    #[test]
    fn codes_are_for_ever() {
        // printf order.placed | sha256sum
        let placed = every_type().find(|of| of.name == "order.placed").unwrap();
        assert_eq!(of_type(placed), 0xc831_1fb1_u32.cast_signed());
        let import = Actor::System("import".to_owned());
        assert_eq!(
            of_actor(&import),
            Uuid::from_u128(0x6a94_808e_f248_5b8f_ac5e_d5ba_18d8_3348)
        );
        let user = Uuid::from_u128(7);
        assert_eq!(of_actor(&Actor::User(user.into())), user);
    }
}
