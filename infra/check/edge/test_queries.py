"""The queries: right for the tables they read, and reading only what the service sends."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import workbook
from where import INFRA, ROOT

HERE = Path(__file__).parent
QUERIES = {path.stem: path.read_text() for path in sorted((INFRA / "queries").glob("*.kql"))}
CONTRACT = json.loads((INFRA / "queries/telemetry.json").read_text())
PAGES = {path.name: path.read_text() for path in (ROOT / "docs").glob("*.md")}
TOLD = {f"{name} {at}": text for name, page in PAGES.items() for at, text in enumerate(re.findall(r"^```kusto\n(.*?)^```", page, re.M | re.S))}
ALERTS = ("security-event", "errors", "latency", "poison", "throttling")
SCHEMA = json.loads((HERE / "schema.json").read_text())
TABLES = {name: f"{SCHEMA['common']}, {columns}" for name, columns in SCHEMA["tables"].items()}


def analyse(queries):
    """What the Kusto analyser says of each query."""
    node = shutil.which("node")
    assert node, "node is needed for the Kusto analyser"
    asked = json.dumps({"tables": TABLES, "queries": queries})
    answered = subprocess.run([node, HERE / "kql.cjs"], input=asked, capture_output=True, text=True, timeout=120)
    assert answered.returncode == 0, answered.stderr
    return json.loads(answered.stdout)


@pytest.fixture(scope="module")
def said():
    return analyse(QUERIES | TOLD)


def tables_of(text):
    bare = re.sub(r'//.*|@?"[^"]*"', "", text)
    return {name for name in TABLES if re.search(rf"\b{name}\b(?!\s*=)", bare)}


def unknown(text, said):
    """What a query reads of our telemetry that is not in the contract."""
    tables, found = tables_of(text), []
    metrics = {name: metric for name, metric in CONTRACT["metrics"].items() if name in said["literals"]}
    if "customMetrics" in tables and not metrics:
        found.append("no metric of ours")
    found += [name for name in said["literals"] if name.startswith("pool.") and name not in metrics]
    items = [item for item in CONTRACT["items"].values() if item["table"] in tables]
    known = {name for thing in [*items, *metrics.values()] for name in thing["dimensions"]}
    found += [name for name in said["dimensions"] if name not in known]
    if metrics and len(metrics) != 1:
        found.append("more than one metric")
    return found


@pytest.mark.parametrize("name", [*QUERIES, *TOLD])
def test_the_analyser_finds_no_fault(said, name):
    assert said[name]["faults"] == []
    assert said[name]["columns"] and all(kind != "unknown" for _, kind in said[name]["columns"])


@pytest.mark.parametrize("name", [*QUERIES, *TOLD])
def test_a_query_reads_what_the_service_sends(said, name):
    text = (QUERIES | TOLD)[name]
    assert tables_of(text)
    assert unknown(text, said[name]) == []


SEEDED = {
    "no such column": "traces | where duration > 1",
    "no such table": "request | take 1",
    "text compared with a number": "requests | where resultCode >= 400",
    "a dynamic value that is grouped by": "traces | summarize count() by customDimensions.tenantId",
    "no such function": "traces | summarise count()",
    "an open bracket": "traces | summarize count( by message",
}


def test_the_analyser_sees_seeded_faults():
    said = analyse(SEEDED)
    assert [name for name in SEEDED if not said[name]["faults"]] == []


FOREIGN = {
    "a dimension that is not sent": 'customEvents | where customDimensions.tenant_id == "x"',
    "a dimension of another metric": 'customMetrics | where name == "pool.tokens" | summarize sum(value) by tostring(customDimensions.code)',
    "a metric that is not sent": 'customMetrics | where name == "pool.nothing" | summarize sum(value)',
    "any metric": "customMetrics | summarize sum(value)",
}


def test_the_contract_sees_seeded_faults():
    said = analyse(FOREIGN)
    assert [name for name in FOREIGN if not unknown(FOREIGN[name], said[name])] == []


def test_alerts_give_no_row_a_meaning_by_accident():
    """An alert is told over the rule's window, so it must bring none of its own; the others must."""
    for name, text in QUERIES.items():
        windowed = name in ALERTS or name.startswith("workbook-")
        assert ("ago(" in text) is not windowed, name


def test_words_in_queries_are_words_of_the_service(said):
    functions = set(re.findall(r'(?:http|public|job)!\("(\w+)"', (ROOT / "handler/src/functions.rs").read_text()))
    codes = set(re.findall(r'Self::\w+ => "(\w+)"', (ROOT / "handler/pool/src/security.rs").read_text()))
    assert codes == set(CONTRACT["codes"])
    others = {"InProc", "security", "_none", "401", "429", "gateway", "gateway_refused", "upstream", "MaxDequeueCount", "poison", "queue '([a-z0-9-]+-poison)'"}
    for name in QUERIES:
        strange = set(said[name]["literals"]) - functions - codes - set(CONTRACT["metrics"]) - others
        assert not strange, f"{name}: {strange}"
    watched = {word for word in said["security-event"]["literals"] if word in codes}
    assert watched == codes - {"tenant_suspended"}, "suspending a tenant is ours to do; the rest is watched"
    assert "requests" in tables_of(QUERIES["security-event"]) and "401" in said["security-event"]["literals"], "what the gateway refuses, the service never sees"


def test_the_contract_is_whole():
    for thing in [*CONTRACT["items"].values(), *CONTRACT["metrics"].values()]:
        assert "tenantId" in thing["dimensions"] and set(thing["dimensions"]) <= set(CONTRACT["dimensions"])
    for item in CONTRACT["items"].values():
        columns = {column.split(":")[0].strip() for column in TABLES[item["table"]].split(",")}
        assert set(item["columns"]) <= columns
    for metric in ("pool.requests", "pool.request.duration", "pool.tokens", "pool.documents.ingested", "pool.denials"):
        assert metric in CONTRACT["metrics"]


def test_the_workbook_is_made_of_the_queries():
    assert (INFRA / "workbook.json").read_text() == workbook.text()
    shown = {f"workbook-{name}" for name, _, _ in workbook.PANELS}
    assert shown == {name for name in QUERIES if name.startswith("workbook-")}
