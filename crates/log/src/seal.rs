//! Sealing of personal data.
//!
//! The domain marks personal fields as `{"$personal": value}`. What is stored is `{"$sealed": "<base64 of
//! nonce ‖ ciphertext ‖ tag>", "person": "<uuid>"}`: AES-256-GCM under that person's own key, bound to
//! the place where it is stored by the associated data (an event's id, a stream, an idempotency key).
//! When the key is destroyed, the field reads `{"$erased": true}`.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};
use uuid::Uuid;

const PERSONAL: &str = "$personal";
const SEALED: &str = "$sealed";
const PERSON: &str = "person";

#[derive(Debug, thiserror::Error)]
pub enum SealError {
    #[error("the system gave no random bytes")]
    Random,
    #[error("sealing failed")]
    Seal,
    #[error("the sealed data was changed, or sealed with another key or for another place")]
    Open,
    #[error("sealed data is not in the expected form")]
    Malformed,
    #[error("personal data came without a key to seal it with")]
    NoKey,
}

/// The key of one person.
pub struct PersonKey(LessSafeKey);

impl PersonKey {
    #[allow(clippy::expect_used)]
    pub(crate) fn from_bytes(bytes: &[u8; 32]) -> PersonKey {
        let key = UnboundKey::new(&AES_256_GCM, bytes).expect("AES-256 takes any 32 bytes");
        PersonKey(LessSafeKey::new(key))
    }

    /// Random nonces of 96 bits: safe for 2³² sealings under one person's key.
    pub fn seal_bytes(&self, plain: &[u8], place: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce).map_err(|_| SealError::Random)?;
        let mut sealed = plain.to_vec();
        self.0
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place),
                &mut sealed,
            )
            .map_err(|_| SealError::Seal)?;
        sealed.splice(0..0, nonce);
        Ok(sealed)
    }

    pub fn open_bytes(&self, sealed: &[u8], place: &[u8]) -> Result<Vec<u8>, SealError> {
        let (nonce, ciphertext) = sealed
            .split_at_checked(NONCE_LEN)
            .ok_or(SealError::Malformed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Malformed)?;
        let mut opened = ciphertext.to_vec();
        let length = self
            .0
            .open_in_place(nonce, Aad::from(place), &mut opened)
            .map_err(|_| SealError::Open)?
            .len();
        opened.truncate(length);
        Ok(opened)
    }
}

pub(crate) fn random_key() -> Result<[u8; 32], SealError> {
    let mut key = [0; 32];
    rand::fill(&mut key).map_err(|_| SealError::Random)?;
    Ok(key)
}

/// Whether stored JSON may hold sealed fields: a quick look before the slow walk.
pub(crate) fn may_be_sealed(json: &str) -> bool {
    json.contains("\"$sealed\"")
}

pub(crate) fn has_personal(json: &str) -> bool {
    json.contains("\"$personal\"")
}

/// Seals every personal field below `value`.
pub(crate) fn seal(
    value: &mut Value,
    person: Uuid,
    key: &PersonKey,
    place: &[u8],
) -> Result<(), SealError> {
    walk(value, &mut |object| {
        let Some(plain) = object.get(PERSONAL) else {
            return Ok(None);
        };
        let sealed = key.seal_bytes(plain.to_string().as_bytes(), place)?;
        Ok(Some(
            json!({ SEALED: BASE64.encode(sealed), PERSON: person }),
        ))
    })
}

/// Opens every sealed field below `value`; a field whose key is gone becomes `{"$erased": true}`.
pub(crate) fn open<'k>(
    value: &mut Value,
    key_of: &dyn Fn(Uuid) -> Option<&'k PersonKey>,
    place: &[u8],
) -> Result<(), SealError> {
    walk(value, &mut |object| {
        let Some((sealed, person)) = sealed_field(object)? else {
            return Ok(None);
        };
        let Some(key) = key_of(person) else {
            return Ok(Some(json!({ "$erased": true })));
        };
        let plain = key.open_bytes(&sealed, place)?;
        let plain: Value = serde_json::from_slice(&plain).map_err(|_| SealError::Malformed)?;
        Ok(Some(json!({ PERSONAL: plain })))
    })
}

/// The persons whose data is sealed below `value`.
pub(crate) fn persons(value: &mut Value) -> Result<Vec<Uuid>, SealError> {
    let mut persons = Vec::new();
    walk(value, &mut |object| {
        if let Some((_, person)) = sealed_field(object)? {
            persons.push(person);
        }
        Ok(None)
    })?;
    Ok(persons)
}

fn sealed_field(object: &Map<String, Value>) -> Result<Option<(Vec<u8>, Uuid)>, SealError> {
    let Some(sealed) = object.get(SEALED) else {
        return Ok(None);
    };
    let sealed = sealed
        .as_str()
        .and_then(|text| BASE64.decode(text).ok())
        .ok_or(SealError::Malformed)?;
    let person = object
        .get(PERSON)
        .and_then(Value::as_str)
        .and_then(|text| Uuid::parse_str(text).ok());
    Ok(Some((sealed, person.ok_or(SealError::Malformed)?)))
}

/// What replaces an object, if anything does.
type Replacement = Result<Option<Value>, SealError>;

/// Visits every object, from the outside in.
fn walk(
    value: &mut Value,
    visit: &mut dyn FnMut(&Map<String, Value>) -> Replacement,
) -> Result<(), SealError> {
    if let Value::Object(object) = value
        && let Some(replacement) = visit(object)?
    {
        *value = replacement;
        return Ok(());
    }
    match value {
        Value::Object(object) => object.values_mut().try_for_each(|child| walk(child, visit)),
        Value::Array(items) => items.iter_mut().try_for_each(|child| walk(child, visit)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Value {
        json!({ "type": "user.registered", "email": { "$personal": "ada@example.com" },
                "lines": [{ "address": { "$personal": { "city": "Bern" } } }] })
    }

    #[test]
    fn what_was_sealed_opens_with_the_same_key_at_the_same_place() {
        let (person, key) = (Uuid::from_u128(1), PersonKey::from_bytes(&[7; 32]));
        let mut value = sample();
        seal(&mut value, person, &key, b"here").unwrap();
        assert!(!value.to_string().contains("ada@") && !value.to_string().contains("Bern"));
        assert_eq!(persons(&mut value).unwrap(), [person, person]);

        let mut elsewhere = value.clone();
        assert!(matches!(
            open(&mut elsewhere, &|_| Some(&key), b"there"),
            Err(SealError::Open)
        ));
        open(&mut value, &|_| Some(&key), b"here").unwrap();
        assert_eq!(value, sample());
    }

    #[test]
    fn without_the_key_a_field_reads_as_erased() {
        let (person, key) = (Uuid::from_u128(1), PersonKey::from_bytes(&[7; 32]));
        let mut value = sample();
        seal(&mut value, person, &key, b"here").unwrap();
        open(&mut value, &|_| None, b"here").unwrap();
        assert_eq!(value["email"], json!({ "$erased": true }));
    }

    #[test]
    fn a_flipped_bit_is_noticed() {
        let key = PersonKey::from_bytes(&[7; 32]);
        let mut sealed = key.seal_bytes(b"secret", b"").unwrap();
        *sealed.last_mut().unwrap() ^= 1;
        assert!(matches!(key.open_bytes(&sealed, b""), Err(SealError::Open)));
        assert!(matches!(
            key.open_bytes(b"short", b""),
            Err(SealError::Malformed)
        ));
    }
}
