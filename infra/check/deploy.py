"""Works out what a deployment would make: every resource, with its name, its properties and what it waits for.

What only Azure knows, such as a principal's id, stands as «text»; all else is worked out.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from bicep import Declared, Fault, File, read

SUBSCRIPTION = "00000000-0000-0000-0000-00000000000a"
DIRECTORY = "00000000-0000-0000-0000-00000000000d"
TYPES = {"string": str, "int": int, "bool": bool, "array": list, "object": dict}


def runtime(text: str) -> str:
    return f"«{text}»"


def unknown(value: object) -> bool:
    """Whether only Azure knows it, or a part of it."""
    return isinstance(value, str) and "«" in value


@dataclass
class Resource:
    """A resource, or one round of a loop over it."""

    key: str
    type: str
    version: str
    name: str
    scope: str
    file: str
    body: dict
    made: bool
    needs: set[str] = field(default_factory=set)

    @property
    def id(self) -> str:
        provider, *kinds = self.type.split("/")
        names = self.name.split("/")
        path = "/".join(part for pair in zip(kinds, names) for part in pair)
        if self.type == "Microsoft.Resources/resourceGroups":
            return f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{self.name}"
        return f"{self.scope}/providers/{provider}/{path}"

    def member(self, name: str) -> object:
        if name in ("id", "name", "type"):
            return {"id": self.id, "name": self.name.split("/")[-1], "type": self.type}[name]
        if name in ("properties", "identity"):
            return Later(f"{self.key}.{name}")
        raise Fault(f"{self.file}: a resource has no member {name}")


class Later(str):
    """Members of what only Azure knows."""

    def __new__(cls, path: str):
        return super().__new__(cls, runtime(path))

    def member(self, name: str) -> object:
        return Later(f"{self[1:-1]}.{name}")


@dataclass
class Module:
    key: str
    outputs: dict

    def member(self, name: str) -> object:
        if name != "outputs":
            raise Fault(f"{self.key}: a module has no member {name}")
        return self.outputs


class Deployment:
    """All resources of a file and of the modules in it, and its outputs; of a file of parameters, these as outputs."""

    def __init__(self, path: Path, parameters: dict, environment: dict | None = None):
        self.environment = environment or {}
        self.resources: list[Resource] = []
        self.files: set[Path] = set()
        self.outputs = Scope(self, read(path), parameters, "", f"/subscriptions/{SUBSCRIPTION}", set()).run()

    def waits(self, key: str) -> set[str]:
        """All that must be there before: resources' keys."""
        needs = {resource.key: resource.needs for resource in self.resources}
        seen: set[str] = set()
        open_ = set(needs[key])
        while open_:
            wanted = open_.pop()
            for name in [k for k in needs if k == wanted or k.startswith((f"{wanted}[", f"{wanted}/"))]:
                if name not in seen:
                    seen.add(name)
                    open_ |= needs[name]
        return seen

    def of(self, kind: str) -> list[Resource]:
        return [resource for resource in self.resources if resource.type == kind and resource.made]


