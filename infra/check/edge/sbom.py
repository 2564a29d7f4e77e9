"""The bill of materials of the binary, CycloneDX 1.5, from Cargo.lock: `python sbom.py FILE`. The same tree gives the same bytes."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

from where import ROOT

TARGET = "x86_64-unknown-linux-gnu"


def cargo(*arguments):
    return subprocess.run(["cargo", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def tree():
    """Name and version of what is built into the binary, or runs while it is built, each with what it depends on."""
    shape = ["--prefix", "depth", "--no-dedupe", "--format", " {p}"]
    lines = cargo("tree", "--locked", "-p", "handler", "-e", "normal,build", "--target", TARGET, *shape).splitlines()
    found, path = {}, []
    for line in lines:
        depth, name, version = line.split()[:3]
        part = name, version.removeprefix("v")
        path[int(depth) :] = [part]
        found.setdefault(part, set())
        if len(path) > 1:
            found[path[-2]].add(part)
    return found


def licences():
    """The licence of each package, by name and version."""
    said = json.loads(cargo("metadata", "--locked", "--format-version", "1"))
    return {(package["name"], package["version"]): package["license"] for package in said["packages"]}


def locked():
    """Each package of the lock, by name and version."""
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())
    return {(package["name"], package["version"]): package for package in lock["package"]}


def purl(part):
    return f"pkg:cargo/{part[0]}@{part[1]}"


def component(part, licence, checksum):
    found = {"type": "library", "bom-ref": purl(part), "name": part[0], "version": part[1], "purl": purl(part)}
    if licence:
        found["licenses"] = [{"expression": licence.replace("/", " OR ")}]
    if checksum:
        found["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    return found


def bill():
    """The document."""
    parts, licence, lock = tree(), licences(), locked()
    told = {part: component(part, licence[part], lock[part].get("checksum")) for part in sorted(parts)}
    root = next(part for part in parts if part[0] == "handler")
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": told.pop(root) | {"type": "application"}},
        "components": list(told.values()),
        "dependencies": [{"ref": purl(part), "dependsOn": sorted(map(purl, parts[part]))} for part in sorted(parts)],
    }


def text():
    return json.dumps(bill(), indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    written = Path(sys.argv[1])
    written.parent.mkdir(parents=True, exist_ok=True)
    written.write_text(text())
