//! Ids of what Daybook makes by itself: the same at every run and from every process, so that what is
//! there already is recognised.

use aws_lc_rs::digest::{SHA256, digest};
use uuid::{Builder, Uuid};

/// 2026-01-01, in milliseconds since 1970. Fixed, since the clock would give other ids each time.
const EPOCH_MS: u64 = 1_767_225_600_000;

/// A UUIDv7 like all of the shop's ids: it sorts by `rank`, and the random part is `name`'s hash.
pub fn fixed_id(name: &str, rank: usize) -> Uuid {
    let hash = digest(&SHA256, format!("daybook: {name}").as_bytes());
    let mut random = [0; 10];
    random.copy_from_slice(&hash.as_ref()[..10]);
    Builder::from_unix_timestamp_millis(EPOCH_MS + rank as u64, &random).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::fixed_id;

    #[test]
    fn an_id_never_changes() {
        let id = fixed_id("product NB-A5-DOT", 0);
        assert_eq!(id, fixed_id("product NB-A5-DOT", 0));
        assert_eq!(id.get_version_num(), 7);
        assert_ne!(id, fixed_id("product NB-A5-RUL", 0));
        assert!(id < fixed_id("product NB-A5-DOT", 1));
    }
}
