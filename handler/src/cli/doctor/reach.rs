//! Whether what settings name is there.

use super::{Check, State, settings::Sources};
use crate::config::{SETTINGS, words};
use futures::future::join_all;
use pool::token::Jwks;
use reqwest::Client;
use serde_json::Value;
use std::{path::Path, time::Duration};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// URLs that are names, and not asked.
const NAMES: [&str; 3] = ["CORS_ORIGINS", "JWT_AUDIENCE", "JWT_ISSUER"];

/// Asks what the good settings name, all at once, and writes what was found into their checks.
pub(super) async fn ask(sources: &Sources, checks: &mut [Check]) {
    let client =
        Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none()).no_proxy().build();
    let Ok(client) = client else { return };
    let set = SETTINGS.iter().map(|setting| (setting.name, sources.value(setting.name).0));
    let hosts = sources.values.iter().filter(|(name, _)| name.starts_with("AzureWebJobsStorage"));
    let set = set.chain(hosts.map(|(name, value)| (name.as_str(), value.clone())));
    let asked = set.map(|(name, value)| {
        let (client, issuer) = (&client, sources.value("JWT_ISSUER").0);
        async move { (name, one(client, name, &value, &issuer).await) }
    });
    for (name, found) in join_all(asked).await {
        let Some(found) = found else { continue };
        let Some(check) = checks.iter_mut().find(|check| check.what == name && check.state == State::Good)
        else {
            continue;
        };
        match found {
            Ok(says) => check.says = says,
            Err((says, mend)) => {
                (check.state, check.says, check.mend) = (State::Bad, says, Some(mend));
            }
        }
    }
}

type Found = Result<String, (String, String)>;

/// What a setting names; `None`: nothing that can be asked.
async fn one(client: &Client, name: &str, value: &str, issuer: &str) -> Option<Found> {
    match name {
        "JWT_JWKS_FILE" if !value.is_empty() => Some(jwks(Path::new(value))),
        "POOL_STATE" => Some(folder(Path::new(value))),
        "JWT_DISCOVERY_URL" if !value.is_empty() => Some(names_issuer(client, value, issuer).await),
        "JWT_ISSUERS" => issuers(client, value).await,
        "MCP_SERVERS" => {
            let words = words(value);
            let addresses = words.iter().filter_map(|word| word.split_once('='));
            all(addresses.map(|(label, url)| async move { (label.to_owned(), answers(client, url).await) }))
                .await
        }
        "AzureWebJobsStorage__accountName" => {
            Some(answers(client, &format!("https://{value}.blob.core.windows.net")).await)
        }
        "APPLICATIONINSIGHTS_CONNECTION_STRING" => {
            let mut parts = value.split(';').filter_map(|part| part.split_once('='));
            let (_, endpoint) = parts.find(|(name, _)| name.eq_ignore_ascii_case("IngestionEndpoint"))?;
            Some(answers(client, endpoint).await)
        }
        "AzureWebJobsStorage" if value == "UseDevelopmentStorage=true" => {
            Some(answers(client, "http://127.0.0.1:10000/devstoreaccount1").await)
        }
        _ if NAMES.contains(&name) => None,
        _ if value.starts_with("http://") || value.starts_with("https://") => {
            Some(answers(client, value).await)
        }
        _ => None,
    }
}

/// Each of a list, together: what is wrong with any is told with its name. `None`: there are none.
async fn all(asked: impl Iterator<Item = impl Future<Output = (String, Found)>>) -> Option<Found> {
    let found = join_all(asked).await;
    let first = found.first().map(|(_, found)| found.clone())?;
    let wrong = found.iter().find_map(|(name, found)| Some((name, found.as_ref().err()?)));
    Some(match wrong {
        Some((name, (says, mend))) => Err((format!("{name}: {says}"), mend.clone())),
        None if found.len() == 1 => first,
        None => Ok(format!("all {} answer", found.len())),
    })
}

/// The discovery documents of `JWT_ISSUERS`, or its sets of keys.
async fn issuers(client: &Client, value: &str) -> Option<Found> {
    let list: Vec<Value> = serde_json::from_str(value).ok()?;
    let of = |entry: &Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    all(list.iter().map(|entry| {
        let (issuer, file) = (of(entry, "issuer"), of(entry, "jwks_file"));
        let (discovery, keys) = (of(entry, "discovery_url"), of(entry, "jwks_url"));
        async move {
            let found = match (discovery.is_empty(), keys.is_empty()) {
                (false, _) => names_issuer(client, &discovery, &issuer).await,
                (true, false) => answers(client, &keys).await,
                (true, true) => jwks(Path::new(&file)),
            };
            (issuer, found)
        }
    }))
    .await
}

/// Any answer will do: without a token, a refusal is a good one.
async fn answers(client: &Client, url: &str) -> Found {
    match client.get(url).send().await {
        Ok(answer) => Ok(format!("answers ({})", answer.status().as_u16())),
        Err(fault) => {
            let why = crate::problem::chain(&fault.without_url());
            Err((
                format!("does not answer: {why}"),
                "Is it spelled right, does it run, and may this machine reach it?".into(),
            ))
        }
    }
}

