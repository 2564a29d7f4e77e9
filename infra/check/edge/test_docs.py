"""Links of the README and the docs lead somewhere, and what they tell to run exists."""

import re

import pytest

import test_policies
import test_policy_parts
import test_queries
import test_verify
import test_workflows
from where import ROOT

PAGES = {str(path.relative_to(ROOT)): path for path in [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]}


def prose(text):
    """Without code, in which brackets are no links."""
    return re.sub(r"`[^`\n]*`", lambda code: re.sub(r"[\[\]()]", "", code[0]), re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))


def anchors(text):
    """The names that a page's headings get."""
    found, seen = set(), {}
    for heading in re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S), re.M):
        bare = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", bare.strip().lower()).replace(" ", "-")
        times = seen[slug] = seen.get(slug, -1) + 1
        found.add(slug if times == 0 else f"{slug}-{times}")
    return found


def dead(name, text):
    """The links of a page that lead nowhere."""
    found = []
    for link in re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", prose(text)):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / name).parent / path if path else ROOT / name
        if ":" in link or not target.resolve().is_relative_to(ROOT) or not target.exists():
            found.append(link)
        elif anchor and anchor not in anchors(text if not path else target.read_text()):
            found.append(link)
    return found


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name):
    assert dead(name, PAGES[name].read_text()) == []


def test_a_dead_link_is_seen():
    page = "# One two\n[a](docs/NOTHING.md) [b](#one) [c](docs/ARCHITECTURE.md#nothing) [d](../../etc/passwd) [e](http://example.com)\n"
    assert len(dead("README.md", page)) == 5
    assert dead("README.md", "# One `two`: three\n## One\n## One\n[a](#one-two-three) [b](#one-1) [c](docs/ARCHITECTURE.md#invariants)\n`[x](y)`\n") == []


def strange(text):
    """Targets and commands that a page names and that are not."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    variants = re.findall(r"^    (\w+)(?:\(|,| \{)", (ROOT / "handler/src/cli.rs").read_text().split("enum Command {")[1].split("\n}")[0], re.M)
    commands = {variant.lower() for variant in variants}
    code = " ".join(re.findall(r"```.*?```|`[^`]+`", text, re.DOTALL))
    made = set(re.findall(r"\bmake ([a-z-]+)", code)) - targets
    return made | (set(re.findall(r"(?:^|[`/])handler ([a-z]+)", code)) - commands)


@pytest.mark.parametrize("name", PAGES)
def test_what_is_told_to_be_run_exists(name):
    assert strange(PAGES[name].read_text()) == set()


def test_a_command_that_is_not_is_seen():
    assert strange("`make nothing` and `target/debug/handler frobnicate --all`") == {"nothing", "frobnicate"}


def unguarded(page, sabotage):
    """Guards of a page that the sabotage takes no part of away."""
    taken = [line.split(" ¦ ")[1] for line in sabotage.splitlines() if line.count(" ¦ ") == 3 and not line.startswith("#")]
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| [^|]+ \| [^|]+ \|$", page.split("\n## Guards\n")[1].split("\n## ")[0], re.M)[1:]
    assert len(rows) > 15
    return [guard for guard, where in rows if not any(f"/{part}" in f"/{path}" for part in re.findall(r"`([\w./]+)`", where) for path in taken)]


def test_each_guard_is_taken_away():
    page, sabotage = PAGES["docs/SECURITY.md"].read_text(), (ROOT / "tests/sabotage.sh").read_text()
    assert unguarded(page, sabotage) == []
    assert unguarded(page, re.sub(r"^.*confine\.rs.*\n", "", sabotage, flags=re.M)) == ["Files are read in a child without network or file system"]


def test_each_alert_has_its_page():
    text = PAGES["docs/OPERATIONS.md"].read_text()
    section = text.split("\n## Alerts\n")[1].split("\n## ")[0]
    told = set(re.findall(r"^### ([\w-]+)$", section, re.M))
    alerts = {path.stem for path in (ROOT / "infra/queries").glob("*.kql") if path.read_text().startswith("// Fires on any row")}
    assert told == alerts and len(alerts) == 5
    codes = set(re.findall(r"`(\w+)`", section.split("### errors")[0]))
    watched = set(re.findall(r'"(\w+)"', (ROOT / "infra/queries/security-event.kql").read_text())) - {"security", "401"}
    assert watched <= codes


def test_the_figures_of_what_was_checked_are_true():
    lines = PAGES["docs/CHECKED.md"].read_text().splitlines()
    for row, figures in {
        "| the gateway's policies": [f"{len(test_policies.SEEDED)} faults"],
        "| what the policies do": [f"{len(dict(test_policy_parts.without()))} times"],
        "| the gateway and the service": [f"{len(test_verify.SEEDED)} faults"],
        "| queries, alerts": [f"{len(test_queries.SEEDED)} faults", f"{len(test_queries.FOREIGN)} of names"],
        "| workflows": [f"{len(test_workflows.SEEDED)} faults"],
    }.items():
        [line] = [line for line in lines if line.startswith(row)]
        assert [figure for figure in figures if f" {figure}" not in line] == [], line
