//! What issuers publish, over HTTP.

use crate::config::{Config, IssuerConfig, KeysAt};
use async_trait::async_trait;
use pool::{
    Doors,
    ports::{KeySource, PortError, PortResult},
    token::{Issuer, IssuerKeys, Jwks, KeyLocation, KeyUrl, TokenRules},
};
use reqwest::{Client, StatusCode, header::ACCEPT, redirect, retry};
use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

/// How often it is looked whether keys are due.
const LOOK: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(1);
const WHOLE: Duration = Duration::from_secs(2);

/// What tokens are checked against.
///
/// # Errors
/// What is wrong with the issuers, or with a file of keys.
pub(crate) fn rules(config: &Config) -> Result<TokenRules, String> {
    let issuers = config.issuers.iter().map(issuer).collect::<Result<_, _>>()?;
    TokenRules::new(issuers, config.grants.clone(), Arc::new(HttpKeys::default()))
}

/// Keeps the keys of issuers fresh, for as long as the process lives.
pub(crate) async fn keep_fresh(doors: &Doors) {
    loop {
        doors.refresh_keys().await;
        tokio::time::sleep(LOOK).await;
    }
}

fn issuer(config: &IssuerConfig) -> Result<Issuer, String> {
    let keys = match &config.keys {
        KeysAt::Discovery(at) => IssuerKeys::Published(KeyLocation::Discovery(at.clone())),
        KeysAt::Jwks(at) => IssuerKeys::Published(KeyLocation::Jwks(at.clone())),
        KeysAt::File(path) => {
            let fault = |rule: String| format!("the JWK Set {}: {rule}", path.display());
            let set = std::fs::read(path).map_err(|unread| fault(unread.to_string()))?;
            IssuerKeys::Fixed(Jwks::parse(&set).map_err(fault)?)
        }
    };
    Ok(Issuer {
        issuer: config.issuer.clone(),
        audience: config.audience.clone(),
        platform_audience: config.platform_audience.clone(),
        tenant_claim: config.tenant_claim.clone(),
        tenants: config.tenants.clone(),
        keys,
    })
}

/// [`KeySource`] over HTTP. No client is built until it is first asked.
#[derive(Default)]
pub struct HttpKeys(OnceLock<Client>);

impl HttpKeys {
    fn client(&self) -> PortResult<&Client> {
        if let Some(client) = self.0.get() {
            return Ok(client);
        }
        let built = Client::builder()
            .connect_timeout(CONNECT)
            .timeout(WHOLE)
            // Where keys are is said by settings, not by whoever answers.
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            // The environment is not a setting.
            .no_proxy()
            .build()
            .map_err(PortError::unavailable)?;
        Ok(self.0.get_or_init(|| built))
    }
}

#[async_trait]
impl KeySource for HttpKeys {
    async fn get(&self, url: &KeyUrl, limit: usize) -> PortResult<Vec<u8>> {
        let asked = self.client()?.get(url.as_str()).header(ACCEPT, "application/json").send().await;
        let mut response = asked.map_err(PortError::unavailable)?;
        if response.status() != StatusCode::OK {
            return Err(PortError::unavailable(format!("it answers {}", response.status())));
        }
        let mut document = Vec::new();
        while let Some(part) = response.chunk().await.map_err(PortError::unavailable)? {
            if document.len() + part.len() > limit {
                return Err(PortError::TooLarge { limit: limit as u64 });
            }
            document.extend_from_slice(&part);
        }
        Ok(document)
    }
}

#[cfg(test)]
mod tests;
