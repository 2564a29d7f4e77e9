"""What is built in has no known hole and no licence that we cannot meet. `make deny` asks the same of cargo-deny."""

import tomllib

import pytest

import advisories
import sbom
from where import ROOT, foreign

RULES = tomllib.loads((ROOT / "deny.toml").read_text())
IGNORED = {each["id"] for each in RULES["advisories"]["ignore"]}
CRATES_IO = "registry+https://github.com/rust-lang/crates.io-index"
ALLOWED = set(RULES["licenses"]["allow"])


@pytest.fixture(scope="module")
def database():
    found = sorted(foreign(".").glob("rustsec-advisory-db-*.tar.gz"))
    snapshot = foreign(found[-1].name if found else "rustsec-advisory-db-*.tar.gz")
    known = list(advisories.advisories(snapshot))
    assert len(known) > 500
    return known


def bought():
    """What the lock has of others."""
    return {part for part, package in sbom.locked().items() if "source" in package}


def test_nothing_that_is_locked_has_an_advisory_that_is_not_let_be(database):
    assert len(bought()) > 200
    assert advisories.affected(bought(), database, IGNORED) == ([], [])


@pytest.mark.parametrize("name, version, identity", [("rsa", "0.9.6", "RUSTSEC-2023-0071"), ("time", "0.1.43", "RUSTSEC-2020-0071")])
def test_a_seeded_advisory_is_seen(database, name, version, identity):
    assert (identity, name, version) in advisories.affected(bought() | {(name, version)}, database, IGNORED)[0]


def test_an_advisory_that_is_let_be_is_needed(database):
    assert IGNORED
    assert {hit[0] for hit in advisories.affected(bought(), database, set())[0]} == IGNORED
    assert advisories.affected(bought(), database, IGNORED | {"RUSTSEC-2020-0071"})[1] == ["RUSTSEC-2020-0071"]


SEEDED = """```toml
[advisory]
id = "RUSTSEC-2099-0001"
package = "tokio"
date = "2099-01-01"
[versions]
patched = [">= 999"]
unaffected = ["< 0.1"]
```
"""


def test_an_advisory_of_tomorrow_is_seen():
    tomorrow = advisories.parse(SEEDED)
    hits, _ = advisories.affected(bought(), [tomorrow], set())
    assert [hit[:2] for hit in hits] == [("RUSTSEC-2099-0001", "tokio")]
    tomorrow["advisory"]["withdrawn"] = "2099-01-02"
    assert advisories.affected(bought(), [tomorrow], set()) == ([], [])


def banned(parts):
    """What deny.toml lets nobody use, or is from elsewhere than crates.io."""
    rules = [each["crate"].partition("@")[::2] for each in RULES["bans"]["deny"]]
    strangers = {name for (name, _), package in parts.items() if package.get("source", CRATES_IO) != CRATES_IO}
    return strangers | {name for name, version in parts for crate, range_ in rules if crate == name and advisories.meets(version, range_ or "*")}


def test_nothing_is_locked_that_is_banned_or_from_elsewhere():
    # Of what the lock has and no feature asks for, cargo builds nothing.
    lines = sbom.cargo("tree", "--locked", "--workspace", "--target", "all", "--edges", "all", "--prefix", "none", "--format", "{p}").splitlines()
    used = {(name, version.removeprefix("v")) for name, version, *_ in map(str.split, filter(None, lines))}
    lock = {part: package for part, package in sbom.locked().items() if part in used}
    assert len(lock) > 200 and banned(lock) == set()
    assert RULES["sources"] == {"unknown-registry": "deny", "unknown-git": "deny"}
    bad = {("ring", "0.17.14"): {"source": CRATES_IO}, ("jsonwebtoken", "10.2.0"): {"source": CRATES_IO}, ("mine", "1.0.0"): {"source": "git+https://example.com/mine"}}
    assert banned(lock | bad) == {"ring", "jsonwebtoken", "mine"}


@pytest.mark.parametrize("version, requirement, met", [
    ("1.2.3", ">= 1.2.3", True), ("1.2.2", ">=1.2.3", False), ("1.9.0", ">= 1.2, < 2", True), ("2.0.0", ">= 1.2, < 2", False),
    ("1.2.9", "^1.2.3", True), ("2.0.0", "^1.2.3", False), ("0.3.9", "^0.3.1", True), ("0.4.0", "^0.3.1", False), ("0.0.4", "^0.0.3", False),
    ("1.2.9", "~1.2.3", True), ("1.3.0", "~1.2.3", False), ("1.9.0", "~1", True), ("2.0.0", "~1", False), ("1.0.0", "1", True), ("0.9.0", "*", True),
    ("1.0.0-rc.2", ">= 1.0.0", False), ("1.0.0-rc.10", "> 1.0.0-rc.9", True), ("1.0.0-rc.1", "> 1.0.0-alpha", True), ("1.0.0+build.5", "= 1.0.0", True),
    ("10.0.0", "> 9.0.0", True), ("0.0.5", "^0", True), ("0.5.0", "^0.0", False),
])  # fmt: skip
def test_versions_are_compared_as_cargo_does(version, requirement, met):
    assert advisories.meets(version, requirement) is met


def refused(licences):
    return sorted(name for (name, _), said in licences.items() if not said or not advisories.permits(said, ALLOWED))


def test_every_licence_is_one_that_we_can_meet():
    licences = sbom.licences()
    assert len(licences) > 200 and refused(licences) == []
    assert refused(licences | {("seeded", "1.0.0"): "GPL-3.0-only", ("silent", "1.0.0"): None}) == ["seeded", "silent"]


@pytest.mark.parametrize("expression, met", [
    ("MIT", True), ("MIT OR GPL-3.0", True), ("GPL-3.0 OR MIT", True), ("MIT AND GPL-3.0", False), ("MIT/Apache-2.0", True), ("GPL-3.0", False),
    ("(MIT OR Apache-2.0) AND Unicode-3.0", True), ("(MIT OR GPL-3.0) AND GPL-3.0", False), ("MIT AND (GPL-3.0 OR ISC)", True),
    ("MIT OR GPL-3.0 AND GPL-2.0", True), ("GPL-3.0 WITH Classpath-exception-2.0", False), ("Apache-2.0 WITH LLVM-exception OR MIT", True),
    ("Apache-2.0 WITH LLVM-exception", False),
])  # fmt: skip
def test_licences_are_read_as_spdx_says(expression, met):
    assert advisories.permits(expression, ALLOWED) is met
