"""`handler verify`, as the pipeline runs it: through the gateway's policies, against a running service."""

import json
import re
import subprocess
import time

import pytest

import gateway
import proxy
from where import ROOT

HANDLER = ROOT / "target/debug/handler"
VALUES = {
    "tenant-claim": "extension_tenantId",
    "openid-config-url": "https://dev.pooled-agents.invalid/.well-known/openid-configuration",
    "api-audience": "api://pooled-agents-dev",
    "token-issuer": "https://dev.pooled-agents.invalid/",
    # As in an environment for trying: thousands of questions, at once.
    "rate-calls": 1_000_000,
    "rate-burst": 1_000_000,
    "address-calls": 1_000_000,
    "function-key": "the-key-of-the-function-app",
}


def document(name):
    return gateway.parse((ROOT / "infra/policies" / name).read_text(), VALUES)


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """A service on this machine: its port, and its folder."""
    subprocess.run(["cargo", "build", "--locked", "-q", "-p", "handler"], cwd=ROOT, check=True)
    state = tmp_path_factory.mktemp("state")
    with open(state / "log", "w+") as log:
        process = subprocess.Popen([HANDLER, "dev", "--port", "0", "--state", state], stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + 60
            while not (ready := re.search(r"ready http://127.0.0.1:(\d+)/api", (state / "log").read_text())):
                assert process.poll() is None and time.monotonic() < deadline, (state / "log").read_text()
                time.sleep(0.05)
            yield int(ready[1]), state
        finally:
            process.terminate()
            process.wait(20)


@pytest.fixture
def through(service):
    """Makes gateways before the service."""
    port, state = service
    openapi = json.loads(subprocess.run([HANDLER, "openapi"], check=True, capture_output=True).stdout)
    streams = {"files-content", "runs-create", "runs-create-alias", "runs-events", "runs-submit"}

    def make(api):
        keys = json.loads((state / "jwks.json").read_text())["keys"]
        issuers = {VALUES["openid-config-url"]: {"issuer": VALUES["token-issuer"], "keys": keys}}
        return proxy.Server(("127.0.0.1", port), openapi, api, document("stream.xml"), streams, issuers, time.monotonic)

    return make


def verify(url, state, *options):
    """How `handler verify` ends, which checks failed, which passed, and what it prints."""
    output = state / "verify.json"
    command = [HANDLER, "verify", url, "--state", state, "--format", "json", "--output", output, *options]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=900)
    checks = json.loads(output.read_text())["checks"]
    ids = {outcome: {check["id"] for check in checks if check["outcome"] == outcome} for outcome in ("passed", "failed", "not run")}
    return ended.returncode, ids, ended.stdout + ended.stderr


def test_the_gateway_and_the_service_hold_together(service, through):
    let_be = re.search(r"(--may-not-run) ([\w. -]+)", (ROOT / ".github/workflows/deploy.yml").read_text())
    let_be = [let_be[1], *let_be[2].split()]
    with through(document("api.xml")) as server:
        assert subprocess.run([HANDLER, "health", "--url", f"{server.url}/api/health/ready"]).returncode == 0
        code, ids, told = verify(server.url, service[1], *let_be)
    assert code == 0 and not ids["failed"], told
    assert ids["not run"] == set(let_be[1:]) and len(ids["passed"]) == 38


SEEDED = {
    "no challenge": ('name="WWW-Authenticate"', 'name="X-Nothing"', "token.challenge"),
    "answers of the gateway that do not bind browsers": ('name="Content-Security-Policy"', 'name="X-Nothing"', "headers.security"),
    "a banner": ('<set-header name="X-Powered-By" exists-action="delete" />', '<set-header name="X-Powered-By"><value>gateway</value></set-header>', "headers.banner"),
    "a refusal that is no problem": ("application/problem+json", "application/json", "errors.text"),
}


@pytest.mark.parametrize("seed", SEEDED)
def test_a_gateway_with_a_fault_fails_the_pipeline(service, through, seed):
    before, after, check = SEEDED[seed]
    text = (ROOT / "infra/policies/api.xml").read_text()
    assert before in text
    with through(gateway.parse(text.replace(before, after), VALUES)) as server:
        code, ids, told = verify(server.url, service[1], "--only", check)
    assert code == 1 and ids["failed"] == {check}, told
