"""Writes infra/workbook.json from infra/queries/workbook-*.kql: `python workbook.py`. The committed file is held to it by a test."""

import json

from where import INFRA

PANELS = [
    ("requests", "Requests per tenant", "timechart"),
    ("duration", "How long they take, per tenant", "timechart"),
    ("latency", "Latency per tenant and function", "table"),
    ("tokens", "Tokens per tenant", "table"),
    ("ingested", "Ingested documents per tenant", "table"),
    ("denials", "Denials per tenant and code", "table"),
]


def panel(name, title, visualization):
    content = {
        "version": "KqlItem/1.0",
        "query": (INFRA / f"queries/workbook-{name}.kql").read_text(),
        "size": 0,
        "title": title,
        "timeContextFromParameter": "TimeRange",
        "queryType": 0,
        "resourceType": "microsoft.insights/components",
        "visualization": visualization,
    }
    return {"type": 3, "name": name, "content": content}


def workbook():
    """The workbook, as the portal reads it."""
    durations = [{"durationMs": hours * 3_600_000} for hours in (1, 4, 24, 7 * 24, 30 * 24)]
    time = {
        "id": "6f1b3c52-3a43-4c62-9d5e-9d5f6f0f7f01",
        "version": "KqlParameterItem/1.0",
        "name": "TimeRange",
        "type": 4,
        "isRequired": True,
        "value": {"durationMs": 86_400_000},
        "typeSettings": {"selectableValues": durations},
    }
    parameters = {
        "version": "KqlParameterItem/1.0",
        "parameters": [time],
        "style": "pills",
        "queryType": 0,
        "resourceType": "microsoft.insights/components",
    }
    heading = {"type": 1, "name": "heading", "content": {"json": "# Tenants of the pool\n\nWhat each asked for, got, used and was refused."}}
    items = [heading, {"type": 9, "name": "parameters", "content": parameters}, *(panel(*each) for each in PANELS)]
    return {"version": "Notebook/1.0", "items": items, "isLocked": False, "$schema": "https://github.com/Microsoft/Application-Insights-Workbooks/blob/master/schema/workbook.json"}


def text():
    return json.dumps(workbook(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    (INFRA / "workbook.json").write_text(text())
