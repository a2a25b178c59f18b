//! One key pair, and what is derived from it: its name, its public part, signing and verifying.

use std::sync::Arc;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{
    AlgorithmParameters, CommonParameters, EllipticCurve, Jwk, KeyAlgorithm,
    OctetKeyPairParameters, OctetKeyPairType, PublicKeyUse, ThumbprintHash,
};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};

use super::TokenKeyError;
use super::format::{AUDIENCE, Claims, ISSUER, TOKEN_TYPE};

/// Allowed difference between two servers' clocks.
pub(super) const LEEWAY_S: u64 = 5;

/// An Ed25519 key pair. It signs and verifies with that algorithm and no other, whatever a token says.
pub struct Key {
    id: Arc<str>,
    signing: EncodingKey,
    checking: DecodingKey,
    header: Header,
    validation: Validation,
    public: Jwk,
}

impl Key {
    /// A new key pair, to be stored: PKCS#8, DER.
    pub fn generate() -> Result<Vec<u8>, TokenKeyError> {
        let pair = Ed25519KeyPair::generate().map_err(|_| TokenKeyError::Random)?;
        let der = pair.to_pkcs8().map_err(|_| TokenKeyError::Random)?;
        Ok(der.as_ref().to_vec())
    }

    pub fn from_pkcs8(der: &[u8]) -> Result<Key, TokenKeyError> {
        let pair = Ed25519KeyPair::from_pkcs8(der).map_err(|_| TokenKeyError::NotAKey)?;
        let public = published(pair.public_key().as_ref())?;
        let id = public.common.key_id.clone().unwrap_or_default();
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TOKEN_TYPE.to_owned());
        header.kid = Some(id.clone());
        Ok(Key {
            id: id.into(),
            signing: EncodingKey::from_ed_der(der),
            checking: DecodingKey::from_ed_der(pair.public_key().as_ref()),
            header,
            validation: validation(),
            public,
        })
    }

    /// The `kid`: the public key's thumbprint (RFC 7638).
    pub fn id(&self) -> &Arc<str> {
        &self.id
    }

    /// The public key in the form of JWKS (RFC 8037).
    pub fn public(&self) -> &Jwk {
        &self.public
    }

    pub(super) fn sign(&self, claims: &Claims) -> Result<String, TokenKeyError> {
        encode(&self.header, claims, &self.signing).map_err(TokenKeyError::Sign)
    }

    pub(super) fn verify(&self, token: &str) -> Result<Claims, jsonwebtoken::errors::Error> {
        Ok(decode::<Claims>(token, &self.checking, &self.validation)?.claims)
    }
}

fn validation() -> Validation {
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.leeway = LEEWAY_S;
    validation.validate_nbf = true;
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
    validation
}

fn published(public_key: &[u8]) -> Result<Jwk, TokenKeyError> {
    let mut jwk = Jwk {
        common: CommonParameters {
            public_key_use: Some(PublicKeyUse::Signature),
            key_algorithm: Some(KeyAlgorithm::EdDSA),
            ..CommonParameters::default()
        },
        algorithm: AlgorithmParameters::OctetKeyPair(OctetKeyPairParameters {
            key_type: OctetKeyPairType::OctetKeyPair,
            curve: EllipticCurve::Ed25519,
            x: BASE64_URL_SAFE_NO_PAD.encode(public_key),
        }),
    };
    let thumbprint = jwk.thumbprint(ThumbprintHash::SHA256);
    jwk.common.key_id = Some(thumbprint.map_err(TokenKeyError::Name)?);
    Ok(jwk)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// RFC 8037, appendices A.1 and A.3.
    #[test]
    fn a_key_is_named_and_published_as_the_rfcs_example_is() {
        let seed = BASE64_URL_SAFE_NO_PAD
            .decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
            .unwrap();
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
        let key = Key::from_pkcs8(pair.to_pkcs8().unwrap().as_ref()).unwrap();
        assert_eq!(&**key.id(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        assert_eq!(
            serde_json::to_value(key.public()).unwrap(),
            json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA",
                   "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
                   "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
        );
    }
}
