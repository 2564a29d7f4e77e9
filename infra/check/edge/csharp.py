"""Policy expressions: the part of C# that our policies use, and nothing more.

A name, member or operator that is not known here is an error, so that a policy cannot say what has not been thought about.
"""

import re

TOKEN = re.compile(
    r'\s*(?:(?P<string>"(?:[^"\\]|\\.)*")|(?P<number>\d+)|(?P<name>[A-Za-z_]\w*)|(?P<sign>\|\||&&|==|!=|<=|>=|[-+?:!<>()\[\],.]))'
)
ESCAPES = {'"': '"', "\\": "\\", "n": "\n", "t": "\t", "r": "\r"}
LEVELS = [["||"], ["&&"], ["==", "!="], ["<", ">", "<=", ">="], ["+", "-"]]
CASTS = ("string", "int", "Jwt")


class Unknown(Exception):
    """The expression says something that is not C#, or not of the part that is known."""


class Fault(Exception):
    """The expression throws, as it would in the gateway."""


def tokens(text):
    """The tokens of an expression: kind and text."""
    at, found = 0, []
    while at < len(text.rstrip()):
        match = TOKEN.match(text, at)
        if not match:
            raise Unknown(f"cannot be read from here: {text[at:]!r}")
        found.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return found + [("end", "")]


def unescape(literal):
    """A string literal's text. C# refuses escapes that it does not know, and so does this."""

    def one(match):
        if match[1] not in ESCAPES:
            raise Unknown(f"{match[0]} is no escape in C#")
        return ESCAPES[match[1]]

    return re.sub(r"\\(.)", one, literal[1:-1])


class Parser:
    """A recursive descent into a tree of tuples, the first of which names the node."""

    def __init__(self, text):
        self.tokens, self.at = tokens(text), 0

    def take(self, *signs):
        kind, text = self.tokens[self.at]
        if kind == "sign" and text in signs:
            self.at += 1
            return text
        return None

    def need(self, sign):
        if not self.take(sign):
            raise Unknown(f"`{sign}` is missing before {self.tokens[self.at][1]!r}")

    def whole(self):
        tree = self.choice()
        if self.tokens[self.at][0] != "end":
            raise Unknown(f"{self.tokens[self.at][1]!r} is too much")
        return tree

    def choice(self):
        condition = self.binary(0)
        if not self.take("?"):
            return condition
        then = self.choice()
        self.need(":")
        return ("choice", condition, then, self.choice())

    def binary(self, level):
        if level == len(LEVELS):
            return self.unary()
        left = self.binary(level + 1)
        while sign := self.take(*LEVELS[level]):
            left = ("binary", sign, left, self.binary(level + 1))
        return left

    def unary(self):
        if self.take("!"):
            return ("not", self.unary())
        (_, first), (kind, name), (_, last) = (self.tokens + [("end", "")] * 2)[self.at : self.at + 3]
        if first == "(" and kind == "name" and name in CASTS and last == ")":
            self.at += 3
            return ("cast", name, self.unary())
        return self.postfix(self.primary())

    def primary(self):
        kind, text = self.tokens[self.at]
        self.at += 1
        if kind == "string":
            return ("literal", unescape(text))
        if kind == "number":
            return ("literal", int(text))
        if kind == "name" and text == "new":
            _, name = self.tokens[self.at]
            self.at += 1
            self.need("(")
            return ("new", name, self.arguments(")"))
        if kind == "name" and text in ("true", "false"):
            return ("literal", text == "true")
        if kind == "name":
            return ("name", text)
        if text == "(":
            tree = self.choice()
            self.need(")")
            return tree
        raise Unknown(f"{text!r} begins no expression")

    def arguments(self, end):
        found = []
        if self.take(end):
            return found
        found.append(self.choice())
        while self.take(","):
            found.append(self.choice())
        self.need(end)
        return found

    def postfix(self, tree):
        while sign := self.take(".", "[", "("):
            if sign == ".":
                kind, name = self.tokens[self.at]
                if kind != "name":
                    raise Unknown(f"{name!r} is no member")
                self.at += 1
                tree = ("member", tree, name)
            elif sign == "[":
                tree = ("index", tree, self.arguments("]"))
            else:
                tree = ("call", tree, self.arguments(")"))
        return tree


def evaluate(tree, names):
    """The value of a tree, where `names` holds what the names stand for."""
    kind, *rest = tree
    value = lambda part: evaluate(part, names)  # noqa: E731
    if kind == "literal":
        return rest[0]
    if kind == "name":
        if rest[0] not in names:
            raise Unknown(f"`{rest[0]}` is not known")
        return names[rest[0]]
    if kind == "choice":
        return value(rest[1]) if boolean(value(rest[0])) else value(rest[2])
    if kind == "not":
        return not boolean(value(rest[0]))
    if kind == "cast":
        return cast(rest[0], value(rest[1]))
    if kind == "new":
        if rest[0] not in names:
            raise Unknown(f"`new {rest[0]}` is not known")
        return names[rest[0]](*map(value, rest[1]))
    if kind == "member":
        return member(value(rest[0]), rest[1])
    if kind == "index":
        return value(rest[0]).index(*map(value, rest[1]))
    if kind == "call":
        return value(rest[0])(*map(value, rest[1]))
    return binary(rest[0], rest[1], rest[2], value)


def binary(sign, left, right, value):
    if sign in ("||", "&&"):
        first = boolean(value(left))
        return first if first == (sign == "||") else boolean(value(right))
    left, right = value(left), value(right)
    if sign == "+" and (isinstance(left, str) or isinstance(right, str)):
        return ("" if left is None else str(left)) + ("" if right is None else str(right))
    if sign in ("==", "!="):
        if left is not None and right is not None and type(left) is not type(right):
            raise Unknown(f"{left!r} and {right!r} are of two types")
        return (left == right) == (sign == "==")
    if type(left) is not int or type(right) is not int:
        raise Unknown(f"`{sign}` takes numbers, not {left!r} and {right!r}")
    operations = {"<": left < right, ">": left > right, "<=": left <= right, ">=": left >= right, "+": left + right, "-": left - right}
    return operations[sign]


def boolean(value):
    if not isinstance(value, bool):
        raise Unknown(f"{value!r} is no bool")
    return value


def cast(name, value):
    types = {"string": str, "int": int}
    good = type(value).__name__ == name if name == "Jwt" else type(value) is types[name]
    if not good:
        raise Fault(f"{value!r} is no {name}")
    return value


def member(value, name):
    """A member of a value: of text and numbers what is listed here, of our own objects what they call public."""
    if isinstance(value, str):
        methods = {"Replace": value.replace, "StartsWith": value.startswith, "ToString": lambda: value, "Length": len(value)}
        if name in methods:
            return methods[name]
    elif type(value) is int and name == "ToString":
        return lambda: str(value)
    elif name in getattr(value, "public", ()):
        return getattr(value, name)
    raise Unknown(f"{type(value).__name__} has no member `{name}` that is known")


def run(text, names):
    """The value of `@(…)`.

    Raises Unknown where the expression is not understood, and Fault where it throws.
    """
    if not (text.startswith("@(") and text.endswith(")")):
        raise Unknown(f"{text!r} is no expression of one line")
    return evaluate(Parser(text[2:-1]).whole(), names)
