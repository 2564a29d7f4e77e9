use super::{Answer, Held, Request, attributes};
use crate::refusal::{Refusal, refuse};
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, OaepPublicEncryptingKey, PrivateDecryptingKey,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde_json::json;

/// A key in its versions, oldest first.
#[derive(Default)]
pub(super) struct Key(Vec<Version>);

struct Version {
    name: String,
    key: PrivateDecryptingKey,
    enabled: bool,
}

fn bad(why: &str) -> Refusal {
    refuse(400, "BadParameter", why)
}

impl Held {
    pub(super) fn key(&self, request: &Request<'_>, name: &str) -> Result<&Key, Refusal> {
        let why = format!("A key with (name/id) {name} was not found in this key vault.");
        let key = self.keys.get(&(request.vault.clone(), name.to_lowercase()));
        key.ok_or_else(|| refuse(404, "KeyNotFound", &why))
    }
}

impl Key {
    pub(super) fn add(&mut self, name: String) {
        let key = PrivateDecryptingKey::generate(KeySize::Rsa2048).unwrap();
        self.0.push(Version { name, key, enabled: true });
    }

    pub(super) fn disable(&mut self, version: &str) {
        self.0.iter_mut().find(|known| known.name == version).unwrap().enabled = false;
    }

    pub(super) fn shown(&self, request: &Request<'_>, name: &str) -> Answer {
        let newest = self.0.last().unwrap();
        Ok(
            json!({"key": {"kid": newest.id(request, name), "kty": "RSA", "key_ops": ["wrapKey", "unwrapKey"]},
            "attributes": attributes(newest.enabled)}),
        )
    }

    pub(super) fn wrap(&self, request: &Request<'_>, name: &str, version: &str) -> Answer {
        let (version, value) = self.operation(request, version)?;
        let public = OaepPublicEncryptingKey::new(version.key.public_key()).unwrap();
        let mut wrapped = vec![0; public.ciphertext_size()];
        let wrapped = public
            .encrypt(&OAEP_SHA256_MGF1SHA256, &value, &mut wrapped, None)
            .map_err(|_| bad("The parameter is too long."))?;
        Ok(json!({"kid": version.id(request, name), "value": BASE64.encode(wrapped)}))
    }

    pub(super) fn unwrap(&self, request: &Request<'_>, name: &str, version: &str) -> Answer {
        let (version, value) = self.operation(request, version)?;
        let private = OaepPrivateDecryptingKey::new(version.key.clone()).unwrap();
        let mut key = vec![0; private.min_output_size()];
        let key = private
            .decrypt(&OAEP_SHA256_MGF1SHA256, &value, &mut key, None)
            .map_err(|_| bad("The parameter is incorrect."))?;
        Ok(json!({"kid": version.id(request, name), "value": BASE64.encode(key)}))
    }

    fn operation(&self, request: &Request<'_>, version: &str) -> Result<(&Version, Vec<u8>), Refusal> {
        if request.body["alg"] != "RSA-OAEP-256" {
            return Err(bad("Key and signing algorithm are incompatible."));
        }
        let value = request.body["value"].as_str().and_then(|value| BASE64.decode(value).ok());
        let value = value.ok_or_else(|| bad("Property value is missing or no base64url."))?;
        let found = self.0.iter().rfind(|known| version.is_empty() || known.name == version);
        let found = found
            .ok_or_else(|| refuse(404, "KeyNotFound", "The version was not found in this key vault."))?;
        if !found.enabled {
            return Err(
                refuse(403, "Forbidden", "Operation is not allowed on a disabled key.").inner("KeyDisabled")
            );
        }
        Ok((found, value))
    }
}

impl Version {
    fn id(&self, request: &Request<'_>, name: &str) -> String {
        format!("{}/keys/{name}/{}", request.base, self.name)
    }
}
