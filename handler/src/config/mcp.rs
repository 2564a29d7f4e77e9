//! The MCP servers whose tools agents may be given: by label, because agents name no address.

use std::collections::BTreeMap;
use url::Url;

/// Reads the setting; tells every fault.
pub(super) fn read(
    text: &impl Fn(&'static str) -> String,
    faults: &mut Vec<String>,
) -> BTreeMap<String, Url> {
    let mut servers = BTreeMap::new();
    for word in super::words(&text("MCP_SERVERS")) {
        match server(&word) {
            Some((label, _)) if servers.contains_key(&label) => {
                faults.push(format!("MCP_SERVERS: `{label}` is there twice"));
            }
            Some((label, address)) => drop(servers.insert(label, address)),
            None => {
                // An address can hold a password.
                let label = word.split('=').next().unwrap_or_default();
                faults.push(format!(
                    "MCP_SERVERS: `{label}` must be a label and an address without credentials: `label=https://…`"
                ));
            }
        }
    }
    if !servers.is_empty() && (text("POOL_BACKEND") != "azure" || text("FOUNDRY_ENDPOINT").is_empty()) {
        faults.push("MCP_SERVERS is for agents in Foundry: FOUNDRY_ENDPOINT is needed beside it".into());
    }
    servers
}

fn server(word: &str) -> Option<(String, Url)> {
    let (label, address) = word.split_once('=')?;
    let letters = |b: u8| b.is_ascii_alphanumeric() || b"_-".contains(&b);
    let legal = (1..=64).contains(&label.len()) && label.bytes().all(letters);
    let address = Url::parse(address).ok()?;
    let bare = address.username().is_empty() && address.password().is_none();
    let safe = address.scheme() == "https" && bare;
    (legal && safe).then(|| (label.to_owned(), address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(servers: &str, project: &str) -> Result<BTreeMap<String, Url>, Vec<String>> {
        let text = |name: &'static str| match name {
            "MCP_SERVERS" => servers.to_owned(),
            "POOL_BACKEND" => "azure".to_owned(),
            _ => project.to_owned(),
        };
        let mut faults = Vec::new();
        let servers = read(&text, &mut faults);
        if faults.is_empty() { Ok(servers) } else { Err(faults) }
    }

    #[test]
    fn mcp_servers_have_labels_and_are_reached_over_tls() {
        let project = "https://f.example";
        let servers = with("tickets=https://tickets.example/mcp, a_b=https://b.example", project).unwrap();
        assert_eq!(servers.keys().collect::<Vec<_>>(), ["a_b", "tickets"]);
        assert_eq!(servers["tickets"].as_str(), "https://tickets.example/mcp");
        for bad in [
            "tickets",
            "=https://a.example",
            "a b=https://a.example",
            "t=http://a.example",
            "t=https://u@a.example",
            "t=https://:password@a.example",
            "t=https://a.example, t=https://b.example",
        ] {
            let faults = with(bad, project).unwrap_err();
            assert!(
                faults[0].contains("MCP_SERVERS") && !faults[0].contains("password"),
                "{bad}: {faults:?}"
            );
        }
        assert!(with("t=https://a.example", "").is_err(), "only Foundry calls them");
        assert!(with("", "").unwrap().is_empty());
    }
}
