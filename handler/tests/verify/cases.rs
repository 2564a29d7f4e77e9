//! The cases.

use crate::{
    dev::{Dev, mint, verify},
    faults::{FAULTS, OPEN, TAKEN_AWAY},
    proxy::Proxy,
    xml,
};
use futures::StreamExt;
use handler::functions::{FUNCTIONS, Trigger};
use serde_json::Value;
use std::collections::BTreeSet;

/// What no fault can turn red from outside.
const UNSEEN: [&str; 1] = ["plan.5-telemetry"];
/// What is not run against a deployment on this machine.
const NOT_HERE: [&str; 3] = ["plan.2-tenant-path", "plan.5-telemetry", "admin.closed"];

fn outcomes(report: &Value, outcome: &str) -> BTreeSet<String> {
    let checks = report["checks"].as_array().expect("checks");
    let of = checks.iter().filter(|check| check["outcome"] == outcome);
    of.map(|check| check["id"].as_str().expect("an id").to_owned()).collect()
}

fn set(ids: &[&str]) -> BTreeSet<String> {
    ids.iter().map(ToString::to_string).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_deployment_passes_and_every_fault_is_found() {
    let dev = Dev::start();
    let file = dev.state().join("report.json");
    let state = dev.state().display().to_string();
    let arguments =
        ["--state", &state, "--format", "json", "--samples", "60", "--output", &file.display().to_string()];
    let run = verify(&dev.url(), &arguments).await;
    assert_eq!(run.code, 0, "{}\n{}", run.stdout, run.stderr);
    let text = std::fs::read_to_string(&file).expect("the report");
    let report: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(outcomes(&report, "not run"), set(&NOT_HERE), "{report:#}");
    assert_eq!(outcomes(&report, "failed"), set(&[]), "{report:#}");
    assert_eq!(report["left_behind"], serde_json::json!([]));
    assert!(!text.contains("eyJ"), "a token is in the report");
    dev.holds_nothing().await;

    let all: BTreeSet<_> = outcomes(&report, "passed").into_iter().chain(set(&NOT_HERE)).collect();
    let tripped: BTreeSet<_> = FAULTS.iter().flat_map(|fault| set(fault.trips)).chain(set(&UNSEEN)).collect();
    assert_eq!(all, tripped, "a check that no fault turns red, or a fault that turns red no check");

    let dev = &dev;
    let unseen: Vec<String> = futures::stream::iter(FAULTS)
        .map(|fault| async move {
            let proxy = Proxy::start(dev, fault).await;
            let mut arguments = vec!["--format", "json", "--samples", "15"];
            arguments.extend(dev.tokens());
            for id in fault.trips {
                arguments.extend(["--only", id]);
            }
            let run = verify(&proxy.url(fault.host), &arguments).await;
            let report: Value = serde_json::from_str(&run.stdout).unwrap_or_default();
            let red = if report.is_object() { outcomes(&report, "failed") } else { BTreeSet::new() };
            let good = run.code == 1 && red == set(fault.trips);
            (!good).then(|| format!("{}: {} {red:?} {report:#} {}", fault.name, run.code, run.stderr))
        })
        .buffer_unordered(3)
        .filter_map(|unseen| async { unseen })
        .collect()
        .await;
    assert!(unseen.is_empty(), "{}", unseen.join("\n\n"));
    dev.holds_nothing().await;
    every_function(dev).await;
    taken_away(dev).await;
    broken_off(dev).await;
    reports(dev).await;
}

/// No function with an id in its route is left out, whenever it came into the table.
async fn every_function(dev: &Dev) {
    let proxy = Proxy::start(dev, &OPEN).await;
    let mut arguments = vec!["--format", "json", "--only", "ids.*"];
    arguments.extend(dev.tokens());
    let run = verify(&proxy.url(None), &arguments).await;
    let report: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert!(outcomes(&report, "failed").is_superset(&set(OPEN.trips)), "{report:#}");
    let checks = report["checks"].as_array().expect("checks");
    let evidence: Vec<_> =
        checks.iter().flat_map(|check| check["evidence"].as_array().expect("evidence")).collect();
    let mut asked = 0;
    for function in FUNCTIONS {
        let Trigger::Http(http) = &function.trigger else { continue };
        if http.route.replace("{collection}", "").contains('{') {
            asked += 1;
            let start = format!("{} with a foreign ", function.name);
            let named =
                evidence.iter().any(|line| line.as_str().is_some_and(|line| line.starts_with(&start)));
            assert!(named, "{} is not asked: {evidence:#?}", function.name);
        }
    }
    assert!(asked >= 24, "{asked}");
    dev.holds_nothing().await;
}

/// A gateway may take the header away that the service would refuse.
async fn taken_away(dev: &Dev) {
    let proxy = Proxy::start(dev, &TAKEN_AWAY).await;
    let mut arguments = vec!["--format", "json", "--only", "tenant.header"];
    arguments.extend(dev.tokens());
    let run = verify(&proxy.url(None), &arguments).await;
    let report: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!((run.code, outcomes(&report, "passed")), (0, set(&["tenant.header"])), "{report:#}");
}

/// What machines read.
async fn reports(dev: &Dev) {
    let fault = FAULTS.iter().find(|fault| fault.name == "no challenge").expect("the fault");
    let proxy = Proxy::start(dev, fault).await;
    let mut arguments =
        vec!["--only", "token.challenge", "--only", "token.none", "--only", "plan.5-telemetry"];
    arguments.extend(dev.tokens());

    let junit = verify(&proxy.url(None), &[&arguments[..], &["--format", "junit"]].concat()).await;
    assert_eq!(junit.code, 1);
    let tags = xml::well_formed(&junit.stdout).unwrap_or_else(|why| panic!("{why}\n{}", junit.stdout));
    let count = |name: &str| tags.iter().filter(|tag| *tag == name).count();
    assert_eq!([count("testsuite"), count("testcase"), count("failure"), count("skipped")], [1, 3, 1, 1]);

    let sarif = verify(&proxy.url(None), &[&arguments[..], &["--format", "sarif"]].concat()).await;
    let sarif: Value = serde_json::from_str(&sarif.stdout).expect("JSON");
    assert_eq!(sarif["version"], "2.1.0");
    let (driver, results) = (&sarif["runs"][0]["tool"]["driver"], &sarif["runs"][0]["results"]);
    assert_eq!(driver["name"], "handler verify");
    let results = results.as_array().expect("results");
    assert_eq!(results.len(), 3);
    for result in results {
        let rule = &driver["rules"][result["ruleIndex"].as_u64().expect("an index") as usize];
        assert_eq!(rule["id"], result["ruleId"]);
        assert!(result["message"]["text"].is_string());
        let location = &result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
        assert!(location.is_string());
    }
    let failed = results.iter().find(|result| result["ruleId"] == "token.challenge").expect("the result");
    assert_eq!([&failed["kind"], &failed["level"]], ["fail", "note"]);

    let table = verify(&proxy.url(None), &arguments).await;
    let red = |line: &str| line.starts_with("failed ") && line.contains(" token.challenge ");
    assert!(table.stdout.lines().any(red), "{}", table.stdout);
    could_not(dev, &proxy).await;
}

/// Who breaks it off finds nothing left behind.
async fn broken_off(dev: &Dev) {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_handler"));
    command.args(["verify", &dev.url(), "--samples", "10000"]).args(dev.tokens()).kill_on_drop(true);
    let child =
        command.stderr(std::process::Stdio::piped()).stdout(std::process::Stdio::null()).spawn().expect("it");
    while dev.list("agents").await == "[]" {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let id = child.id().expect("it runs").to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &id]).status().expect("kill").success());
    let output = child.wait_with_output().await.expect("it ends");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "handler: it was broken off\n");
    dev.holds_nothing().await;
}

