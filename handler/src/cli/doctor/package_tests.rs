//! One good package, and every way in which it can be spoilt.

use super::{State, package::check, settings::Sources};
use crate::cli::stage;
use std::{fs, io::Write, os::unix::fs::PermissionsExt, path::Path};
use zip::{ZipWriter, write::SimpleFileOptions};

/// The beginning of a program for x86-64 Linux.
fn elf(machine: u8) -> Vec<u8> {
    let mut head = b"\x7fELF\x02\x01\x01".to_vec();
    head.resize(64, 0);
    (head[16], head[18]) = (3, machine);
    head
}

fn good(app: &Path) {
    stage::layout(app).unwrap();
    fs::write(app.join("handler"), elf(62)).unwrap();
    fs::set_permissions(app.join("handler"), PermissionsExt::from_mode(0o755)).unwrap();
}

/// What is bad of a package: part and finding.
fn faults(path: &Path, settings: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut sources = Sources::default();
    sources.values.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let checks = check(path, &sources).unwrap();
    let bad = checks.into_iter().filter(|check| check.state == State::Bad);
    bad.map(|check| (check.what, check.says)).collect()
}

#[test]
fn a_staged_application_is_good() {
    let root = tempfile::tempdir().unwrap();
    let app = root.path().join("app");
    good(&app);
    assert_eq!(faults(&app, &[]), []);
    let zip = root.path().join("app.zip");
    stage::pack(&app, &zip).unwrap();
    assert_eq!(faults(&zip, &[]), []);
}

#[test]
fn a_program_for_a_newer_system_is_told() {
    let root = tempfile::tempdir().unwrap();
    let app = root.path().join("app");
    good(&app);
    for (asked, doubtful) in [
        (&b"\0GLIBC_2.2.5\0GLIBC_2.36\0"[..], false),
        (b"\0GLIBC_2.37\0GLIBC_2.4\0", true),
        (b" GLIBC_2.99 ", false),
    ] {
        fs::write(app.join("handler"), [&elf(62)[..], asked].concat()).unwrap();
        let checks = check(&app, &Sources::default()).unwrap();
        let program = checks.iter().find(|check| check.what == "handler").unwrap();
        assert_eq!(program.state == State::Doubtful, doubtful, "{}", program.says);
        assert_eq!(program.says == "asks for glibc 2.37, and where Functions run there is 2.36", doubtful);
        assert_eq!(faults(&app, &[]), []);
    }
}

type Spoil = fn(&Path);

fn route(app: &Path, function: &str, route: &str, verb: &str) {
    let json = format!(
        r#"{{"bindings":[{{"type":"httpTrigger","name":"request","route":"{route}","methods":["{verb}"]}},
        {{"type":"http","direction":"out","name":"response"}}]}}"#
    );
    fs::create_dir_all(app.join(function)).unwrap();
    fs::write(app.join(function).join("function.json"), json).unwrap();
}

fn host(app: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(app.join("host.json")).unwrap();
    assert!(text.contains(from), "{from}");
    fs::write(app.join("host.json"), text.replace(from, to)).unwrap();
}

#[test]
fn each_fault_is_told_of_the_part_that_has_it() {
    let cases: [(&str, &str, Spoil); 16] = [
        ("handler", "executable bit", |app| {
            fs::set_permissions(app.join("handler"), PermissionsExt::from_mode(0o644)).unwrap();
        }),
        ("handler", "not there", |app| fs::remove_file(app.join("handler")).unwrap()),
        ("handler", "no program", |app| fs::write(app.join("handler"), "#!/bin/sh\n").unwrap()),
        ("handler", "no program", |app| fs::write(app.join("handler"), b"MZ").unwrap()),
        ("handler", "arm64", |app| fs::write(app.join("handler"), elf(183)).unwrap()),
        ("host.json", "not there", |app| fs::remove_file(app.join("host.json")).unwrap()),
        ("host.json", "not JSON", |app| fs::write(app.join("host.json"), "{").unwrap()),
        ("host.json", "enableProxyingHttpRequest", |app| {
            host(app, r#""enableProxyingHttpRequest": true"#, r#""enableProxyingHttpRequest": false"#);
        }),
        ("host.json", "routePrefix", |app| host(app, r#""routePrefix": "api""#, r#""routePrefix": """#)),
        ("agents_get", "requests for agents_get go to aathief", |app| {
            route(app, "aathief", "agents/{x}", "get")
        }),
        ("health", "conflicts", |app| route(app, "aathief", "health", "get")),
        ("aathief", "no function of this version", |app| route(app, "aathief", "thief", "get")),
        ("health", "no function.json", |app| fs::remove_dir_all(app.join("health")).unwrap()),
        ("health", "without function.json", |app| {
            fs::rename(app.join("health/function.json"), app.join("health/functions.json")).unwrap();
        }),
        ("agents_list", "not the one of this version", |app| route(app, "agents_list", "agents", "post")),
        ("local.settings.json", "must not be deployed", |app| {
            fs::write(app.join("local.settings.json"), "{}").unwrap();
        }),
    ];
    for (part, says, spoil) in cases {
        let root = tempfile::tempdir().unwrap();
        good(root.path());
        spoil(root.path());
        let found = faults(root.path(), &[]);
        let told = found.iter().any(|(what, said)| what == part && said.contains(says));
        assert!(told, "{part}: {says}: {found:?}");
    }
}

#[test]
fn an_apps_settings_can_spoil_a_good_package() {
    let root = tempfile::tempdir().unwrap();
    good(root.path());
    for (name, says) in [
        ("AzureFunctionsJobHost__customHandler__enableProxyingHttpRequest", "enableProxyingHttpRequest"),
        ("AzureFunctionsJobHost__extensions__http__routePrefix", "routePrefix"),
    ] {
        let found = faults(root.path(), &[(name, "false")]);
        assert!(found.iter().any(|(what, said)| what == "host.json" && said.contains(says)), "{found:?}");
    }
}

#[test]
fn an_archive_is_read_as_it_is() {
    let root = tempfile::tempdir().unwrap();
    let packed = |names: &[&str], mode: Option<u32>| {
        let path = root.path().join("a.zip");
        let mut archive = ZipWriter::new(fs::File::create(&path).unwrap());
        for name in names {
            let options = SimpleFileOptions::default();
            let options = mode.map_or(options, |mode| options.unix_permissions(mode));
            archive.start_file(*name, options).unwrap();
            let text = if name.ends_with("handler") { elf(62) } else { stage::HOST_JSON.into() };
            archive.write_all(&text).unwrap();
        }
        archive.finish().unwrap();
        path
    };
    let found = faults(&packed(&["app/host.json", "app/handler"], None), &[]);
    assert!(found[0].1.contains("a folder deeper"), "{found:?}");
    let found = faults(&packed(&["host.json", "handler"], Some(0o644)), &[]);
    assert!(
        found.iter().any(|(what, said)| what == "handler" && said.contains("executable bit")),
        "{found:?}"
    );
    for name in ["../host.json", "/host.json", "a\\host.json"] {
        assert!(check(&packed(&[name], None), &Sources::default()).is_err(), "{name}");
    }
    fs::write(root.path().join("a.zip"), "no zip").unwrap();
    assert!(check(&root.path().join("a.zip"), &Sources::default()).is_err());
}
