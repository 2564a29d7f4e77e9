"""A gateway that runs the policies that we use, on requests of our making.

An element or attribute that is not known here is an error: what the table of tests says must have been evaluated, not skipped.
"""

import copy
import json
import re
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from lxml import etree

import tokens
from csharp import Fault, Unknown, run


class Fields:
    """Headers, or parameters of a query: names without regard to case, several values each."""

    public = ("GetValueOrDefault", "ContainsKey")

    def __init__(self, values=()):
        self.values = {name.lower(): [value] for name, value in dict(values).items()}

    def GetValueOrDefault(self, name, default=None):
        return ",".join(self.values.get(name.lower(), [])) or default

    def ContainsKey(self, name):
        return name.lower() in self.values

    def set(self, name, action, values):
        name = name.lower()
        if any("\n" in value or "\r" in value for value in values):
            raise Fault(f"{name} would break its line")
        if action == "delete":
            self.values.pop(name, None)
        elif action == "override" or (action == "skip" and name not in self.values):
            self.values[name] = list(values)
        elif action == "append":
            self.values.setdefault(name, []).extend(values)
        elif action != "skip":
            raise Unknown(f"exists-action {action!r}")


@dataclass
class Request:
    """What a client sends. `Operation` is what the gateway has matched it to."""

    public = ("Headers", "Method", "IpAddress")
    operation: str
    Headers: Fields = field(default_factory=Fields)
    query: Fields = field(default_factory=Fields)
    Method: str = "GET"
    IpAddress: str = "203.0.113.7"


@dataclass
class Response:
    """What a client, or the gateway, is answered."""

    public = ("StatusCode", "Headers")
    StatusCode: int = 200
    Headers: Fields = field(default_factory=Fields)
    body: str = ""


class PolicyError(Exception):
    """What `context.LastError` tells."""

    public = ("Source", "Reason", "Message")

    def __init__(self, source, reason):
        super().__init__(f"{source}: {reason}")
        self.Source, self.Reason, self.Message = source, reason, "a text that callers must not see"


class Returned(Exception):
    """`return-response` ends the pipeline."""


class Plain:
    """An object of the gateway: the members that are given, all public."""

    def __init__(self, **members):
        self.__dict__.update(members, public=tuple(members))


class Variables(dict):
    public = ("ContainsKey", "GetValueOrDefault")

    def index(self, name):
        if name not in self:
            raise Fault(f"there is no variable {name}")
        return self[name]

    def ContainsKey(self, name):
        return name in self

    def GetValueOrDefault(self, name, default=None):
        return self.get(name, default)


class Jwt:
    """A token that was found good."""

    public = ("Claims",)

    def __init__(self, claims):
        texts = {name: value if isinstance(value, list) else [value] for name, value in claims.items()}
        self.Claims = Fields()
        # Names of claims are exact.
        self.Claims.GetValueOrDefault = lambda name, default=None: ",".join(map(str, texts.get(name, []))) or default


JObject = lambda *properties: Plain(ToString=lambda: json.dumps(dict(properties)))  # noqa: E731


def property_of(name, value):
    return name, value


def is_match(text, pattern):
    """.NET's `$` is Python's; its `\\z` is Python's `\\Z`."""
    return re.search(pattern.replace("\\z", "\\Z"), text) is not None


REGEX = Plain(IsMatch=is_match)
CONVERT = Plain(ToInt64=int)


def parse(text, values):
    """A policy document with its named values filled in."""

    def one(match):
        if match[1] not in values:
            raise Unknown(f"there is no named value {match[1]}")
        return escape(str(values[match[1]]), {'"': "&quot;", "'": "&apos;"})

    parser = etree.XMLParser(resolve_entities=False, remove_comments=True, remove_blank_text=True)
    return etree.fromstring(re.sub(r"\{\{([^}]*)\}\}", one, text), parser)


def effective(*documents):
    """The sections of documents from the widest scope to the narrowest, each in the place of the next one's `<base />`."""
    sections = {name: [] for name in ("inbound", "backend", "outbound", "on-error")}
    for document in documents:
        for name, outer in sections.items():
            inner = document.find(name)
            if inner is not None:
                spliced = []
                for element in inner:
                    spliced.extend(map(copy.copy, outer) if element.tag == "base" else [element])
                sections[name] = spliced
    return sections


