"""Cargo.lock against a snapshot of the RustSec database, and licences against deny.toml: what `make deny` looks at, with nothing to build."""

import re
import tarfile
import tomllib

VERSION = re.compile(r"(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-([\w.-]+))?(?:\+\S*)?")


def order(version):
    """A key that sorts versions as SemVer does: 1.0.0-rc.2 comes before 1.0.0."""
    match = VERSION.fullmatch(version.strip())
    if not match:
        raise ValueError(f"{version!r} is no version")
    pre = [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in match[4].split(".")] if match[4] else [(2, 0, "")]
    return [int(part or 0) for part in match.groups()[:3]], pre


def meets(version, requirement):
    """Whether a version meets a requirement as Cargo writes them: `>= 1.2, < 2`, `^0.3.1`, `~1.2`, `= 1.0.0`, `*`."""
    return all(_meets(order(version), part.strip()) for part in requirement.split(","))


def _meets(version, part):
    operator, text = re.fullmatch(r"(>=|<=|>|<|=|\^|~|)\s*(.+)", part).groups()
    if text == "*":
        return True
    bound, given = order(text), text.split("-")[0].split(".")
    simple = {">=": version >= bound, "<=": version <= bound, ">": version > bound, "<": version < bound, "=": version == bound}
    if operator in simple:
        return simple[operator]
    # The next version that a caret or a tilde keeps out.
    numbers = bound[0]
    at = min(1, len(given) - 1) if operator == "~" else next((at for at, number in enumerate(numbers) if number), len(given) - 1)
    ceiling = [*numbers[:at], numbers[at] + 1, *[0] * (2 - at)]
    return version >= bound and version[0] < ceiling


def advisories(snapshot):
    """The advisories of an archive, as they stand in it."""
    with tarfile.open(snapshot) as archive:
        for member in archive:
            if re.search(r"crates/[^/]+/RUSTSEC-[^/]+\.md$", member.name):
                yield parse(archive.extractfile(member).read().decode())


def parse(text):
    return tomllib.loads(re.match(r"```toml\n(.*?)\n```", text, re.S)[1])


def affected(packages, found, ignored):
    """Which packages, (name, version), an advisory says something against that is not ignored; and what is ignored for nothing."""
    hits = set()
    for each in found:
        told, versions = each["advisory"], each.get("versions", {})
        if "withdrawn" in told or told.get("informational") == "notice":
            continue
        safe = [*versions.get("patched", []), *versions.get("unaffected", [])]
        for name, version in packages:
            if name == told["package"] and not any(meets(version, requirement) for requirement in safe):
                hits.add((told["id"], name, version))
    named = {identity for identity, _, _ in hits}
    return sorted(hit for hit in hits if hit[0] not in ignored), sorted(ignored - named)


def permits(expression, allowed):
    """Whether an SPDX expression can be met with the licences that are allowed. `MIT/Apache-2.0` is the old way to write OR."""
    words = re.findall(r"[()]|[^\s()]+", expression.replace("/", " OR "))

    def either():
        met = both()
        while words and words[0] == "OR":
            words.pop(0)
            met = both() or met
        return met

    def both():
        met = one()
        while words and words[0] == "AND":
            words.pop(0)
            met = one() and met
        return met

    def one():
        word = words.pop(0)
        if word == "(":
            met = either()
            if words.pop(0) != ")":
                raise ValueError(f"{expression!r} is no SPDX expression")
            return met
        if words and words[0] == "WITH":
            word = f"{word} {words.pop(0)} {words.pop(0)}"
        return word in allowed

    met = either()
    if words:
        raise ValueError(f"{expression!r} is no SPDX expression")
    return met