class Scope:
    """One file, with its parameters."""

    def __init__(self, deployment: Deployment, file: File, given: dict, prefix: str, scope: str, needs: set[str]):
        self.deployment, self.file, self.prefix, self.scope, self.before = deployment, file, prefix, scope, needs
        self.values: dict[str, object] = {}
        self.uses: dict[str, set[str]] = {}
        self.given = given
        self.needs: set[str] = set()
        deployment.files.add(file.path)
        params = {n for n, d in file.declared.items() if d.kind == "param"}
        for name in given:
            if name not in params:
                raise Fault(f"{file.path.name}: there is no parameter {name}")

    def run(self) -> dict:
        if self.file.scope == "parameters":
            return {name: self.work(declared.value, {}) for name, declared in self.file.declared.items()}
        for name, declared in self.file.declared.items():
            self.name(name, declared.line, use=False)
        outputs = {name: self.work(declared.value, {}) for name, declared in self.file.outputs.items()}
        spoken_of = {name for each in [*self.file.declared.values(), *self.file.outputs.values()] for name in mentions(each.value)}
        for name, declared in self.file.declared.items():
            if declared.kind in ("param", "var") and name not in spoken_of:
                raise Fault(f"{self.file.path.name}:{declared.line}: {name} is not used")
        return outputs

    def name(self, name: str, line: int, use: bool = True) -> object:
        declared = self.file.declared.get(name)
        if not declared:
            raise Fault(f"{self.file.path.name}:{line}: nothing is called {name}")
        if name not in self.values:
            outer, self.needs = self.needs, set()
            self.values[name] = self.declare(declared)
            self.uses[name], self.needs = self.needs, outer
        if use:
            self.needs |= {self.prefix + name} if declared.kind in ("resource", "module") else self.uses[name]
        return self.values[name]

    def declare(self, declared: Declared) -> object:
        if declared.kind == "param":
            return self.parameter(declared)
        if declared.kind == "var":
            return self.work(declared.value, {})
        if declared.value[0] == "for":
            _, item, index, over, body = declared.value
            rounds = self.work(over, {})
            shared = set(self.needs)
            found = []
            for at, each in enumerate(rounds):
                self.needs = set(shared)
                found.append(self.make(declared, body, {item: each, index: at}, f"[{at}]"))
            return found
        return self.make(declared, declared.value, {}, "")

    def parameter(self, declared: Declared) -> object:
        where = f"{self.file.path.name}:{declared.line}: {declared.name}"
        if declared.name in self.given:
            value = self.given[declared.name]
        elif declared.value is not None:
            value = self.work(declared.value, {})
        else:
            raise Fault(f"{where} is needed")
        rules = {name: [self.work(each, {}) for each in arguments] for name, arguments in declared.decorators.items()}
        wanted = TYPES[declared.type]
        if not unknown(value):
            if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
                raise Fault(f"{where} must be of type {declared.type}")
            size = value if isinstance(value, int) else len(value)
            low = rules.get("minValue", rules.get("minLength", [0]))[0]
            high = rules.get("maxValue", rules.get("maxLength", [10**9]))[0]
            if not low <= size <= high or value not in rules.get("allowed", [[value]])[0]:
                raise Fault(f"{where} breaks a rule: {value!r}")
        return value

    def late(self, tree: object) -> bool:
        """Whether it is known only when something of this file has been deployed."""
        if not isinstance(tree, (tuple, list)):
            return False
        if tree[:1] == ("call",) and tree[1] == "listKeys":
            return True
        if tree[:1] == ("name",) and (named := self.file.declared.get(tree[1])) and named.kind == "var":
            return self.late(named.value)
        if tree[:1] == ("member",) and tree[1][0] == "name" and tree[2] in [("string", [each]) for each in ("properties", "identity", "outputs")]:
            named = self.file.declared.get(tree[1][1])
            return named is not None and named.kind in ("resource", "module")
        return any(self.late(each) for each in tree)

    def make(self, declared: Declared, tree: tuple, names: dict, suffix: str) -> object:
        made = True
        needed_at_once = [declared.value[3]] if declared.value[0] == "for" else []
        needed_at_once += [tree[1]] if tree[0] == "when" else []
        members = dict((key[1][0], value) for key, value in (tree[2] if tree[0] == "when" else tree)[1])
        needed_at_once += [members[name] for name in ("name", "scope", "parent") if name in members]
        if any(self.late(each) for each in needed_at_once):
            raise Fault(f"{self.file.path.name}:{declared.line}: {declared.name} is named after what is known only later")
        if tree[0] == "when":
            made, tree = self.work(tree[1], names), tree[2]
        # A resource that is not made is named all the same, for others speak of its id.
        body = self.work(tree, names)
        key = self.prefix + declared.name + suffix
        body.pop("dependsOn", None)  # Working it out has noted whom it names.
        scope = body.pop("scope", None)
        if declared.kind == "module":
            del body["name"]
            return self.module(declared, key, body.get("params", {}), scope, made)
        kind, _, version = declared.type.partition("@")
        parent = body.pop("parent", None)
        name = body.get("name")
        if not isinstance(name, str):
            raise Fault(f"{key}: a resource's name must be text")
        resource = Resource(
            key, kind, version, f"{parent.name}/{name}" if parent else name,
            scope.id if isinstance(scope, Resource) else parent.scope if parent else self.scope,
            self.file.path.name, body, made and not declared.existing,
            {need for need in self.needs if need != self.prefix + declared.name} | self.before,
        )  # fmt: skip
        if resource.name.count("/") != kind.count("/") - 1:
            raise Fault(f"{key}: {resource.name} has too many or too few parts for {kind}")
        self.deployment.resources.append(resource)
        return resource

    def module(self, declared: Declared, key: str, params: dict, scope: object, made: bool) -> Module:
        path = self.file.path.parent / declared.type
        if not path.exists():
            raise Fault(f"{self.file.path.name}:{declared.line}: there is no {declared.type}")
        inside = scope.id if isinstance(scope, Resource) else self.scope
        needs = {need for need in self.needs if need != self.prefix + declared.name} | self.before
        if not made:
            return Module(key, {})
        return Module(key, Scope(self.deployment, read(path), params, f"{key}/", inside, needs).run())

    def work(self, tree: tuple, names: dict) -> object:
        kind, *rest = tree
        if kind == "value":
            return rest[0]
        if kind == "string":
            parts = [part if isinstance(part, str) else self.work(part, names) for part in rest[0]]
            return parts[0] if len(parts) == 1 and isinstance(parts[0], str) else "".join(text(part) for part in parts)
        if kind == "name":
            return names[rest[0]] if rest[0] in names else self.name(rest[0], rest[1])
        if kind == "object":
            pairs = [(self.work(key, names), self.work(value, names)) for key, value in rest[0]]
            if len(dict(pairs)) != len(pairs):
                raise Fault(f"{self.file.path.name}: a member twice: {[key for key, _ in pairs]}")
            return dict(pairs)
        if kind == "array":
            return [self.work(each, names) for each in rest[0]]
        if kind == "for":
            item, index, over, body = rest
            return [self.work(body, {**names, item: each, index: at}) for at, each in enumerate(self.work(over, names))]
        if kind == "if":
            return self.work(rest[1] if self.work(rest[0], names) else rest[2], names)
        if kind == "not":
            return not self.work(rest[0], names)
        if kind == "minus":
            return -self.work(rest[0], names)
        if kind == "lambda":
            return lambda each: self.work(rest[1], {**names, rest[0]: each})
        if kind == "operator":
            return self.operator(rest[0], rest[1], rest[2], names)
        if kind == "member":
            return self.member(self.work(rest[0], names), self.work(rest[1], names), rest[2])
        if kind == "call":
            return self.call(rest[0], [self.work(each, names) for each in rest[1]], rest[2])
        raise Fault(f"{self.file.path.name}: {kind} is not known here")

    def member(self, value: object, name: object, safe: bool) -> object:
        if isinstance(value, (Resource, Module, Later)):
            return value.member(name)
        if unknown(value):
            return Later(f"{value.strip('«»')}.{name}")
        if isinstance(value, dict):
            if name not in value and not safe:
                raise Fault(f"{self.file.path.name}: there is no {name}")
            return value.get(name)
        if isinstance(value, list) and isinstance(name, int):
            return value[name]
        raise Fault(f"{self.file.path.name}: {value!r} has no member {name}")

    def operator(self, operator: str, left: tuple, right: tuple, names: dict) -> object:
        first = self.work(left, names)
        if operator == "??":
            return first if first is not None else self.work(right, names)
        if operator == "&&":
            return first and self.work(right, names)
        if operator == "||":
            return first or self.work(right, names)
        second = self.work(right, names)
        simple = {"==": lambda: first == second, "!=": lambda: first != second, "+": lambda: first + second}
        if operator not in simple:
            raise Fault(f"{self.file.path.name}: {operator} is not known here")
        return simple[operator]()

    def call(self, name: str, arguments: list, line: int) -> object:
        known = FUNCTIONS.get(name)
        if not known:
            raise Fault(f"{self.file.path.name}:{line}: {name}() is not known here")
        return known(self, *arguments)

    def load(self, name: str) -> str:
        path = self.file.path.parent / name
        if not path.exists():
            raise Fault(f"{self.file.path.name}: there is no {name}")
        self.deployment.files.add(path)
        return path.read_text()