class Gateway:
    """Runs policies. `issuers` maps the URL of a discovery document to the keys it leads to; `backend` answers requests."""

    def __init__(self, sections, issuers, backend, clock):
        self.sections, self.issuers, self.backend, self.clock = sections, issuers, backend, clock
        self.calls = {}

    def answer(self, request):
        """The answer to a request; `forwarded` is what the backend was asked, if it was."""
        self.request, self.forwarded, self.response, self.variables = request, None, Response(), Variables()
        self.error = None
        try:
            for name in ("inbound", "backend", "outbound"):
                self.headers = self.response.Headers if name == "outbound" else request.Headers
                self.run(self.sections[name])
        except Returned:
            pass
        except (PolicyError, Fault) as fault:
            self.error = fault if isinstance(fault, PolicyError) else PolicyError("expression", "ExpressionValueEvaluationFailure")
            try:
                self.run(self.sections["on-error"])
                raise Unknown("on-error answers nothing")
            except Returned:
                pass
        return self.response

    def run(self, elements):
        for element in elements:
            name = element.tag.replace("-", "_")
            if not hasattr(Policies, name):
                raise Unknown(f"<{element.tag}> is no policy that is known")
            getattr(Policies, name)(self, element, Attributes(self, element))

    def value(self, text):
        return run(text, self.names()) if text.startswith("@") else text

    def names(self):
        context = Plain(
            Request=self.request,
            Response=self.response,
            Variables=self.variables,
            LastError=self.error,
            Operation=Plain(Id=self.request.operation),
            RequestId="3f2504e0-4f89-11d3-9a0c-0305e82c3301",
        )
        return {"context": context, "Regex": REGEX, "Convert": CONVERT, "JObject": JObject, "JProperty": property_of}


class Attributes:
    """The attributes of an element. All of them must be asked for."""

    def __init__(self, gateway, element):
        self.gateway, self.element, self.left = gateway, element, dict(element.attrib)

    def take(self, name, default=None):
        return self.gateway.value(self.left.pop(name)) if name in self.left else default

    def end(self):
        if self.left:
            raise Unknown(f"<{self.element.tag}> has {', '.join(self.left)}")


class Policies:
    """The policies, by their names."""

    def set_header(self, element, attributes, target=None):
        target = target or self.headers
        name, action = attributes.take("name"), attributes.take("exists-action", "override")
        attributes.end()
        target.set(name, action, [self.value(value.text or "") for value in element] if action != "delete" else [])

    def set_query_parameter(self, element, attributes):
        Policies.set_header(self, element, attributes, self.request.query)

    def set_variable(self, _element, attributes):
        self.variables[attributes.take("name")] = attributes.take("value")
        attributes.end()

    def choose(self, element, _attributes):
        for branch in element:
            condition = True if branch.tag == "otherwise" else self.value(branch.get("condition"))
            if not isinstance(condition, bool):
                raise Unknown(f"{branch.get('condition')} is no condition")
            if condition:
                return self.run(branch)

    def return_response(self, element, _attributes):
        self.response = Response()
        self.headers = self.response.Headers
        for part in element:
            attributes = Attributes(self, part)
            if part.tag == "set-status":
                self.response.StatusCode = int(attributes.take("code"))
                attributes.take("reason")
                attributes.end()
            elif part.tag == "set-header":
                Policies.set_header(self, part, attributes)
            elif part.tag == "set-body":
                self.response.body = self.value(part.text.strip())
            else:
                raise Unknown(f"<{part.tag}> in <return-response>")
        raise Returned

    def rate_limit_by_key(self, _element, attributes):
        calls, period = int(attributes.take("calls")), int(attributes.take("renewal-period"))
        key, variable = attributes.take("counter-key"), attributes.take("retry-after-variable-name")
        for name in ("remaining-calls-header-name", "total-calls-header-name"):
            attributes.take(name)
        attributes.end()
        if self.calls.setdefault(key, (calls, period, []))[:2] != (calls, period):
            raise Unknown(f"two limits on one key: {key}")
        times = self.calls[key][2]
        now = self.clock()
        times[:] = [time for time in times if time > now - period]
        if len(times) >= calls:
            self.variables[variable] = max(1, int(times[0] + period - now))
            raise PolicyError("rate-limit-by-key", "RateLimitExceeded")
        times.append(now)

    def validate_jwt(self, element, attributes):
        variable = attributes.take("output-token-variable-name")
        value = self.request.Headers.GetValueOrDefault(attributes.take("header-name"), "")
        try:
            self.variables[variable] = Jwt(tokens.claims(value, element, attributes, self.issuers))
        except tokens.Refused as refused:
            raise PolicyError("validate-jwt", str(refused)) from None

    def forward_request(self, _element, attributes):
        self.buffered = attributes.take("buffer-response", "true") == "true"
        if attributes.take("follow-redirects", "false") != "false":
            raise Unknown("a redirect that is followed")
        attributes.take("timeout")
        attributes.end()
        self.response = self.backend(self.request)
        self.forwarded = copy.deepcopy(self.request)
