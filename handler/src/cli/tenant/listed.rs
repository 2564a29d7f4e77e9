//! `infra/tenants.json`, from which tenants are deployed: their identities, containers, keys, and rows of the directory.

use super::{Add, Fault};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::{io::Write, path::Path};

/// What makes the listed tenants, and gives them to the app.
pub(super) const DEPLOYMENT: [&[&str]; 2] = [&["azd", "provision"], &["azd", "hooks", "run", "postdeploy"]];

/// A tenant of the list. Members that are not known here stay as they are.
#[derive(Serialize, Deserialize)]
struct Listed {
    id: String,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// Adds a tenant at the end of the list.
pub(super) fn append(file: &Path, add: &Add) -> Result<(), Fault> {
    let named = |fault: &dyn std::fmt::Display| format!("{}: {fault}", file.display());
    let text = std::fs::read_to_string(file).map_err(|fault| named(&fault))?;
    let mut tenants: Vec<Listed> = serde_json::from_str(&text).map_err(|fault| named(&fault))?;
    if tenants.iter().any(|tenant| tenant.id == add.id) {
        return Err(named(&format!("there is a tenant `{}` already", add.id)).into());
    }
    let mut rest = Map::new();
    rest.insert("displayName".into(), add.display_name.as_deref().unwrap_or(&add.id).into());
    rest.insert("plan".into(), add.plan.as_str().into());
    for (name, own) in
        [("ownContainers", add.own_containers), ("ownIndex", add.own_index), ("ownVault", add.own_vault)]
    {
        if own {
            rest.insert(name.into(), true.into());
        }
    }
    for (name, text) in
        [("federatedIssuer", &add.federated_issuer), ("federatedSubject", &add.federated_subject)]
    {
        if let Some(text) = text {
            rest.insert(name.into(), text.as_str().into());
        }
    }
    tenants.push(Listed { id: add.id.clone(), rest });
    let lines: Vec<_> = tenants.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    writeln!(new, "[\n  {}\n]", lines.join(",\n  "))?;
    new.as_file().set_permissions(std::fs::metadata(file)?.permissions())?;
    new.persist(file)?;
    Ok(())
}

/// Runs a command as it is, word for word: there is no shell between.
pub(super) async fn run(command: &[&str]) -> Result<(), Fault> {
    let (program, arguments) = command.split_first().ok_or("nothing to run")?;
    let done = tokio::process::Command::new(program).args(arguments).status().await;
    let done = done.map_err(|fault| match fault.kind() {
        std::io::ErrorKind::NotFound => {
            format!("{program} is not installed: run what is listed above where it is")
        }
        _ => format!("{program}: {fault}"),
    })?;
    if done.success() { Ok(()) } else { Err(format!("`{}` failed ({done})", command.join(" ")).into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(id: &str) -> Add {
        Add {
            id: id.into(),
            display_name: Some("Acme \"West\"".into()),
            plan: "standard".into(),
            own_containers: false,
            own_index: true,
            own_vault: false,
            federated_issuer: Some("https://idp.example".into()),
            federated_subject: Some("job".into()),
            deploy: false,
            list: None,
            place: super::super::Where { state: None },
        }
    }

    #[test]
    fn a_tenant_is_listed_once_and_the_others_stay_as_they_are() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("tenants.json");
        std::fs::write(&file, r#"[{ "id": "contoso", "federatedSubject": "s", "ownVault": true }]"#).unwrap();
        append(&file, &add("acme")).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        assert_eq!(
            text.lines().collect::<Vec<_>>(),
            [
                "[",
                r#"  {"id":"contoso","federatedSubject":"s","ownVault":true},"#,
                r#"  {"id":"acme","displayName":"Acme \"West\"","federatedIssuer":"https://idp.example","federatedSubject":"job","ownIndex":true,"plan":"standard"}"#,
                "]"
            ]
        );
        let again = append(&file, &add("acme")).unwrap_err().to_string();
        assert!(again.contains("tenants.json: there is a tenant `acme` already"), "{again}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
        std::fs::write(&file, "{}").unwrap();
        assert!(append(&file, &add("other")).is_err());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "{}");
    }

    #[tokio::test]
    async fn a_command_that_fails_is_told() {
        let failed = run(&["false"]).await.unwrap_err().to_string();
        assert!(failed.contains("`false` failed"), "{failed}");
        let absent = run(&["no-such-program"]).await.unwrap_err().to_string();
        assert!(absent.contains("no-such-program is not installed"), "{absent}");
        run(&["true", "$(id)"]).await.unwrap();
    }
}
