"""The gateway's policies: well formed, true to the schemas, and doing what they are for."""

import json
import re
import sys
import time

import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from lxml import etree

import gateway
from csharp import Parser, Unknown, run
from where import INFRA, ROOT, foreign

sys.path.append(str(INFRA / "check"))
from deploy import Deployment  # noqa: E402

VALUES = {
    "tenant-claim": "extension_tenantId",
    "openid-config-url": "https://login.example/.well-known/openid-configuration",
    "api-audience": "api://pooled",
    "token-issuer": "https://login.example/",
    "rate-calls": 100,
    "rate-burst": 20,
    "address-calls": 1200,
    "function-key": "the-key-of-the-function-app",
}
API, STREAM = ((INFRA / "policies" / name).read_text() for name in ("api.xml", "stream.xml"))
TABLE = (ROOT / "handler/src/functions.rs").read_text()
KEYS = {kid: rsa.generate_private_key(65537, 2048) for kid in ("good", "stranger")}


def jwk(kid):
    return json.loads(pyjwt.algorithms.RSAAlgorithm.to_jwk(KEYS[kid].public_key())) | {"kid": kid, "alg": "RS256"}


ISSUERS = {VALUES["openid-config-url"]: {"issuer": "https://login.example/", "keys": [jwk("good")]}}


def token(key="good", kid="good", **changed):
    claims = {"iss": "https://login.example/", "aud": "api://pooled", "exp": time.time() + 600, "sub": "alice", "extension_tenantId": "contoso"}
    claims = {name: value for name, value in (claims | changed).items() if value is not None}
    return {"Authorization": "Bearer " + pyjwt.encode(claims, KEYS[key], "RS256", {"kid": kid})}


BANNERS = ("Server", "X-Powered-By", "X-AspNet-Version", "Request-Context")


class World:
    """A gateway, with a backend that remembers nothing and a clock that stands still."""

    def __init__(self, api=None, operation=None, values=VALUES):
        self.now = 1_000.0
        documents = [gateway.parse(text, values) for text in (api or API, operation) if text]
        self.gateway = gateway.Gateway(gateway.effective(*documents), ISSUERS, self.backend, lambda: self.now)
        self.broken = None

    def backend(self, _request):
        if self.broken:
            raise gateway.PolicyError("forward-request", self.broken)
        return gateway.Response(200, gateway.Fields({name: "x" for name in BANNERS} | {"X-Request-ID": "the service's"}), "{}")

    def send(self, operation="agents-list", headers=(), query=(), address="203.0.113.7"):
        request = gateway.Request(operation, gateway.Fields(headers), gateway.Fields(query), IpAddress=address)
        return self.gateway.answer(request), self.gateway.forwarded


def header(thing, name):
    return thing.Headers.GetValueOrDefault(name)


GUARDS = {
    "Cache-Control": "no-store", "Content-Security-Policy": "default-src 'self'", "Content-Type": "application/problem+json",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "X-XSS-Protection": "0",
}  # fmt: skip


def problem(response, status, kind):
    """What the gateway answers by itself is a problem, with the headers that the service gives its own."""
    assert response.StatusCode == status and {name: header(response, name) for name in GUARDS} == GUARDS
    told = json.loads(response.body)
    assert (told["type"], told["status"], told["instance"]) == (f"urn:pooled-agents:problem:{kind}", status, header(response, "X-Request-ID"))
    assert "must not see" not in response.body
    return header(response, "Retry-After"), header(response, "WWW-Authenticate")


