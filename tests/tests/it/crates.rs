//! The house: which crate may know which, and how long a file may be.

use std::{
    fs,
    path::{Path, PathBuf},
};
use tests::repository;

/// A crate and the siblings that it may depend on.
const ARROWS: [(&str, &[&str]); 6] = [
    ("handler", &["devhost", "local", "extract", "azure", "pool"]),
    ("handler/local", &["pool"]),
    ("handler/azure", &["pool"]),
    ("handler/devhost", &[]),
    ("handler/extract", &[]),
    ("handler/pool", &[]),
];
const SIBLINGS: [&str; 7] = ["handler", "pool", "local", "azure", "devhost", "extract", "tests"];

/// The dependencies of a manifest: section, name, line. `[dependencies.name]` counts as a line of `[dependencies]`.
fn dependencies(manifest: &str) -> Vec<(String, String, String)> {
    let mut section = String::new();
    let mut found = Vec::new();
    for line in manifest.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(header) = line.strip_prefix('[') {
            header.trim_end_matches(']').clone_into(&mut section);
            if let Some((kind, name)) = section.rsplit_once("dependencies.") {
                found.push((format!("{kind}dependencies"), name.to_owned(), line.to_owned()));
            }
        } else if section.ends_with("dependencies") {
            let name = line.split(['=', '.', ' ']).next().unwrap_or_default();
            found.push((section.clone(), name.to_owned(), line.to_owned()));
        } else if section.contains("dependencies.") {
            found.push((section.split('.').next().unwrap().to_owned(), String::new(), line.to_owned()));
        }
    }
    found
}

fn normal(folder: &str) -> Vec<(String, String)> {
    let path = repository().join(folder).join("Cargo.toml");
    let Ok(text) = fs::read_to_string(path) else { return Vec::new() };
    let all = dependencies(&text).into_iter();
    all.filter(|(section, ..)| !section.starts_with("dev-")).map(|(_, name, line)| (name, line)).collect()
}

#[test]
fn arrows_point_to_the_pool_alone() {
    for (folder, allowed) in ARROWS {
        for (name, _) in normal(folder) {
            assert!(!SIBLINGS.contains(&name.as_str()) || allowed.contains(&&*name), "{folder} → {name}");
        }
    }
    assert!(normal("handler").iter().any(|(name, _)| name == "pool"), "the manifests are read");
}

#[test]
fn the_pool_knows_no_world() {
    for (name, _) in normal("handler/pool") {
        let world =
            ["axum", "reqwest", "rusqlite", "hyper", "tower"].contains(&&*name) || name.starts_with("azure");
        assert!(!world, "pool → {name}");
    }
}

#[test]
fn the_forge_is_in_no_normal_dependency() {
    for (folder, _) in ARROWS {
        for (name, line) in normal(folder) {
            assert!(!line.contains("testing"), "{folder} → {name}: {line}");
        }
    }
    for (_, name, line) in dependencies(&fs::read_to_string(repository().join("Cargo.toml")).unwrap()) {
        assert!(!line.contains("testing"), "{name}: {line}");
    }
}

#[test]
fn manifests_are_read_in_every_spelling() {
    let text = "[package]\nname='x'\n[dependencies]\na.workspace = true\nb = \"1\"\n[dependencies.c]\nfeatures = ['testing']\n\
        [dev-dependencies]\nd = {}\n[target.x.dependencies]\ne = '1'";
    let found = dependencies(text);
    let names: Vec<_> = found.iter().map(|(section, name, _)| format!("{section}:{name}")).collect();
    let wanted = [
        "dependencies:a",
        "dependencies:b",
        "dependencies:c",
        "dependencies:",
        "dev-dependencies:d",
        "target.x.dependencies:e",
    ];
    assert_eq!(names, wanted);
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") && !path.ends_with(".git") {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn no_file_is_longer_than_400_lines() {
    let mut files = Vec::new();
    sources(repository(), &mut files);
    assert!(files.len() > 100);
    for file in files {
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= 400, "{}: {lines} lines", file.display());
    }
}
