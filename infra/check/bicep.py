"""Reads Bicep: the part of the language that infra/ is written in.

A second reader, pycep, must agree that every file is Bicep; but its tree does not tell the text 'a' from the name a, nor
keep the precedence of operators, so that nothing can be worked out from it. Anything that this reader does not know is an
error, never passed over.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

TOKEN = re.compile(
    r"""(?P<space>[ \t\r]+|//[^\n]*|/\*.*?\*/|\#[^\n]*)
    |(?P<newline>\n)
    |(?P<multi>'''(?:\n)?(?:.|\n)*?''')
    |(?P<string>')
    |(?P<int>\d+)
    |(?P<name>[A-Za-z_]\w*)
    |(?P<op>=>|==|!=|<=|>=|=~|!~|&&|\|\||\?\?|::|\.\?|\[\?|[-+*/%<>!?:=.,()\[\]{}@|])""",
    re.X | re.S,
)
LEVELS = [["??"], ["||"], ["&&"], ["==", "!=", "=~", "!~"], ["<", "<=", ">", ">="], ["+", "-"], ["*", "/", "%"]]


class Fault(Exception):
    """Something is wrong with a file; the text says where and what."""


@dataclass
class Declared:
    """A statement: `kind` is param, var, resource, module or output."""

    kind: str
    name: str
    value: tuple | None
    line: int
    type: str = ""
    existing: bool = False
    decorators: dict = field(default_factory=dict)


@dataclass
class File:
    path: Path
    scope: str
    declared: dict[str, Declared]
    outputs: dict[str, Declared]


def tokens(text: str, where: str) -> list[tuple[str, object, int]]:
    found, at, line = [], 0, 1
    while at < len(text):
        match = TOKEN.match(text, at)
        if not match:
            raise Fault(f"{where}:{line}: not Bicep: {text[at:at + 20]!r}")
        kind = match.lastgroup
        if kind == "string":
            parts, at = _string(text, at + 1, f"{where}:{line}")
            found.append(("string", parts, line))
            continue
        if kind == "multi":
            body = match.group()[3:-3]
            found.append(("string", [body.removeprefix("\n")], line))
        elif kind != "space":
            found.append((kind, match.group(), line))
        line += match.group().count("\n")
        at = match.end()
    return [*found, ("newline", "\n", line), ("end", "", line)]


def _string(text: str, at: int, where: str) -> tuple[list, int]:
    """The parts of a string from behind its quote: text, or an expression's tree."""
    parts, plain = [], ""
    while True:
        char = text[at : at + 1]
        if char in ("", "\n"):
            raise Fault(f"{where}: a string that does not end")
        if char == "'":
            return ([*parts, plain] if plain or not parts else parts), at + 1
        if char == "\\":
            escape = text[at + 1]
            known = {"n": "\n", "r": "\r", "t": "\t", "'": "'", "\\": "\\", "$": "$"}
            if escape not in known:
                raise Fault(f"{where}: no such escape: \\{escape}")
            plain += known[escape]
            at += 2
        elif text.startswith("${", at):
            depth, end = 1, at + 2
            while depth:
                if end >= len(text):
                    raise Fault(f"{where}: a string that does not end")
                depth += {"{": 1, "}": -1}.get(text[end], 0)
                end += 1
            reader = Reader(tokens(text[at + 2 : end - 1], where), where)
            inner = reader.expression()
            reader.need("\n")
            parts += [plain, inner] if plain else [inner]
            plain, at = "", end
        else:
            plain += char
            at += 1


class Reader:
    """Recursive descent over the tokens."""

    def __init__(self, found: list, where: str):
        self.found, self.at, self.where = found, 0, where

    def peek(self) -> object:
        return self.found[self.at][1] if self.found[self.at][0] in ("op", "newline", "end", "name") else None

    def line(self) -> int:
        return self.found[self.at][2]

    def take(self, *wanted: str) -> bool:
        if self.peek() in wanted and self.found[self.at][0] in ("op", "newline", "name"):
            self.at += 1
            return True
        return False

    def need(self, wanted: str):
        if not self.take(wanted):
            raise Fault(f"{self.where}:{self.line()}: {wanted!r} is expected, not {self.found[self.at][1]!r}")

    def kind(self, kind: str):
        token = self.found[self.at]
        if token[0] != kind:
            raise Fault(f"{self.where}:{token[2]}: {kind} is expected, not {token[1]!r}")
        self.at += 1
        return token[1]

    def lines(self):
        while self.take("\n"):
            pass

    def text(self) -> str:
        parts = self.kind("string")
        if any(not isinstance(part, str) for part in parts):
            raise Fault(f"{self.where}:{self.line()}: plain text is expected")
        return "".join(parts)

    def expression(self) -> tuple:
        first = self.operators(0)
        mark = self.at
        self.lines()
        if self.take("?"):
            self.lines()
            yes = self.expression()
            self.lines()
            self.need(":")
            self.lines()
            return ("if", first, yes, self.expression())
        self.at = mark
        return first

    def operators(self, level: int) -> tuple:
        if level == len(LEVELS):
            return self.unary()
        left = self.operators(level + 1)
        while self.peek() in LEVELS[level]:
            operator = self.peek()
            self.at += 1
            self.lines()
            left = ("operator", operator, left, self.operators(level + 1))
        return left

    def unary(self) -> tuple:
        if self.take("!"):
            return ("not", self.unary())
        if self.take("-"):
            return ("minus", self.unary())
        value = self.primary()
        while True:
            safe = self.peek() in (".?", "[?")
            if self.take(".", ".?"):
                value = ("member", value, ("string", [self.kind("name")]), safe)
            elif self.take("[", "[?"):
                value = ("member", value, self.expression(), safe)
                self.need("]")
            elif self.peek() == "!" and self.found[self.at + 1][1] in (".", "[", "\n", ")", ","):
                self.at += 1
            else:
                return value

    def arguments(self) -> list:
        found = []
        self.lines()
        while not self.take(")"):
            found.append(self.expression())
            self.lines()
            if not self.take(","):
                self.need(")")
                break
            self.lines()
        return found

    def primary(self) -> tuple:
        kind, value, line = self.found[self.at]
        if kind == "string":
            self.at += 1
            return ("string", value)
        if kind == "int":
            self.at += 1
            return ("value", int(value))
        if kind == "name":
            self.at += 1
            if value in ("true", "false", "null"):
                return ("value", {"true": True, "false": False, "null": None}[value])
            if self.take("=>"):
                return ("lambda", value, self.expression())
            if self.take("("):
                return ("call", value, self.arguments(), line)
            return ("name", value, line)
        if self.take("("):
            self.lines()
            inner = self.expression()
            self.lines()
            self.need(")")
            return inner
        if self.take("{"):
            return self.object()
        if self.take("["):
            return self.array()
        raise Fault(f"{self.where}:{line}: a value is expected, not {value!r}")

    def object(self) -> tuple:
        members = []
        while True:
            while self.take("\n", ","):
                pass
            if self.take("}"):
                return ("object", members)
            key = ("string", self.kind("string")) if self.found[self.at][0] == "string" else ("string", [self.kind("name")])
            self.need(":")
            members.append((key, self.expression()))
            self.apart("}")

    def array(self) -> tuple:
        self.lines()
        if self.take("for"):
            item, index = None, None
            if self.take("("):
                item = self.kind("name")
                self.need(",")
                index = self.kind("name")
                self.need(")")
            else:
                item = self.kind("name")
            self.need("in")
            over = self.expression()
            self.need(":")
            self.lines()
            body = self.conditional()
            self.lines()
            self.need("]")
            return ("for", item, index, over, body)
        items = []
        while True:
            while self.take("\n", ","):
                pass
            if self.take("]"):
                return ("array", items)
            items.append(self.expression())
            self.apart("]")

    def apart(self, end: str):
        """Members and items have a line each, or a comma between."""
        if self.peek() not in ("\n", ",", end):
            self.need(",")

    def conditional(self) -> tuple:
        if self.take("if"):
            self.need("(")
            condition = self.expression()
            self.need(")")
            return ("when", condition, self.expression())
        return self.expression()


def read(path: Path) -> File:
    """Reads a file.

    Raises Fault with the line where it is not Bicep, or not the Bicep that is known here.
    """
    reader = Reader(tokens(path.read_text(), path.name), path.name)
    file = File(path, "resourceGroup", {}, {})
    decorators: dict = {}
    while True:
        reader.lines()
        if reader.found[reader.at][0] == "end":
            return file
        line = reader.line()
        if reader.take("@"):
            name = reader.kind("name")
            reader.need("(")
            decorators[name] = reader.arguments()
            continue
        word = reader.kind("name")
        if word in ("targetScope", "using"):
            reader.take("=")
            text = reader.text()
            file.scope = text if word == "targetScope" else "parameters"
            continue
        if word not in ("param", "var", "resource", "module", "output"):
            raise Fault(f"{path.name}:{line}: no such statement: {word}")
        declared = Declared(word, reader.kind("name"), None, line, decorators=decorators)
        decorators = {}
        if word in ("param", "output") and file.scope != "parameters":
            declared.type = reader.kind("name")
            while reader.take("["):
                reader.need("]")
                declared.type = "array"
        if word in ("resource", "module"):
            declared.type = reader.text()
            declared.existing = reader.take("existing")
        if reader.take("="):
            declared.value = reader.conditional()
        elif word != "param":
            reader.need("=")
        reader.need("\n")
        names = file.outputs if word == "output" else file.declared
        if declared.name in names:
            raise Fault(f"{path.name}:{line}: {declared.name} is declared twice")
        names[declared.name] = declared