REFUSED = {
    "no token": ({}, "Bearer"),
    "another scheme": ({"Authorization": token()["Authorization"].replace("Bearer", "Token")}, None),
    "not a token": ({"Authorization": "Bearer x.y.z"}, None),
    "no signature": ({"Authorization": "Bearer " + pyjwt.encode({"aud": "api://pooled"}, "", "none")}, None),
    "a stranger's key, our key's name": (token(key="stranger"), None),
    "a stranger's key": (token("stranger", "stranger"), None),
    "another audience": (token(aud="api://other"), None),
    "no audience": (token(aud=None), None),
    "another issuer": (token(iss="https://login.example.evil/"), None),
    "expired": (token(exp=time.time() - 120), None),
    "without end": (token(exp=None), None),
    "no tenant": (token(extension_tenantId=None), None),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_token_is_401_and_goes_no_further(case):
    headers, challenge = REFUSED[case]
    response, forwarded = World().send(headers=headers | {"x-tenant-id": "contoso"})
    assert forwarded is None
    assert problem(response, 401, "unauthenticated") == (None, challenge or 'Bearer error="invalid_token"')


def test_a_good_token_goes_on_with_the_tenant_of_its_claim():
    response, forwarded = World().send(headers=token())
    assert response.StatusCode == 200
    assert header(forwarded, "x-tenant-id") == "contoso"
    assert header(forwarded, "x-functions-key") == VALUES["function-key"]
    assert header(forwarded, "authorization").startswith("Bearer ")
    assert not [name for name in BANNERS if header(response, name)]
    assert World().send(headers=token(exp=time.time() - 30))[0].StatusCode == 200, "clocks differ by a minute, as they may for the service"


def test_more_issuers_are_believed_where_they_are_given():
    """The policy as connect.bicep makes it."""
    second = {"issuer": "https://b.example/", "audience": "api://b", "discovery_url": "https://b.example/.well-known/openid-configuration"}

    def policy(issuers):
        found = Deployment(INFRA / "connect.bicep", {"appName": "func", "gatewayName": "apim", "topicName": "evgt", "issuers": issuers})
        return next(each for each in found.resources if each.key == "policy").body["properties"]["value"]

    assert policy([]) == API
    world = World(policy([second]))
    world.gateway.issuers = ISSUERS | {second["discovery_url"]: {"issuer": second["issuer"], "keys": [jwk("stranger")]}}
    theirs = token("stranger", "stranger", iss=second["issuer"], aud="api://b", extension_tenantId="fabrikam")
    response, forwarded = world.send(headers=theirs)
    assert response.StatusCode == 200 and header(forwarded, "x-tenant-id") == "fabrikam"
    assert world.send(headers=token())[0].StatusCode == 200
    assert world.send(headers=token("stranger", "stranger", iss="https://c.example/", aud="api://b"))[0].StatusCode == 401
    assert World().send(headers=theirs)[0].StatusCode == 401, "not where they are not given"
    assert faults(policy([second])) == []


def test_what_only_the_gateway_says_cannot_be_said_by_a_caller():
    spoofed = {"X-Tenant-ID": "fabrikam", "x-functions-key": "guess", "X-MS-CLIENT-PRINCIPAL": "e30=", "x-ms-client-principal-id": "root",
               "x-ms-client-principal-name": "root", "x-ms-client-principal-idp": "aad"}  # fmt: skip
    for operation in ("agents-list", "health"):
        headers = spoofed | (token() if operation != "health" else {})
        response, forwarded = World().send(operation, headers, {"code": "guess", "limit": "5"})
        assert response.StatusCode == 200
        assert header(forwarded, "x-tenant-id") == (None if operation == "health" else "contoso")
        assert header(forwarded, "x-functions-key") == VALUES["function-key"]
        assert not [name for name in forwarded.Headers.values if name.startswith("x-ms-client")]
        assert forwarded.query.values == {"limit": ["5"]}


def test_a_claim_that_would_break_a_header_is_no_way_in():
    response, forwarded = World().send(headers=token(extension_tenantId="contoso\r\nx-functions-key: a"))
    assert response.StatusCode == 500 and forwarded is None
    _, forwarded = World().send(headers=token(extension_tenantId=["contoso", "fabrikam"]))
    assert header(forwarded, "x-tenant-id") == "contoso,fabrikam", "a name that no directory has"


def test_public_operations_are_those_of_the_table():
    public = re.findall(r'^\s+public!\("(\w+)"', TABLE, re.M)
    others = re.findall(r'^\s+http!\("(\w+)"', TABLE, re.M)
    assert len(public) == 3 and len(others) > 30
    for spelling in (lambda name: name, lambda name: name.replace("_", "-")):
        for name in public:
            assert World().send(spelling(name))[0].StatusCode == 200, name
        for name in others:
            assert World().send(spelling(name))[0].StatusCode == 401, name


def test_a_tenants_rate_is_its_own():
    world = World()
    assert [world.send(headers=token())[0].StatusCode for _ in range(21)] == [200] * 20 + [429]
    response, forwarded = world.send(headers=token())
    assert forwarded is None and problem(response, 429, "too-many-requests") == ("1", None)
    assert world.send(headers=token(extension_tenantId="fabrikam"))[0].StatusCode == 200

    statuses = []
    for _ in range(120):
        world.now += 0.3
        statuses.append(world.send(headers=token(extension_tenantId="northwind"))[0].StatusCode)
    assert statuses.count(200) == 100, "a hundred a minute, and never twenty at once"
    assert header(world.send(headers=token(extension_tenantId="northwind"))[0], "Retry-After") == "24"
    world.now += 60
    assert world.send(headers=token())[0].StatusCode == 200

    public = [world.send("health")[0] for _ in range(101)]
    assert [each.StatusCode for each in public] == [200] * 100 + [429] and header(public[-1], "Retry-After") == "60"
    assert world.send("health", address="203.0.113.8")[0].StatusCode == 200


def test_who_guesses_tokens_is_held_by_address():
    world = World()
    assert [world.send(headers=REFUSED["a stranger's key"][0])[0].StatusCode for _ in range(1201)] == [401] * 1200 + [429]
    response, forwarded = world.send(headers=token())
    assert response.StatusCode == 429 and forwarded is None and header(response, "Retry-After") == "60"
    assert world.send(address="203.0.113.8")[0].StatusCode == 401, "another address"
    world.now += 61
    assert world.send(headers=token())[0].StatusCode == 200


LIMITS = {"agents-create": 1_048_576 + 65_536, "files-create": 104_857_600 + 1_048_576}


@pytest.mark.parametrize("operation", LIMITS)
def test_what_says_that_it_is_too_large_is_413(operation):
    limit = LIMITS[operation]
    assert World().send(operation, token() | {"Content-Length": str(limit)})[0].StatusCode == 200
    response, forwarded = World().send(operation, token() | {"Content-Length": str(limit + 1)})
    assert forwarded is None
    problem(response, 413, "too-large")
    assert World().send(operation, {"Content-Length": str(limit + 1)})[0].StatusCode == 401, "a stranger learns no limit"


def test_the_limits_are_the_services():
    json_limit = re.search(r"MAX_JSON: usize = ([\d *+]+);", (ROOT / "handler/src/call.rs").read_text())[1]
    file_limit = re.search(r'"MAX_FILE_BYTES", "(\d+)"', (ROOT / "handler/src/config.rs").read_text())[1]
    assert LIMITS["agents-create"] == eval(json_limit, {}) and LIMITS["files-create"] >= int(file_limit) + 65_536


def test_a_request_id_is_kept_if_it_is_decent_and_told_everywhere():
    for given, kept in (("client-id-12345", True), ("short", False), ('x"}{x"}{', False), ("a" * 65, False)):
        response, forwarded = World().send(headers=token() | {"X-Request-ID": given})
        assert (header(forwarded, "x-request-id") == given) is kept
        assert header(response, "x-request-id") == header(forwarded, "x-request-id")
        refused, _ = World().send(headers={"X-Request-ID": given})
        assert (header(refused, "x-request-id") == given) is kept


FAULTS_OF_THE_BACKEND = [("BackendConnectionFailure", 503), ("Timeout", 503), ("SomethingElse", 500)]


@pytest.mark.parametrize("reason, status", FAULTS_OF_THE_BACKEND)
def test_a_fault_of_the_backend_is_a_problem_too(reason, status):
    world = World()
    world.broken = reason
    response, _ = world.send(headers=token())
    assert problem(response, status, "unavailable" if status == 503 else "internal") == ("2" if status == 503 else None, None)


def test_what_is_no_operation_is_a_problem_too():
    """Then no policy has run: there is not even an id of the request."""
    response = World().gateway.fail(gateway.Request("none"), gateway.PolicyError("configuration", "OperationNotFound"))
    assert problem(response, 404, "not-found") == (None, None)


def test_problems_are_the_services_own():
    types = dict((name, (int(status), title)) for status, name, title in re.findall(r'\((\d+), "([\w-]+)", "([^"]+)"\)', (ROOT / "handler/src/problem.rs").read_text()))
    for part in gateway.parse(API, VALUES).iter("when", "otherwise"):
        said = {variable.get("name"): variable.get("value") for variable in part if variable.tag == "set-variable"}
        if "problem" in said:
            assert types[said["problem"]] == (int(said["status"][2:-1]), said["title"])
    assert types["too-large"] == (413, "The body is too large") and "The body is too large" in API


def test_streams_are_not_buffered_and_keep_every_rule():
    world = World(operation=STREAM)
    response, forwarded = world.send("runs-create", token() | {"x-tenant-id": "fabrikam"})
    assert response.StatusCode == 200 and header(forwarded, "x-tenant-id") == "contoso" and not world.gateway.buffered
    assert world.send("runs-create")[0].StatusCode == 401
    plain = World()
    plain.send(headers=token())
    assert plain.gateway.buffered
    streaming = re.findall(r'^\s+http!\("(\w+)".*, (?:OneOrEvents\(.*|Events|Bytes), "', TABLE, re.M)
    listed = re.search(r"names them: ([\w ,-]+)\.", STREAM)[1].split(", ")
    assert listed == sorted(name.replace("_", "-") for name in streaming) and len(listed) == 5


# The schemas.


def schema():
    return etree.XMLSchema(etree.parse(foreign("schemas/apim-policy/policies.xsd")))


def faults(text, values=VALUES):
    """What the schemas say of a document: `choose` and `return-response` let anything in, so what is in them is looked at by itself."""
    document, rules, found = gateway.parse(text, values), schema(), []
    inner = [part for parent in document.iter("when", "otherwise", "return-response") for part in parent]
    for element in [document, *inner]:
        alone = etree.ElementTree(etree.fromstring(etree.tostring(element)))
        if not rules.validate(alone):
            found.extend(f"{fault.line}: {fault.message}" for fault in rules.error_log)
    for element in document.iter():
        for text in [*element.attrib.values(), (element.text or "").strip()]:
            if text.startswith("@"):
                try:
                    Parser(text[2:-1]).whole()
                except Unknown as fault:
                    found.append(f"<{element.tag}>: {fault}")
    return found


@pytest.mark.parametrize("text", [API, STREAM])
def test_the_policies_are_true_to_the_schemas(text):
    assert faults(text) == []


@pytest.mark.parametrize("text", [API, STREAM])
def test_both_forms_of_import_read_the_same(text):
    """`xml` decodes entities and `rawxml` does not, so there are none."""
    assert "&" not in text


SEEDED = {
    "an attribute that is not": ('clock-skew="60"', 'clock-skews="60"'),
    "a number that is none": ("{{rate-calls}}", "many"),
    "an element that is not, in a branch": ("<rate-limit-by-key calls", "<rate-limit-by-keys calls"),
    "an action that is not": ('name="Server" exists-action="delete"', 'name="Server" exists-action="remove"'),
    "a status that is none": ('code="413"', 'code="big"'),
    "half an expression": ('== "openapi")', '== "openapi"'),
    "an escape that C# does not have": ("\\\\z", "\\z"),
}


@pytest.mark.parametrize("seed", SEEDED)
def test_the_schemas_see(seed):
    before, after = SEEDED[seed]
    assert before in API
    assert faults(API.replace(before, after)) != []


def test_the_evaluator_passes_over_nothing():
    names = {"context": gateway.Plain(Request=gateway.Request("health"))}
    for text in ("@(context.Request.Url)", "@(context.Nothing)", "@(1 + )", '@("a" == 1)', "@(unknown)", "@{ return 1; }"):
        with pytest.raises(Unknown):
            run(text, names)
    for before, after in [('<set-variable name="operation"', '<trace source="x" /><set-variable name="operation"'), ('timeout="230"', 'timeout="230" http-version="2"')]:
        with pytest.raises(Unknown):
            World(API.replace(before, after)).send(headers=token())
    with pytest.raises(Unknown):
        World(values={name: value for name, value in VALUES.items() if name != "rate-burst"})
    with pytest.raises(Unknown):
        World(API.replace('@("burst:" +', '@("minute:" +')).send(headers=token())
