"""Who may do what to which blob: role assignments and their conditions, as Azure evaluates them.

Conditions are the language of https://learn.microsoft.com/azure/role-based-access-control/conditions-format, version 2.0: the
part that has to do with blobs. An attribute or an action that storage does not know is an error, not a condition that never
holds.
"""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass, field

from bicep import Fault
from deploy import Deployment

CONTAINERS = "Microsoft.Storage/storageAccounts/blobServices/containers"
BLOBS = f"{CONTAINERS}/blobs"
DELEGATE = "Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action"
# What the built-in roles allow, as far as it is about blobs: actions, data actions.
BUILT_IN = {
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": ([f"{CONTAINERS}/*", DELEGATE], [f"{BLOBS}/*"]),
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": (
        [f"{CONTAINERS}/delete", f"{CONTAINERS}/read", f"{CONTAINERS}/write", DELEGATE],
        [f"{BLOBS}/{each}" for each in ("delete", "read", "write", "move/action", "add/action")],
    ),
    "db58b8e5-c6ad-4a2a-8342-4190687cbf4a": ([DELEGATE], []),
}
ACTIONS = {f"{BLOBS}/{each}" for each in (
    "read", "write", "add/action", "delete", "deleteBlobVersion/action", "filter/action", "move/action", "tags/read", "tags/write",
)}  # fmt: skip
SUBOPERATIONS = {"Blob.List", "Blob.Write.WithTagHeaders", "Blob.Read.WithTagConditions"}
ATTRIBUTES = {
    "Resource": {f"{CONTAINERS}:name", f"{BLOBS}:path", "tag"},
    "Request": {f"{BLOBS}:prefix", "tag"},
}
TAG = re.compile(re.escape(f"{BLOBS}/tags:") + r"(\w+)<\$key_case_sensitive\$>$")
WORD = re.compile(r"\s*(?:(?P<match>ActionMatches|SubOperationMatches)\{'(?P<of>[^']+)'\}|@(?P<source>\w+)\[(?P<attribute>[^\]]+)\]"
                  r"|'(?P<value>[^']*)'|(?P<word>[A-Za-z]+|!|\(|\)|&&|\|\|))")  # fmt: skip
OPERATORS = {
    "StringEquals": lambda have, want: have == want,
    "StringStartsWith": lambda have, want: have.startswith(want),
    "StringLike": lambda have, want: fnmatch.fnmatchcase(have, re.sub(r"[\[\]]", "?", want)),
}


@dataclass
class Ask:
    """Somebody wants to do something."""

    who: str
    action: str
    container: str
    path: str | None = None
    sub: str | None = None
    tags: dict = field(default_factory=dict)
    prefix: str | None = None
    new_tags: dict = field(default_factory=dict)

    def attribute(self, source: str, name: str) -> str | None:
        if tag := TAG.match(name):
            return (self.tags if source == "Resource" else self.new_tags).get(tag[1])
        return {f"{CONTAINERS}:name": self.container, f"{BLOBS}:path": self.path, f"{BLOBS}:prefix": self.prefix}[name]


class Condition:
    """A condition, ready to be asked.

    Raises Fault for what is not of the language, or names what storage does not know.
    """

    def __init__(self, text: str):
        self.words, at = [], 0
        while text[at:].strip():
            match = WORD.match(text, at)
            if not match:
                raise Fault(f"not a condition: {text[at:].strip()[:60]!r}")
            self.words.append({key: value for key, value in match.groupdict().items() if value is not None})
            at = match.end()
        self.at = 0
        self.tree = self._any()
        if self.at != len(self.words):
            raise Fault(f"a condition goes on after its end: {self.words[self.at]}")

    def holds(self, ask: Ask) -> bool:
        return _holds(self.tree, ask)

    def _word(self, *wanted: str) -> bool:
        if self.at < len(self.words) and self.words[self.at].get("word") in wanted:
            self.at += 1
            return True
        return False

    def _any(self) -> tuple:
        parts = [self._all()]
        while self._word("OR", "||"):
            parts.append(self._all())
        return ("any", parts)

    def _all(self) -> tuple:
        parts = [self._one()]
        while self._word("AND", "&&"):
            parts.append(self._one())
        return ("all", parts)

    def _one(self) -> tuple:
        if self._word("!", "NOT"):
            return ("not", self._one())
        if self._word("("):
            inside = self._any()
            if not self._word(")"):
                raise Fault("a bracket that does not close")
            return inside
        if self.at >= len(self.words):
            raise Fault("a condition ends too soon")
        word = self.words[self.at]
        self.at += 1
        if "match" in word:
            known = ACTIONS if word["match"] == "ActionMatches" else SUBOPERATIONS
            if word["of"] not in known:
                raise Fault(f"storage has no {word['of']}")
            return (word["match"], word["of"])
        if "attribute" not in word:
            raise Fault(f"not a condition: {word}")
        kind = "tag" if TAG.match(word["attribute"]) else word["attribute"]
        if kind not in ATTRIBUTES.get(word["source"], ()):
            raise Fault(f"storage has no @{word['source']}[{word['attribute']}]")
        operator, value = self.words[self.at].get("word"), self.words[self.at + 1].get("value")
        if operator not in OPERATORS or value is None:
            raise Fault(f"no such comparison: {self.words[self.at]} {self.words[self.at + 1]}")
        self.at += 2
        return ("compare", word["source"], word["attribute"], operator, value)


def _holds(tree: tuple, ask: Ask) -> bool:
    kind, *rest = tree
    if kind == "any":
        return any(_holds(each, ask) for each in rest[0])
    if kind == "all":
        return all(_holds(each, ask) for each in rest[0])
    if kind == "not":
        return not _holds(rest[0], ask)
    if kind == "ActionMatches":
        return ask.action == rest[0]
    if kind == "SubOperationMatches":
        return ask.sub == rest[0]
    source, name, operator, value = rest
    have = ask.attribute(source, name)
    return have is not None and OPERATORS[operator](have, value)


def matches(patterns: list[str], action: str) -> bool:
    return any(fnmatch.fnmatchcase(action.lower(), pattern.lower()) for pattern in patterns)


def roles(deployment: Deployment) -> dict[str, tuple[list, list]]:
    """Role definitions by the last part of their id: the built-in ones that touch blobs, and the deployment's own."""
    own = {}
    for role in deployment.of("Microsoft.Authorization/roleDefinitions"):
        allowed = role.body["properties"]["permissions"]
        own[role.name] = ([a for each in allowed for a in each["actions"]], [a for each in allowed for a in each["dataActions"]])
    return BUILT_IN | own


def allowed(deployment: Deployment, account: str, ask: Ask) -> bool:
    """Whether Azure would let it happen: some assignment of theirs, at or above the resource, allows it and its condition holds."""
    known = roles(deployment)
    container = f"{account}/blobServices/default/containers/{ask.container}"
    resource = account if ask.action == DELEGATE else container
    for each in deployment.of("Microsoft.Authorization/roleAssignments"):
        properties = each.body["properties"]
        actions, data_actions = known.get(properties["roleDefinitionId"].split("/")[-1], ([], []))
        if properties["principalId"] != ask.who or not f"{resource}/".startswith(f"{each.scope}/"):
            continue
        if matches(actions, ask.action):
            return True  # Conditions guard data actions alone.
        if matches(data_actions, ask.action):
            condition = properties.get("condition")
            if not condition or Condition(condition).holds(ask):
                return True
    return False
