//! `make smoke-azure`, on what stands in for a subscription: that it works, and fails when something does not. And that
//! the audit of what stands in finds out whoever touches what is another's, and whoever brings another's words.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{panic::AssertUnwindSafe, process::Output};
use tests::{azure::Stack, canary};

/// Runs the example, which `cargo test --workspace` builds.
async fn smoke(stack: &Stack, settings: &[(&str, &str)]) -> (Option<i32>, String) {
    let example = tests::binary().with_file_name("examples").join("smoke");
    assert!(example.exists(), "{} is not there: `cargo build --example smoke`", example.display());
    let mut command = tokio::process::Command::new(example);
    command.envs(stack.environment()).envs([("AZURE_CREDENTIAL", "managed_identity"), ("SMOKE_LAG_MS", "0")]);
    let Output { status, stdout, stderr } =
        command.envs(settings.iter().copied()).kill_on_drop(true).output().await.unwrap();
    (status.code(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
}

#[test]
fn the_law_of_each_port_is_held_against_a_deployment_that_is_told() {
    tests::alone(async {
        let folder = tempfile::tempdir().unwrap();
        let stack = Stack::of(folder.path()).await;
        for key in ["conf-a--data", "conf-a-eu--data"] {
            stack.vault().create_key("shared", key);
        }
        let (code, said) = smoke(&stack, &[]).await;
        assert_eq!(code, Some(0), "{said}");
        for port in ["records", "blobs", "queue", "index", "vault", "model"] {
            assert!(
                said.lines().any(|line| line.starts_with(port) && line.contains(" ok ")),
                "{port}: {said}"
            );
        }
        stack.audited();

        // An identity that is not the app's is refused everywhere, and what is not set is said not to be run.
        let (code, said) = smoke(
            &stack,
            &[("AZURE_CLIENT_ID", "a-stranger"), ("KEYVAULT_URL", ""), ("FOUNDRY_ENDPOINT", "")],
        )
        .await;
        assert_eq!(code, Some(1), "{said}");
        assert!(!said.lines().any(|line| line.contains(" ok ")), "{said}");
        for port in ["vault", "model"] {
            assert!(
                said.lines().any(|line| line.starts_with(port) && line.contains("not run")),
                "{port}: {said}"
            );
        }

        let (code, said) = smoke(&stack, &[("COSMOS_ENDPOINT", "")]).await;
        assert!(code == Some(2) && said.contains("COSMOS_ENDPOINT"), "{said}");
    });
}

#[test]
fn the_apps_identity_in_a_tenants_container_is_found_out() {
    tests::alone(async {
        let folder = tempfile::tempdir().unwrap();
        let stack = Stack::of(folder.path()).await;
        // Northwind has no identity of its own, so the app's may.
        for (container, found_out) in [("northwind", false), ("contoso", true)] {
            let (url, token) = stack.blob(&format!("{container}/files/f_1/content"));
            let get = stack.client().get(url).bearer_auth(token).header("x-ms-version", "2023-11-03");
            assert_eq!(get.send().await.unwrap().status(), 404);
            let audit = std::panic::catch_unwind(AssertUnwindSafe(|| stack.audited()));
            assert_eq!(audit.is_err(), found_out, "{container}");
        }
    });
}

#[test]
fn a_tenants_words_in_anothers_container_are_found_out() {
    tests::alone(async {
        let folder = tempfile::tempdir().unwrap();
        let stack = Stack::of(folder.path()).await;
        for (tenant, found_out) in [("northwind", false), ("contoso", true)] {
            let (url, token) = stack.blob("northwind/files/f_1/content");
            let put = stack.client().put(url).bearer_auth(token).header("x-ms-version", "2023-11-03");
            let put =
                put.header("x-ms-blob-type", "BlockBlob").body(format!("It is {}.", canary::of(tenant)));
            put.send().await.unwrap();
            let audit = std::panic::catch_unwind(AssertUnwindSafe(|| stack.audited()));
            assert_eq!(audit.is_err(), found_out, "{tenant}");
        }
    });
}
