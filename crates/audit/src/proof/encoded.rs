//! Hashes in JSON: base64.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

use crate::tree::Hash;

pub(super) fn serialize<S: Serializer>(hash: &Hash, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&BASE64_STANDARD.encode(hash))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Hash, D::Error> {
    decode(&String::deserialize(deserializer)?)
}

/// Several hashes in JSON.
pub(super) mod list {
    use super::*;

    pub(in crate::proof) fn serialize<S: Serializer>(
        hashes: &[Hash],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(hashes.iter().map(|hash| BASE64_STANDARD.encode(hash)))
    }

    pub(in crate::proof) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Hash>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        texts.iter().map(|text| decode(text)).collect()
    }
}

fn decode<E: Error>(text: &str) -> Result<Hash, E> {
    let bytes = BASE64_STANDARD.decode(text).map_err(E::custom)?;
    bytes
        .try_into()
        .map_err(|_| E::custom("a hash has 32 bytes"))
}
