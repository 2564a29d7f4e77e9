//! What `dev` tells the developer.

use super::{
    super::{Fault, issuer::DevIssuer, show},
    Storage,
};
use comfy_table::{Table, presets::NOTHING};
use devhost::{Host, HostEvent, TriggerInfo};
use serde_json::Value;
use std::{path::Path, time::Duration};

const LIFETIME: Duration = Duration::from_secs(8 * 3600);

/// Functions, addresses, folders, and a line to paste.
pub(super) fn show(host: &Host, state: &Path, storage: &Storage, issuer: &DevIssuer) -> Result<(), Fault> {
    let base = format!("http://{}", host.addr());
    let mut table = Table::new();
    table.load_style(NOTHING);
    let mut functions: Vec<_> = host.functions().iter().collect();
    functions.sort_by_key(|function| {
        (!matches!(function.trigger, TriggerInfo::Http { .. }), function.name.clone())
    });
    for function in functions {
        let (kind, what) = match &function.trigger {
            TriggerInfo::Http { route, methods, .. } => {
                let verbs: Vec<_> = methods.iter().map(ToString::to_string).collect();
                (verbs.join(","), format!("{base}/{route}"))
            }
            TriggerInfo::Queue { queue } => ("queue".into(), queue.clone()),
            TriggerInfo::Blob { path } => ("blob".into(), path.clone()),
            TriggerInfo::Timer { schedule } => ("timer".into(), schedule.clone()),
        };
        table.add_row([function.name.clone(), kind, what]);
    }
    show::line(&table.to_string());
    show::line("");
    let tenants: Vec<_> = super::TENANTS.iter().map(|(id, _)| *id).collect();
    let state = state.display();
    for (what, is) in [
        ("tenants", tenants.join(", ")),
        ("data", format!("{state}  (a folder a tenant; keys in keys.json)")),
        ("drop folder", storage.drop_folder.clone()),
        ("backend", storage.is.clone()),
        ("tokens", "handler token contoso [--user alice] [--role admin]".into()),
    ] {
        show::line(&format!("{} {is}", show::bold(&format!("{what:12}"))));
    }
    let token = issuer.token("contoso", "alice", &["admin".to_owned()], LIFETIME)?;
    show::line(&format!(
        "\n{}\ncurl -s {base}/api/agents -H 'authorization: Bearer {token}'\n",
        show::bold("try it")
    ));
    show::line(&format!("{} {base}/api  (Ctrl-C ends it)", show::bold("ready")));
    Ok(())
}

/// What happens, a line each. Requests of the handler's log are made readable.
pub(super) fn event(event: &HostEvent, verbose: bool) {
    match event {
        HostEvent::WorkerLine { line, .. } if !verbose => {
            if let Some(line) = readable(line) {
                show::line(&line);
            }
        }
        HostEvent::InvocationSucceeded { .. } if !verbose => {}
        event => show::line(&show::dim(&event.to_string())),
    }
}

fn readable(line: &str) -> Option<String> {
    let Ok(entry) = serde_json::from_str::<Value>(line) else { return Some(line.to_owned()) };
    let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    let tenant = entry["span"]["tenant"].as_str().unwrap_or("-");
    if text("target") == "access" {
        if text("function") == "_none" && entry["status"] == 200 {
            return None;
        }
        let (status, micros) = (&entry["status"], entry["micros"].as_u64().unwrap_or_default());
        let took = format!("{:.1} ms", micros as f64 / 1000.0);
        return Some(format!("{:6} {:24} {status}  {took:>9}  {tenant}", text("method"), text("function"),));
    }
    let mut rest = entry.clone();
    let members = rest.as_object_mut()?;
    for known in ["timestamp", "level", "target", "message", "span"] {
        members.remove(known);
    }
    let rest: Vec<_> = members.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let level = text("level").to_lowercase();
    Some(show::dim(&format!("{level:6} {} {} {tenant}", text("message"), rest.join(" "))))
}
