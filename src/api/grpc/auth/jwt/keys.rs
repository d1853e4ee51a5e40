//! An issuer's public keys.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, Validation};
use serde::Deserialize;

use super::LEEWAY;

/// Those of them that can verify a token.
#[derive(Default)]
pub(super) struct Keys(Vec<Key>);

pub(super) struct Key {
    id: Option<String>,
    pub key: DecodingKey,
    /// By which algorithms it may be used, and what the claims must be.
    pub validation: Validation,
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<serde_json::Value>,
}

impl Keys {
    /// Reads a JWKS. Keys that are for something else are left out.
    pub fn parse(json: &[u8], issuer: &str, audience: &str) -> Result<Keys, String> {
        let set: Set = serde_json::from_slice(json).map_err(|_| "it is no JSON with a list `keys`")?;
        let of = |jwk: serde_json::Value| {
            let jwk: Jwk = serde_json::from_value(jwk).ok()?;
            let mut validation = Validation {
                algorithms: algorithms(&jwk)?,
                validate_nbf: true,
                leeway: LEEWAY,
                ..Validation::default()
            };
            validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
            validation.set_issuer(&[issuer]);
            validation.set_audience(&[audience]);
            Some(Key {
                key: DecodingKey::from_jwk(&jwk).ok()?,
                id: jwk.common.key_id,
                validation,
            })
        };
        let keys: Vec<Key> = set.keys.into_iter().filter_map(of).collect();
        if keys.is_empty() {
            return Err("it holds no public key for RS256, ES256, EdDSA or their like".to_owned());
        }
        Ok(Keys(keys))
    }

    /// Before they were read for the first time.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The key that a token names. One that names none is of the only key, if there is only one.
    pub fn find(&self, id: Option<&str>) -> Option<&Key> {
        match (id, &*self.0) {
            (None, [only]) => Some(only),
            (None, _) => None,
            (id, keys) => keys.iter().find(|key| key.id.as_deref() == id),
        }
    }
}

/// What a key may be used for; `None`: not for verifying a token. A shared secret never is: who can read it can sign.
fn algorithms(jwk: &Jwk) -> Option<Vec<Algorithm>> {
    if jwk
        .common
        .public_key_use
        .as_ref()
        .is_some_and(|it| *it != PublicKeyUse::Signature)
    {
        return None;
    }
    let able = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => AlgorithmFamily::Rsa.algorithms().to_vec(),
        AlgorithmParameters::EllipticCurve(it) if it.curve == EllipticCurve::P256 => vec![Algorithm::ES256],
        AlgorithmParameters::EllipticCurve(it) if it.curve == EllipticCurve::P384 => vec![Algorithm::ES384],
        AlgorithmParameters::OctetKeyPair(it) if it.curve == EllipticCurve::Ed25519 => vec![Algorithm::EdDSA],
        _ => return None,
    };
    match jwk.common.key_algorithm {
        None => Some(able),
        Some(said) => {
            let said = Algorithm::try_from(said).ok()?;
            able.contains(&said).then(|| vec![said])
        }
    }
}
