//! Access keys, checked only when [`Options::auth`](crate::Options::auth) holds some.

use http::HeaderMap;
use percent_encoding::percent_decode_str;

use crate::{function::AuthLevel, options::Keys};

/// Whether the request may call a function of this level. The header goes before the query, as in the real
/// host.
pub(crate) fn allows(
    keys: Option<&Keys>,
    level: AuthLevel,
    function: &str,
    headers: &HeaderMap,
    query: Option<&str>,
) -> bool {
    let Some(keys) = keys else { return true };
    if level == AuthLevel::Anonymous {
        return true;
    }
    let Some(given) = presented(headers, query).filter(|key| !key.is_empty()) else { return false };
    if given == keys.master {
        return true;
    }
    let own = keys.functions.iter().filter(|(name, _)| name.eq_ignore_ascii_case(function));
    level == AuthLevel::Function && own.flat_map(|(_, keys)| keys).chain(&keys.host).any(|key| *key == given)
}

fn presented(headers: &HeaderMap, query: Option<&str>) -> Option<String> {
    if let Some(key) = headers.get("x-functions-key") {
        return key.to_str().ok().map(str::to_owned);
    }
    let pairs = query?.split('&').filter_map(|pair| pair.split_once('='));
    let code = pairs.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("code"))?.1;
    Some(percent_decode_str(&code.replace('+', " ")).decode_utf8_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_what() {
        let keys = Keys {
            master: "m".into(),
            host: vec!["h".into()],
            functions: [("fn".to_owned(), vec!["f".to_owned()])].into(),
        };
        use AuthLevel::{Admin, Anonymous, Function};
        for (level, function, key, expected) in [
            (Anonymous, "fn", "", true),
            (Function, "fn", "", false),
            (Function, "FN", "f", true),
            (Function, "other", "f", false),
            (Function, "fn", "h", true),
            (Function, "fn", "m", true),
            (Function, "fn", "x", false),
            (Admin, "fn", "f", false),
            (Admin, "fn", "h", false),
            (Admin, "fn", "m", true),
        ] {
            let mut headers = HeaderMap::new();
            let query = format!("a=1&code={key}");
            assert_eq!(
                allows(Some(&keys), level, function, &headers, Some(&query)),
                expected,
                "{level:?} {key}"
            );
            headers.insert("x-functions-key", key.parse().unwrap());
            assert_eq!(allows(Some(&keys), level, function, &headers, None), expected, "{level:?} {key}");
            assert!(allows(None, level, function, &headers, None));
        }
        let unset = Keys::default();
        assert!(!allows(Some(&unset), Admin, "fn", &HeaderMap::new(), Some("code=")));
    }
}