/// What is not run is neither good nor bad.
async fn could_not(dev: &Dev, proxy: &Proxy) {
    let tokens = dev.tokens();
    let twice = ["--token-a", tokens[1], "--token-b", tokens[1]];
    for (url, arguments, why) in [
        ("http://127.0.0.1:9".to_owned(), &tokens[..], "nothing answers at http://127.0.0.1:9"),
        (dev.url(), &twice[..], "the same tenant"),
        (dev.url(), &["--only", "no.such-check"][..], "there is no check"),
        (dev.url(), &["--state", "/nonexistent"][..], "--state"),
        (proxy.url(Some("127.0.0.2")), &[][..], "--token-a"),
        (dev.url(), &["--token-a", "x", "--token-b", "y"][..], "401"),
    ] {
        let run = verify(&url, arguments).await;
        assert_eq!(run.code, 2, "{why}: {}\n{}", run.stdout, run.stderr);
        assert!(run.stderr.contains(why), "{why}: {}", run.stderr);
    }
    let [a, b] = [("contoso", "dave"), ("fabrikam", "eve")]
        .map(|(tenant, user)| mint(dev.state(), tenant, user, "user"));
    let arguments = ["--token-a", &a, "--token-b", &b, "--format", "json", "--samples", "10"];
    let weak = verify(&dev.url(), &arguments).await;
    let report: Value = serde_json::from_str(&weak.stdout).expect("JSON");
    assert_eq!(weak.code, 0, "{report:#}");
    let ids = ["ids.read", "ids.write", "ids.delete", "ids.body", "ids.unchanged"];
    let others = ["plan.1-own-data", "tenant.header", "lists.foreign", "oracle.existence", "oracle.timing"];
    let users = ["role.agents", "owner.ids", "owner.lists", "owner.search"];
    let blind = set(&[&ids[..], &others, &users].concat());
    assert!(outcomes(&report, "not run").is_superset(&blind), "{report:#}");
    dev.holds_nothing().await;
    let without =
        verify(&dev.url(), &[&tokens[..4], &["--only", "role.agents", "--only", "token.none"]].concat())
            .await;
    assert_eq!(without.code, 0, "{}", without.stderr);
    assert!(without.stdout.contains("not run role.agents: "), "{}", without.stdout);
    assert!(without.stdout.contains("--token-a-user"), "{}", without.stdout);
    // In a pipeline, what is not run is a finding, unless it is named.
    let arguments =
        [&tokens[..4], &["--only", "role.agents", "--only", "token.none", "--may-not-run"]].concat();
    for (let_be, code, told) in [
        (&[][..], 1, "could not be run, and must be: role.agents\n"),
        (&["owner.*"][..], 1, "could not be run, and must be: role.agents\n"),
        (&["role.agents"][..], 0, ""),
        (&["role.*"][..], 0, ""),
        (&["no.such-check"][..], 2, "there is no check"),
    ] {
        let run = verify(&dev.url(), &[&arguments[..], let_be].concat()).await;
        assert_eq!(run.code, code, "{let_be:?}: {}", run.stderr);
        assert!(run.stderr.contains(told), "{let_be:?}: {}", run.stderr);
    }
}
