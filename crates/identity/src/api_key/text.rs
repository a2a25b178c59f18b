//! An API key as it is handed out: `dbk_`, its id, `_`, its secret, a check value; in base64url, 76 characters. The
//! beginning lets scanners find secrets in places where they don't belong; the check value tells a key from a text that
//! only looks like one, without a look-up.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use uuid::Uuid;

/// What every key begins with.
pub const PREFIX: &str = "dbk_";

pub(super) const SECRET_BYTES: usize = 32;
const ID_CHARS: usize = 22;
const SECRET_CHARS: usize = 43;
const CHECK_CHARS: usize = 6;
const CHECK_BYTES: usize = 4;

/// The beginning of the key with this id; it is not secret.
pub(super) fn prefix(id: Uuid) -> String {
    format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(id))
}

pub(super) fn write(id: Uuid, secret: &[u8; SECRET_BYTES]) -> String {
    let text = format!("{}_{}", prefix(id), BASE64_URL_SAFE_NO_PAD.encode(secret));
    let check = check_value(&text);
    text + &check
}

pub(super) fn read(text: &str) -> Option<(Uuid, [u8; SECRET_BYTES])> {
    let rest = text.strip_prefix(PREFIX)?;
    let (id, rest) = rest.split_at_checked(ID_CHARS)?;
    let (secret, check) = rest.strip_prefix('_')?.split_at_checked(SECRET_CHARS)?;
    let checked = text.strip_suffix(check)?;
    if check.len() != CHECK_CHARS || check_value(checked) != check {
        return None;
    }
    let id = BASE64_URL_SAFE_NO_PAD.decode(id).ok()?;
    let secret = BASE64_URL_SAFE_NO_PAD.decode(secret).ok()?;
    Some((Uuid::from_slice(&id).ok()?, secret.try_into().ok()?))
}

fn check_value(text: &str) -> String {
    let hash = digest(&SHA256, text.as_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(&hash.as_ref()[..CHECK_BYTES])
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u128(7);

    #[test]
    fn a_key_is_read_as_it_was_written() {
        let text = write(ID, &[9; SECRET_BYTES]);
        assert_eq!(text.len(), 76);
        assert!(text.starts_with(&prefix(ID)));
        assert_eq!(read(&text), Some((ID, [9; SECRET_BYTES])));
    }

    #[test]
    fn what_is_no_key_is_not_looked_up() {
        let text = write(ID, &[9; SECRET_BYTES]);
        let mut changed = vec![
            String::new(),
            PREFIX.to_owned(),
            format!("{text}A"),
            "é".repeat(40),
        ];
        changed.extend((1..text.len()).map(|length| text[..length].to_owned()));
        changed.extend((0..text.len()).map(|at| {
            let other = if text[at..].starts_with('A') {
                "B"
            } else {
                "A"
            };
            format!("{}{other}{}", &text[..at], &text[at + 1..])
        }));
        for text in changed {
            assert_eq!(read(&text), None, "{text}");
        }
    }
}
