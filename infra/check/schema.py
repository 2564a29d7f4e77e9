"""Holds a resource against the schema that Azure publishes for its type and version.

The schemas let unknown members pass; this does not. What only Azure knows («…») is of any type.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

from deploy import Resource, unknown

EXPRESSION = "https://schema.management.azure.com/schemas/common/definitions.json#/definitions/expression"
TYPES = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list, "object": dict}


@cache
def _file(path: Path) -> dict:
    return json.loads(path.read_text())


def find(folder: Path, resource: Resource) -> tuple[dict, dict] | None:
    """The resource's schema and the file it is in; None if the folder has none for its type and version."""
    provider, _, kind = resource.type.partition("/")
    for path in sorted(folder.glob(f"{resource.version}_{provider}*.json")):
        file = _file(path)
        for group in [name for name in file if name.lower().endswith("resourcedefinitions")]:
            if found := file[group].get(kind.replace("/", "_")):
                return found, file
    return None


def faults(folder: Path, resource: Resource) -> list[str]:
    """What is wrong with it, a line each. KeyError if there is no schema."""
    found = find(folder, resource)
    if not found:
        raise KeyError(f"{resource.type}@{resource.version}")
    schema, file = found
    # Some schemas mean a child's whole name (`^.*/default$`), others its last part.
    whole = "^.*/" in json.dumps(schema.get("properties", {}).get("name", "^.*/"))
    name = resource.name if whole else resource.name.split("/")[-1]
    body = {**resource.body, "name": name, "type": resource.type, "apiVersion": resource.version}
    return [f"{resource.key} ({resource.file}): {fault}" for fault in check(body, schema, file, "")]


def resolve(schema: dict, file: dict) -> dict:
    while "$ref" in schema:
        schema = file["definitions"][schema["$ref"].split("/")[-1]]
    return schema


def check(value: object, schema: dict, file: dict, at: str) -> list[str]:
    schema = resolve(schema, file)
    for many in ("oneOf", "anyOf"):
        if many in schema:
            choices = [each for each in schema[many] if each.get("$ref") != EXPRESSION]
            return _one(value, [_merge(schema, resolve(each, file), many) for each in choices], file, at)
    if "allOf" in schema:
        return [fault for each in schema["allOf"] for fault in check(value, _merge(schema, resolve(each, file), "allOf"), file, at)]
    if isinstance(value, str) and unknown(value):
        return []
    wanted = schema.get("type")
    if wanted and (not isinstance(value, TYPES[wanted]) or (isinstance(value, bool) and wanted != "boolean")):
        return [f"{at or 'it'} must be of type {wanted}, not {value!r}"]
    return _scalar(value, schema, at) + (_object(value, schema, file, at) if isinstance(value, dict) else []) + (
        [fault for i, each in enumerate(value) for fault in check(each, schema.get("items", {}), file, f"{at}[{i}]")]
        if isinstance(value, list)
        else []
    )


def _merge(outer: dict, inner: dict, many: str) -> dict:
    """A choice, together with what all choices share."""
    shared = {key: value for key, value in outer.items() if key not in (many, "description")}
    merged = {**shared, **inner}
    if "properties" in shared and "properties" in inner:
        merged["properties"] = {**shared["properties"], **inner["properties"]}
    if "required" in shared and "required" in inner:
        merged["required"] = shared["required"] + inner["required"]
    return merged


def _one(value: object, choices: list[dict], file: dict, at: str) -> list[str]:
    if not choices:
        return []
    results = [check(value, choice, file, at) for choice in choices]
    # The choice that the value means is the one whose constants it has; its faults are the ones to tell.
    return min(results, key=lambda found: (sum("must be one of" in fault for fault in found), len(found)))


def _scalar(value: object, schema: dict, at: str) -> list[str]:
    found = []
    allowed = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if allowed and value not in allowed:
        found.append(f"{at} must be one of {allowed}, not {value!r}")
    if isinstance(value, str):
        if "pattern" in schema and not re.search(schema["pattern"], value):
            found.append(f"{at} must match {schema['pattern']}: {value!r}")
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 10**9):
            found.append(f"{at} is too long or too short: {value!r}")
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        if not schema.get("minimum", value) <= value <= schema.get("maximum", value):
            found.append(f"{at} is too large or too small: {value}")
    return found


def _object(value: dict, schema: dict, file: dict, at: str) -> list[str]:
    known, rest = schema.get("properties", {}), schema.get("additionalProperties", False)
    if not known and "additionalProperties" not in schema:
        return []  # An object that the schema says nothing of.
    found = [f"{at}.{name} is needed".lstrip(".") for name in schema.get("required", []) if name not in value]
    for name, each in value.items():
        inside = f"{at}.{name}".lstrip(".")
        if name in known:
            found += check(each, known[name], file, inside)
        elif isinstance(rest, dict):
            found += check(each, rest, file, inside)
        elif rest is False:
            found.append(f"{inside} is no member")
    return found
