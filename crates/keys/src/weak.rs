//! Keys that were not drawn at random.

use std::collections::BTreeSet;

/// Whether 32 bytes were made up: one byte repeated, a pattern, a count, a text. It refuses one random key in 50
/// million million, mostly because it looks like text: each byte is printable with 95 chances in 256.
pub(super) fn is_made_up(key: &[u8; 32]) -> bool {
    let distinct: BTreeSet<u8> = key.iter().copied().collect();
    // Random bytes have 30 different values on average; 16 or fewer with a probability of 2 in 10^15.
    let repeats = distinct.len() <= 16;
    let step = key[1].wrapping_sub(key[0]);
    let counts = key
        .windows(2)
        .all(|pair| pair[1].wrapping_sub(pair[0]) == step);
    let is_text = key.iter().all(|byte| (b' '..=b'~').contains(byte));
    repeats || counts || is_text
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::digest::{SHA256, digest};

    use super::*;

    #[test]
    fn what_somebody_has_made_up_is_told_from_what_was_drawn() {
        let counting: [u8; 32] = std::array::from_fn(|n| n as u8);
        let down: [u8; 32] = std::array::from_fn(|n| 0xff - 7 * n as u8);
        let pattern: [u8; 32] = std::array::from_fn(|n| [0xde, 0xad, 0xbe, 0xef][n % 4]);
        let half: [u8; 32] = std::array::from_fn(|n| if n < 16 { 0x80 | n as u8 } else { 0 });
        for made_up in [
            [0; 32],
            counting,
            down,
            pattern,
            *b"change-me-before-production-1234",
            *b"0123456789abcdefghijklmnopqrstuv",
        ] {
            assert!(is_made_up(&made_up), "{made_up:?}");
        }
        assert!(!is_made_up(&half), "17 different bytes are let pass");
        for n in 0..=255 {
            let drawn = digest(&SHA256, &[n]).as_ref().try_into().unwrap();
            assert!(!is_made_up(&drawn), "{n}");
        }
    }
}
