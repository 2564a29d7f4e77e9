"""The bill of materials: true to its schema, and to the lock. And what `make deny` is told."""

import json
import tomllib

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

import sbom
from where import ROOT


@pytest.fixture(scope="module")
def bill():
    return json.loads(sbom.text())


def invalid(document):
    return JsonStrictValidator(SchemaVersion.V1_5).validate_str(json.dumps(document))


def listed(bill):
    return {(part["name"], part["version"]) for part in [bill["metadata"]["component"], *bill["components"]]}


def needed(name="handler"):
    """What the lock says that a package needs, at most: with every optional, test and foreign-platform dependency."""
    lock = sbom.locked()
    by_name = {}
    for part in lock:
        by_name.setdefault(part[0], []).append(part)
    seen, open_ = set(), by_name[name][:]
    while open_:
        part = open_.pop()
        if part not in seen:
            seen.add(part)
            for words in map(str.split, lock[part].get("dependencies", [])):
                open_ += [(words[0], words[1])] if len(words) > 1 else by_name[words[0]]
    return seen


def astray(bill):
    """What is in the bill and not reached in the lock, what a listed part depends on that is not listed, and what is not of the lock's bytes."""
    lock = sbom.locked()
    altered = set()
    for part in bill["components"]:
        checksum = lock.get((part["name"], part["version"]), {}).get("checksum")
        if [each["content"] for each in part.get("hashes", [])] != ([checksum] if checksum else []):
            altered.add(part["name"])
    parts = {part["bom-ref"] for part in [bill["metadata"]["component"], *bill["components"]]}
    dangling = {ref for each in bill["dependencies"] for ref in [each["ref"], *each["dependsOn"]]} ^ parts
    return (listed(bill) - needed()) | dangling | altered


def test_the_bill_is_true_to_the_schema(bill):
    assert invalid(bill) is None
    assert invalid(bill | {"bomFormat": "SPDX"}) is not None
    assert invalid(bill | {"components": [{"name": "without a type"}]}) is not None


def test_the_bill_lists_what_the_lock_leads_to(bill):
    assert astray(bill) == set()
    names = {name for name, _ in listed(bill)}
    assert len(names) > 150 and {"handler", "pool", "tokio", "rusqlite", "aws-lc-sys"} <= names
    assert names.isdisjoint({"proptest", "tests", "windows-sys"}), "what only tests, or other platforms, need"


def test_a_part_too_many_too_few_or_altered_is_seen(bill):
    stranger = {"type": "library", "name": "left-pad", "version": "1.0.0", "bom-ref": "left-pad"}
    assert astray(bill | {"components": [*bill["components"], stranger]})
    assert astray(bill | {"components": bill["components"][1:]})
    at, bought = next((at, part) for at, part in enumerate(bill["components"]) if part.get("hashes"))
    for hashes in ([], [{"alg": "SHA-256", "content": "0" * 64}]):
        assert astray(bill | {"components": [*bill["components"][:at], bought | {"hashes": hashes}, *bill["components"][at + 1 :]]}) == {bought["name"]}


def test_every_part_has_a_licence_and_a_checksum_or_is_ours(bill):
    ours = {name for (name, _), package in sbom.locked().items() if "source" not in package}
    for part in bill["components"]:
        assert part.get("licenses"), part["name"]
        assert part["name"] in ours or len(part["hashes"][0]["content"]) == 64, part["name"]


def test_every_advisory_that_is_let_be_has_a_reason():
    rules = tomllib.loads((ROOT / "deny.toml").read_text())
    for ignored in rules["advisories"].get("ignore", []):
        assert isinstance(ignored, dict) and len(ignored["reason"]) > 15
    assert rules["advisories"]["yanked"] == "deny" and rules["sources"]["unknown-registry"] == "deny"