async fn names_issuer(client: &Client, url: &str, issuer: &str) -> Found {
    let wrong = |says: String| {
        Err((
            says,
            "The issuer must be exactly what `issuer` says in the provider's discovery document.".into(),
        ))
    };
    let text = match client.get(url).send().await {
        Ok(answer) if answer.status().is_success() => answer.text().await.unwrap_or_default(),
        Ok(answer) => return wrong(format!("{url} answers {}", answer.status().as_u16())),
        Err(fault) => {
            return wrong(format!("{url} does not answer: {}", crate::problem::chain(&fault.without_url())));
        }
    };
    let said = serde_json::from_str::<Value>(&text)
        .ok()
        .and_then(|document| Some(document["issuer"].as_str()?.to_owned()));
    match said {
        Some(said) if said == issuer => Ok("its discovery document names it".into()),
        Some(said) => wrong(format!("its discovery document names `{said}`")),
        None => wrong(format!("{url} is no discovery document")),
    }
}

fn jwks(path: &Path) -> Found {
    let mend = "It must be a JWK Set (RFC 7517) with the issuer's public keys.".to_owned();
    let text = std::fs::read(path).map_err(|fault| (fault.to_string(), mend.clone()))?;
    Jwks::parse(&text).map(|_| "is a JWK Set".into()).map_err(|rule| (rule.to_string(), mend))
}

fn folder(path: &Path) -> Found {
    let mend = || "Choose a folder that this user may write to.".to_owned();
    let there = path.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."));
    let there = if there.as_os_str().is_empty() { Path::new(".") } else { there };
    match tempfile::NamedTempFile::new_in(there) {
        Ok(_) if path.exists() => Ok("can be written to".into()),
        Ok(_) => Ok("will be made".into()),
        Err(fault) => Err((format!("cannot be written to: {fault}"), mend())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{Router, routing::get};
    use serde_json::json;

    #[tokio::test]
    async fn what_answers_is_told_from_what_does_not() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let document = format!("{{\"issuer\":\"{base}/\"}}");
        let app = Router::new().route("/.well-known/openid-configuration", get(|| async { document }));
        let server = tokio::spawn(async move { axum::serve(listener, app).await });
        let client = Client::new();
        assert_eq!(one(&client, "MODEL_ENDPOINT", &base, "").await.unwrap().unwrap(), "answers (404)");
        assert!(one(&client, "MODEL_ENDPOINT", "http://127.0.0.1:1/", "").await.unwrap().is_err());
        let insights = format!("InstrumentationKey=x;IngestionEndpoint={base}/");
        let asked = one(&client, "APPLICATIONINSIGHTS_CONNECTION_STRING", &insights, "").await;
        assert!(asked.unwrap().is_ok());
        let document = format!("{base}/.well-known/openid-configuration");
        let discovered = async |url: &str, issuer: &str| one(&client, "JWT_DISCOVERY_URL", url, issuer).await;
        assert!(discovered(&document, &format!("{base}/")).await.unwrap().is_ok());
        let (said, _) = discovered(&document, &base).await.unwrap().unwrap_err();
        assert!(said.contains("names"), "{said}");
        let (said, _) = discovered(&format!("{base}/else"), &base).await.unwrap().unwrap_err();
        assert!(said.contains("404"), "{said}");
        let list = |more: &str| {
            let good = json!({"issuer": format!("{base}/"), "discovery_url": document});
            let keys = json!({"issuer": "keys", "jwks_url": base});
            let mut list = vec![good, keys];
            list.extend((!more.is_empty()).then(|| json!({"issuer": "b", "discovery_url": more})));
            Value::Array(list).to_string()
        };
        let told = async |name: &str, value: &str| one(&client, name, value, "").await;
        assert_eq!(told("JWT_ISSUERS", &list("")).await.unwrap().unwrap(), "all 2 answer");
        for other in [format!("{base}/else"), document.clone()] {
            let (said, _) = told("JWT_ISSUERS", &list(&other)).await.unwrap().unwrap_err();
            assert!(said.starts_with("b: "), "{said}");
        }
        assert!(told("JWT_ISSUERS", "[]").await.is_none());
        assert!(told("MCP_SERVERS", &format!("one={base}, two={base}")).await.unwrap().is_ok());
        let (said, _) =
            told("MCP_SERVERS", &format!("one={base},two=http://127.0.0.1:1/")).await.unwrap().unwrap_err();
        assert!(said.starts_with("two: does not answer"), "{said}");
        assert!(told("MCP_SERVERS", "").await.is_none());
        for name in ["blob", "queue", "table"].map(|kind| format!("AzureWebJobsStorage__{kind}ServiceUri")) {
            assert!(told(&name, &base).await.unwrap().is_ok(), "{name}");
            assert!(told(&name, "http://127.0.0.1:1/").await.unwrap().is_err(), "{name}");
        }
        assert!(one(&client, "JWT_ISSUER", &base, "").await.is_none());
        assert!(one(&client, "CORS_ORIGINS", &base, "").await.is_none());
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name).display().to_string();
        assert_eq!(one(&client, "POOL_STATE", &at("new/er"), "").await.unwrap().unwrap(), "will be made");
        std::fs::write(at("keys"), "{}").unwrap();
        for name in ["keys", "absent"] {
            assert!(one(&client, "JWT_JWKS_FILE", &at(name), "").await.unwrap().is_err(), "{name}");
        }
        server.abort();
    }
}
