//! The package, as it is deployed: laid out, packed, unpacked, looked at, and served by the local host.

use serde_json::{Value, json};
use std::{
    fs::{self, File},
    io::{Read, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
    sync::Arc,
};
use tests::{Dev, Options, alone, binary};
use zip::{ZipArchive, ZipWriter, write::SimpleFileOptions};

/// Lays out and packs this build's handler, without what only debuggers read.
fn packed(root: &Path, name: &str) -> Vec<u8> {
    let program = root.join("handler");
    if !program.exists() {
        let mut strip = Command::new("strip");
        assert!(strip.arg("-o").arg(&program).arg(binary()).status().unwrap().success(), "strip");
    }
    let (app, zip) = (root.join(name), root.join(format!("{name}.zip")));
    let staged = Command::new(&program).arg("stage").arg(&app).arg("--zip").arg(&zip).output().unwrap();
    assert!(staged.status.success(), "{staged:?}");
    fs::read(zip).unwrap()
}

/// What `handler doctor` says is bad of a package; and whether its exit code says the same.
fn faults(zip: &Path, settings: Option<&Path>) -> Vec<(String, String)> {
    let mut doctor = Command::new(binary());
    doctor.args(["doctor", "--offline", "--json", "--package"]).arg(zip);
    if let Some(settings) = settings {
        doctor.arg("--settings").arg(settings);
    }
    let said = doctor.output().unwrap();
    let checks: Value = serde_json::from_slice(&said.stdout).unwrap_or_else(|_| panic!("{said:?}"));
    let bad = checks.as_array().unwrap().iter().filter(|check| check["state"] == "bad");
    let text = |check: &Value, name: &str| check[name].as_str().unwrap().to_owned();
    let bad: Vec<_> = bad.map(|check| (text(check, "what"), text(check, "says"))).collect();
    assert_eq!(said.status.success(), bad.is_empty(), "{said:?}");
    bad
}

/// What puts a fault into a package.
type Spoil = fn(&mut Vec<Part>);
/// A file of a package: its name, bytes, permissions.
type Part = (String, Vec<u8>, u32);

fn parts(zip: &Path) -> Vec<Part> {
    let mut archive = ZipArchive::new(File::open(zip).unwrap()).unwrap();
    let count = archive.len();
    let part = |at| {
        let mut file = archive.by_index(at).unwrap();
        let (name, mode) = (file.name().unwrap().into_owned(), file.unix_mode().unwrap());
        // As much of the program as shows that it is one: faults are put in quickly.
        let limit = if name == "handler" { 64 } else { u64::MAX };
        let mut bytes = Vec::new();
        file.by_ref().take(limit).read_to_end(&mut bytes).unwrap();
        (name, bytes, mode)
    };
    (0..count).map(part).collect()
}

fn write(zip: &Path, parts: &[Part]) {
    let mut archive = ZipWriter::new(File::create(zip).unwrap());
    for (name, bytes, mode) in parts {
        archive.start_file(name, SimpleFileOptions::default().unix_permissions(*mode)).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap();
}

fn part<'a>(parts: &'a mut [Part], name: &str) -> &'a mut Part {
    parts.iter_mut().find(|part| part.0 == name).unwrap()
}

fn host(parts: &mut [Part], change: impl Fn(&mut Value)) {
    let (_, bytes, _) = part(parts, "host.json");
    let mut json = serde_json::from_slice(bytes).unwrap();
    change(&mut json);
    *bytes = json.to_string().into_bytes();
}

#[test]
fn a_package_is_accepted_and_served_and_a_spoilt_one_is_refused_by_name() {
    let root = tempfile::tempdir().unwrap();
    assert!(packed(root.path(), "app") == packed(root.path(), "again"), "two packages of one build differ");
    let zip = root.path().join("app.zip");
    assert_eq!(faults(&zip, None), []);
    served(root.path(), &zip);

    let spoilt = root.path().join("spoilt.zip");
    let good = parts(&zip);
    write(&spoilt, &good);
    assert_eq!(faults(&spoilt, None), [], "what is put in below is all that is wrong");
    let cases: [(&str, &str, Spoil); 6] = [
        ("handler", "executable bit", |parts| part(parts, "handler").2 = 0o644),
        ("handler", "no program", |parts| part(parts, "handler").1 = b"#!/bin/sh\n".to_vec()),
        ("handler", "not there", |parts| parts.retain(|part| part.0 != "handler")),
        ("host.json", "routePrefix", |parts| {
            host(parts, |json| json["extensions"]["http"]["routePrefix"] = "".into());
        }),
        ("host.json", "enableProxyingHttpRequest", |parts| {
            host(parts, |json| json["customHandler"]["enableProxyingHttpRequest"] = false.into());
        }),
        ("agents_get", "requests for agents_get go to aathief", |parts| {
            let (_, text, mode) = part(parts, "agents_get/function.json").clone();
            parts.push(("aathief/function.json".into(), text, mode));
            let (_, text, _) = parts.last_mut().unwrap();
            *text = String::from_utf8(text.clone()).unwrap().replace("{agent_id}", "{x}").into_bytes();
        }),
    ];
    for (what, says, spoil) in cases {
        let mut parts = good.clone();
        spoil(&mut parts);
        write(&spoilt, &parts);
        let found = faults(&spoilt, None);
        assert!(found.iter().any(|(part, said)| part == what && said.contains(says)), "{says}: {found:?}");
    }

    // An app's settings go before the package's.
    let settings = root.path().join("settings.json");
    let name = "AzureFunctionsJobHost__customHandler__enableProxyingHttpRequest";
    fs::write(&settings, json!([{"name": name, "value": "false"}]).to_string()).unwrap();
    let found = faults(&zip, Some(&settings));
    assert!(
        found.iter().any(|(what, says)| what == "host.json" && says.contains("enableProxying")),
        "{found:?}"
    );
}

/// The local host serves what was packed, by the program that was packed.
fn served(root: &Path, zip: &Path) {
    let app = root.join("unpacked");
    ZipArchive::new(File::open(zip).unwrap()).unwrap().extract(&app).unwrap();
    let program = app.join("handler");
    assert_eq!(fs::metadata(&program).unwrap().permissions().mode() & 0o111, 0o111);
    let state = root.join("state");
    alone(async {
        let arguments = vec!["--root".to_owned(), app.display().to_string()];
        let options = Options { arguments, program: Some(program.clone()), ..Options::on(&state) };
        let dev = Arc::new(Dev::start(options).await);
        let (worker, _) = dev.worker().unwrap();
        let runs = fs::read_link(format!("/proc/{}/exe", worker.as_raw_pid())).unwrap();
        assert_eq!(runs, program.canonicalize().unwrap());
        dev.with_token("", None).get("health").await.is(200);
        dev.with_token("", None).get("agents").await.problem(401, "unauthenticated");
        assert_eq!(dev.as_user("contoso", "alice").get("agents").await.list(), [Value::Null; 0]);
    });
}