def mentions(tree: object) -> set[str]:
    """The names in a tree."""
    if isinstance(tree, tuple) and tree[:1] == ("name",):
        return {tree[1]}
    inside = tree if isinstance(tree, (tuple, list)) else []
    return {name for each in inside for name in mentions(each)}


def text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else value if isinstance(value, str) else json.dumps(value)


def _text_content(scope: Scope, name: str) -> str:
    found = scope.load(name)
    if len(found) > 131_072:
        raise Fault(f"{name}: loadTextContent takes 131072 characters at most")
    return found


def _environment(scope: Scope, name: str, default: str | None = None) -> str:
    if name not in scope.deployment.environment and default is None:
        raise Fault(f"{name} is needed in the environment")
    return scope.deployment.environment.get(name, default)


def _resource_id(scope: Scope, kind: str, *names: str) -> str:
    return Resource("", kind, "", "/".join(names), scope.scope, "", {}, False).id


# The functions of Bicep that infra/ calls.
FUNCTIONS = {
    "loadJsonContent": lambda scope, name: json.loads(scope.load(name)),
    "loadTextContent": _text_content,
    "readEnvironmentVariable": _environment,
    "uniqueString": lambda _, *seeds: hashlib.sha256("-".join(seeds).encode()).hexdigest()[:13],
    "guid": lambda _, *seeds: str(uuid.uuid5(uuid.NAMESPACE_URL, "-".join(seeds))),
    "subscription": lambda _: {"id": f"/subscriptions/{SUBSCRIPTION}", "tenantId": DIRECTORY},
    "tenant": lambda _: {"tenantId": DIRECTORY},
    "resourceGroup": lambda scope: {"id": scope.scope, "location": "westeurope"},
    "environment": lambda _: {"suffixes": {"storage": "core.windows.net", "keyvaultDns": ".vault.azure.net"}},
    "resourceId": _resource_id,
    "subscriptionResourceId": lambda _, kind, *names: Resource(
        "", kind, "", "/".join(names), f"/subscriptions/{SUBSCRIPTION}", "", {}, False
    ).id,
    "listKeys": lambda _, resource, version: Later(f"listKeys({resource}, {version})"),
    "string": lambda _, value: text(value),
    "replace": lambda _, value, old, new: value.replace(old, new),
    "contains": lambda _, values, value: value in values,
    "startsWith": lambda _, value, start: value.startswith(start),
    "json": lambda _, value: json.loads(value),
    "join": lambda _, values, by: by.join(values),
    "int": lambda _, value: int(value),
    "split": lambda _, value, by: value.split(by),
    "filter": lambda _, values, keep: [each for each in values if keep(each)],
    "empty": lambda _, value: not value,
    "union": lambda _, *values: {key: value for each in values for key, value in each.items()},
    "concat": lambda _, *values: [item for each in values for item in each],
    "map": lambda _, values, each: [each(value) for value in values],
    "toObject": lambda _, values, key, value: {key(each): value(each) for each in values},
}
