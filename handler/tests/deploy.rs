//! `handler tenant add --deploy`, with a stand-in for `azd`.

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::PermissionsExt, path::Path, process::Output};

    /// Adds a tenant, with what `azd` does: its arguments are kept, word for word.
    fn add(folder: &Path, azd: Option<&str>, arguments: &[&str]) -> Output {
        let bin = folder.join("bin");
        std::fs::create_dir_all(&bin).unwrap();
        if let Some(does) = azd {
            let program = bin.join("azd");
            std::fs::write(&program, format!("#!/bin/sh\nprintf '[%s]' \"$@\" >>\"$0.asked\"\n{does}\n"))
                .unwrap();
            std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
        }
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_handler"));
        command.current_dir(folder).env_clear().env("PATH", &bin);
        command.args(["tenant", "add"]).args(arguments).output().unwrap()
    }

    fn asked(folder: &Path) -> String {
        std::fs::read_to_string(folder.join("bin/azd.asked")).unwrap_or_default()
    }

    fn project() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("infra")).unwrap();
        std::fs::write(folder.path().join("infra/tenants.json"), "[]").unwrap();
        folder
    }

    const PRINTED: &str = "  azd provision\n  azd hooks run postdeploy\n";
    const ALL: &str = "[provision][hooks][run][postdeploy]";

    #[test]
    fn what_is_printed_is_run_in_order() {
        let project = project();
        let workload =
            ["--federated-issuer", "https://idp.example", "--federated-subject", "a $(touch x)'\" b"];
        let done = add(project.path(), Some("exit 0"), &[&["acme", "--deploy"], &workload[..]].concat());
        let told = String::from_utf8(done.stdout).unwrap();
        assert!(done.status.success() && told.contains(PRINTED), "{told}");
        assert!(
            told.find(PRINTED) < told.find("running azd provision"),
            "all is told before any of it is run: {told}"
        );
        assert!(told.ends_with("acme is deployed, and is served within five seconds\n"), "{told}");
        assert_eq!(asked(project.path()), ALL);
        let list = std::fs::read_to_string(project.path().join("infra/tenants.json")).unwrap();
        assert!(list.contains(r#""federatedSubject":"a $(touch x)'\" b""#), "{list}");
        assert!(!project.path().join("x").exists(), "a subject reached a shell");
    }

    #[test]
    fn what_fails_ends_it_and_may_be_run_again() {
        let project = project();
        let done = add(project.path(), Some("exit 7"), &["acme", "--deploy"]);
        let told = String::from_utf8(done.stderr).unwrap();
        assert!(!done.status.success() && told.contains("`azd provision` failed (exit status: 7)"), "{told}");
        assert_eq!(asked(project.path()), "[provision]", "nothing is run after what failed");
        assert!(!String::from_utf8(done.stdout).unwrap().contains("is deployed"));
    }

    #[test]
    fn without_azd_it_is_printed() {
        let project = project();
        let done = add(project.path(), None, &["acme", "--deploy"]);
        assert!(!done.status.success() && String::from_utf8(done.stdout).unwrap().contains(PRINTED));
        let told = String::from_utf8(done.stderr).unwrap();
        assert!(told.contains("azd is not installed: run what is listed above where it is"), "{told}");
    }

    #[test]
    fn what_is_no_name_runs_nothing() {
        let project = project();
        for id in
            ["$(touch x)", "a;touch x", "../acme", "uploads", "azure-webjobs-x", "acme\ntouch x", "Acme", ""]
        {
            let done = add(project.path(), Some("exit 0"), &["--deploy", "--", id]);
            assert_eq!(done.status.code(), Some(2), "{id}");
        }
        assert_eq!(asked(project.path()), "");
        assert_eq!(std::fs::read_to_string(project.path().join("infra/tenants.json")).unwrap(), "[]");
    }
}
