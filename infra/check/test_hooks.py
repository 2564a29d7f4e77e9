"""The hooks of azd, run with a stand-in for every program that would leave this machine."""

import base64
import json
import os
import re
import shutil
import subprocess

import pytest
import yaml

from given import INFRA, ROOT, TENANTS, deployment

HOOKS = INFRA / "hooks"
# Answers as az and curl do, writes down each command line, and keeps what it is given to store.
PROGRAM = r"""#!/usr/bin/env python3
import json, os, sys
from pathlib import Path
folder, name, words = Path(os.environ["FAKE"]), Path(sys.argv[0]).name, sys.argv[1:]
with open(folder / "calls", "a") as calls:
    calls.write(json.dumps([name, *words]) + "\n")
def option(wanted):
    return words[words.index(wanted) + 1]
if (folder / "deaf").exists() and name == "az" and words[0] not in ("login", "account"):
    left = int((folder / "deaf").read_text()) - 1
    (folder / "deaf").unlink() if left < 1 else (folder / "deaf").write_text(str(left))
    sys.exit(1)
if name == "curl" and "--data" not in words:
    (folder / "asked").write_text(Path(option("--config")).read_text())
    Path(option("--output")).write_text(os.environ.get("SAID", '{"value": "fresh-assertion"}'))
elif words[:1] == ["login"]:
    with open(folder / "logins", "a") as logins:
        logins.write(Path(option("--federated-token")[1:]).read_text() + "\n")
elif name == "curl":
    (folder / "header").write_text(Path(option("--config")).read_text())
    with open(folder / "rows", "a") as rows:
        rows.write(option("--data") + "\n")
    status, body = json.loads((folder / "status").read_text()) if (folder / "status").exists() else (200, [])
    Path(option("--output")).write_text(json.dumps(body))
    print(status, end="")
elif words[:3] == ["keyvault", "secret", "list"]:
    print("\n".join(path.name for path in (folder / "vault").glob("*")))
elif words[:3] == ["keyvault", "secret", "set"]:
    (folder / "vault" / option("--name")).write_text(Path(option("--file")).read_text())
elif words[:3] == ["deployment", "group", "show"]:
    tenant = option("--name").removeprefix("tenant-")
    print(json.dumps({"clientId": {"value": f"client-{tenant}"}, "principalId": {"value": f"principal-{tenant}"},
                      "vaultName": {"value": "kv-own" if tenant == "fabrikam" else ""}}))
elif words[:2] == ["account", "show"]:
    sys.exit(1 if os.environ.get("SIGNED_OUT") else 0)
elif words[:2] == ["account", "get-access-token"]:
    print("very-secret-token")
elif words[:3] == ["search", "service", "show"]:
    print("/subscriptions/s/providers/Microsoft.Search/searchServices/srch")
elif words[:2] == ["functionapp", "show"]:
    print("/subscriptions/s/providers/Microsoft.Web/sites/func")
"""


class Azure:
    """A folder with the stand-ins, and what they were asked."""

    def __init__(self, folder):
        for program in ("bash", "jq"):
            if not shutil.which(program):
                pytest.fail(f"{program} is not installed") if os.environ.get("CI") else pytest.skip(f"not run: needs {program}")
        self.folder, self.programs = folder, folder / "bin"
        (folder / "vault").mkdir()
        self.programs.mkdir()
        for name in ("az", "curl", "sleep"):
            (self.programs / name).write_text(PROGRAM)
            (self.programs / name).chmod(0o755)
        self.lists(TENANTS)

    def lists(self, tenants: object):
        (self.folder / "tenants.json").write_text(tenants if isinstance(tenants, str) else json.dumps(tenants))

    def run(self, hook: str, **changed: str) -> subprocess.CompletedProcess:
        environment = {
            "PATH": f"{self.programs}:{os.environ['PATH']}", "FAKE": str(self.folder), "TENANTS": str(self.folder / "tenants.json"),
            "AZURE_RESOURCE_GROUP": "rg", "SERVICE_API_NAME": "func", "VAULT_NAME": "kv", "EVENT_TOPIC_NAME": "evgt", "GATEWAY_NAME": "apim", "SEARCH_NAME": "srch",
            "AZURE_SUBSCRIPTION_ID": "sub", "COSMOS_ENDPOINT": "https://c.documents.azure.com/", "COSMOS_DATABASE": "pool", "TRIES": "3", **changed,
        }  # fmt: skip
        return subprocess.run([HOOKS / hook], env=environment, capture_output=True, text=True, timeout=60)

    def calls(self, *first: str) -> list[list[str]]:
        path = self.folder / "calls"
        calls = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [call for call in calls if call[: len(first)] == list(first)]


@pytest.fixture
def azure(tmp_path):
    return Azure(tmp_path)


EVIL = ["ab", "a" * 41, "Contoso", "con_toso", "-contoso", "contoso-", "con--toso", "contoso eu", "contoso\n", "contoso\nfabrikam", "$(touch x)",
        "`id`", "a;id", "a'b'c", 'a"b"c', "../contoso", "--query", "ｃontoso", "cöntoso", "contoso\u0000", "*", "",
        "uploads", "deployments", "dead-events", "blob-events", "ingest", "runs", "runs-poison", "uploads-poison", "azure-webjobs-hosts", "azure-webjobs-secrets", None, 7, ["contoso"], {"a": 1}]  # fmt: skip


@pytest.mark.parametrize("hook", ["preprovision.sh", "postdeploy.sh"])
def test_what_is_no_tenants_name_goes_no_further(azure, hook):
    for name in EVIL:
        azure.lists([{"id": "contoso"}, {"id": name}])
        done = azure.run(hook)
        assert done.returncode == 1, f"{name!r}: {done}"
    for text in ["{}", "7", "", "[{}]", '[{"id": "contoso"}, {"id": "contoso"}]', "[", '["contoso"]']:
        azure.lists(text)
        assert azure.run(hook).returncode == 1, text
    assert not azure.calls(), "something was done all the same"


def test_legal_names_go_on(azure):
    assert azure.run("preprovision.sh", AZURE_SUBSCRIPTION_ID="").returncode == 0, "azd may not know it yet"
    for tenants in ([], [{"id": "abc"}], [{"id": "a" * 40}, {"id": "a1-b2-c3"}]):
        azure.lists(tenants)
        done = azure.run("preprovision.sh")
        assert done.returncode == 0, done


def test_keys_are_made_once_and_are_in_no_command_line(azure):
    (azure.folder / "deaf").write_text("2")  # The right to the vault comes late.
    done = azure.run("postprovision.sh")
    assert done.returncode == 0, done
    vault = {path.name: path.read_text() for path in (azure.folder / "vault").iterdir()}
    assert set(vault) == {"seal-keys", "naming-key"}
    name, _, key = vault["seal-keys"].partition(":")
    assert re.fullmatch(r"k\d{8}[0-9a-f]{6}", name) and len(name) <= 16
    assert {len(base64.b64decode(each, validate=True)) for each in (key, vault["naming-key"])} == {32}
    assert key != vault["naming-key"]
    told = (azure.folder / "calls").read_text() + done.stdout + done.stderr
    assert key not in told and vault["naming-key"] not in told
    assert azure.calls("az", "rest")[0][-5].endswith("/config/configreferences/appsettings/refresh?api-version=2022-03-01")
    assert azure.run("postprovision.sh").returncode == 0
    assert vault == {path.name: path.read_text() for path in (azure.folder / "vault").iterdir()}


def test_two_keys_of_one_day_have_two_names(azure):
    names = set()
    for _ in range(3):
        assert azure.run("postprovision.sh").returncode == 0
        secret = azure.folder / "vault" / "seal-keys"
        names.add(secret.read_text().partition(":")[0])
        secret.unlink()
    assert len(names) == 3


HOOKS_OF_AZURE = pytest.mark.parametrize("hook", ["postprovision.sh", "postdeploy.sh"])
GITHUB = {"ACTIONS_ID_TOKEN_REQUEST_URL": "https://github.example/?v=1", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "request-token", "AZURE_CLIENT_ID": "client", "AZURE_TENANT_ID": "directory"}


@HOOKS_OF_AZURE
def test_a_workflow_shows_azure_a_new_assertion_before_anything_else(azure, hook):
    done = azure.run(hook, **GITHUB)
    assert done.returncode == 0, done
    assert (azure.folder / "logins").read_text() == "fresh-assertion\n"
    assert (azure.folder / "asked").read_text() == 'header = "authorization: bearer request-token"\n'
    asked, login = azure.calls()[:2]
    assert asked[-1] == "https://github.example/?v=1&audience=api%3A%2F%2FAzureADTokenExchange"
    assert login[:3] == ["az", "login", "--service-principal"] and {"client", "directory"} <= set(login)
    told = (azure.folder / "calls").read_text() + done.stdout + done.stderr
    assert "fresh-assertion" not in told and "request-token" not in told
    if hook == "postdeploy.sh":
        calls = azure.calls("az")
        token = next(at for at, call in enumerate(calls) if call[1:3] == ["account", "get-access-token"])
        assert token < next(at for at, call in enumerate(calls) if call[1] == "deployment"), "while the assertion is young"


@HOOKS_OF_AZURE
@pytest.mark.parametrize("said", ["", "{}", "[]", '{"value": null}', "<html>"])
def test_a_workflow_that_github_does_not_know_goes_no_further(azure, hook, said):
    done = azure.run(hook, SAID=said, **GITHUB)
    assert done.returncode == 1 and "GitHub says nothing of this workflow" in done.stderr
    assert not azure.calls("az")


@HOOKS_OF_AZURE
def test_everything_is_asked_of_the_subscription_that_azd_works_in(azure, hook):
    assert azure.run(hook, **GITHUB).returncode == 0
    calls = [call for call in azure.calls("az") if call[1] != "login"]
    assert len(calls) > 3 and all(call[-2:] == ["--subscription", "sub"] for call in calls)
    assert azure.run(hook, AZURE_SUBSCRIPTION_ID="").returncode == 1


@pytest.mark.parametrize("hook", ["preprovision.sh", "postprovision.sh", "postdeploy.sh"])
def test_who_is_not_signed_in_is_told_to(azure, hook):
    done = azure.run(hook, SIGNED_OUT="1")
    assert done.returncode == 1 and "run az login" in done.stderr
    assert [call[1:3] for call in azure.calls("az")] == [["account", "show"]]


def test_a_vault_that_cannot_be_read_is_no_empty_vault(azure):
    (azure.folder / "deaf").write_text("99")
    done = azure.run("postprovision.sh")
    assert done.returncode == 1 and "the right to write secrets did not come" in done.stderr
    assert not list((azure.folder / "vault").iterdir())


def test_tenants_are_written_as_the_service_reads_them(azure):
    done = azure.run("postdeploy.sh")
    assert done.returncode == 0, done
    assert azure.calls("az", "deployment", "group", "create")[0][7] == "connect"
    batches = [json.loads(line) for line in (azure.folder / "rows").read_text().splitlines()]
    assert all(each["operationType"] == "Create" for batch in batches for each in batch)
    written = [[each["resourceBody"] for each in batch] for batch in batches]
    names = [tenant["id"] for tenant in TENANTS]
    assert [claim for _, claim in written] == [{"id": f"container:{name}", "kind": "tenant", "tenant": name} for name in names]
    assert [(tenant["id"], tenant["kind"]) for tenant, _ in written] == [(f"tenant:{name}", "tenant") for name in names]
    rows = [tenant["record"] for tenant, _ in written]
    members = re.search(r"pub struct TenantRecord \{(.*?)\n\}", (ROOT / "handler/pool/src/tenant.rs").read_text(), re.S)[1]
    assert all(set(row) == set(re.findall(r"pub (\w+):", members)) for row in rows)
    # What the service itself writes and reads.
    directory = (ROOT / "handler/azure/src/directory.rs").read_text()
    for text in ['"tenants"', 'const PARTITION: &str = "tenant";', '"tenant:{id}"', '"container:{container}"', "kind: String", "record: TenantRecord", "tenant: String"]:
        assert text in directory, text
    partition = next(each for each in deployment().resources if each.key == "cosmos/directory").body["properties"]["resource"]["partitionKey"]
    assert partition["paths"] == ["/kind"]
    assert rows[0] | {"status": ""} == {
        "id": "contoso", "name": "contoso", "display_name": "contoso", "plan": "standard", "status": "", "cosmos_container_prefix": "",
        "search_index_prefix": "", "storage_container": "", "keyvault_name": "", "managed_identity_client_id": "client-contoso",
    }  # fmt: skip
    assert (rows[2]["cosmos_container_prefix"], rows[2]["keyvault_name"]) == ("fabrikam", "kv-own")
    assert {call[-1] for call in azure.calls("curl")} == {"https://c.documents.azure.com/dbs/pool/colls/tenants/docs"}
    assert "very-secret-token" not in (azure.folder / "calls").read_text()
    headers = (azure.folder / "header").read_text()
    assert "sig%3dvery-secret-token" in headers and r'partitionkey: [\"tenant\"]"' in headers and "batch-atomic: True" in headers
    scopes = {call[call.index("--assignee-object-id") + 1]: call[call.index("--scope") + 1] for call in azure.calls("az", "role")}
    assert {who: scope.split("/")[-1] for who, scope in scopes.items()} == {f"principal-{tenant['id']}": "documents" for tenant in TENANTS}


def test_an_index_of_ones_own_is_all_that_one_may_read(azure):
    told = json.loads((INFRA / "grants.json").read_text())["tenant"]["index"]
    for kind in ("shared", "own"):
        azure.lists([{"id": "contoso", "ownIndex": kind == "own"}])
        assert azure.run("postdeploy.sh").returncode == 0
        call = azure.calls("az", "role")[-1]
        scope, role = (call[call.index(name) + 1] for name in ("--scope", "--role"))
        [grant] = told[kind]
        assert scope.endswith("/indexes/" + grant["scope"].split("/indexes/")[1].replace("TENANT", "contoso"))
        assert role == grant["role"]


GOOD = {"issuer": "https://b.example/", "audience": "api://b", "discovery_url": "https://b.example/.well-known/openid-configuration"}


@pytest.mark.parametrize("said, code", [
    ("[]", 0), (json.dumps([GOOD]), 0), (json.dumps([GOOD | {"tenant_claim": "extension_tenantId", "tenants": ["contoso"]}]), 0),
    ("{}", 1), ("[", 1), ("[{}]", 1), (json.dumps([GOOD | {"tenant_claim": "tid"}]), 1), (json.dumps([GOOD | {"discovery_url": 7}]), 1),
    *[(json.dumps([GOOD | {"audience": text}]), 1) for text in ("", "a</audience>", "a&b", 'a"b', "{{function-key}}", "a\nb")],
])  # fmt: skip
def test_more_issuers_reach_the_gateway_or_stop_the_hook(azure, said, code):
    done = azure.run("postdeploy.sh", JWT_ISSUERS=said)
    assert done.returncode == code, done
    connected = azure.calls("az", "deployment", "group", "create")
    assert (f"issuers={said}" in connected[0]) if not code else not azure.calls(), connected


@pytest.mark.parametrize("status, body, code", [
    (200, [{"statusCode": 201}, {"statusCode": 201}], 0),
    (207, [{"statusCode": 409}, {"statusCode": 424}], 0),  # The tenant is there.
    (207, [{"statusCode": 424}, {"statusCode": 409}], 1),  # Its container is another's.
    (207, [{"statusCode": 403}, {"statusCode": 424}], 1),
    (403, {"code": "Forbidden"}, 1), (500, "", 1), (201, {}, 1), (409, {}, 1),
])  # fmt: skip
def test_what_the_directory_answers_is_heard(azure, status, body, code):
    (azure.folder / "status").write_text(json.dumps([status, body]))
    done = azure.run("postdeploy.sh")
    assert done.returncode == code, done
    assert ("the directory answered" in done.stderr) == bool(code)
    assert bool(azure.calls("az", "role")) == (not code)


@pytest.mark.parametrize("hook", ["postprovision.sh", "postdeploy.sh"])
def test_what_is_missing_is_named(azure, hook):
    done = azure.run(hook, SERVICE_API_NAME="")
    assert done.returncode == 1 and "SERVICE_API_NAME is not set" in done.stderr
    assert not azure.calls()


def test_azure_yaml_runs_them(azure):
    azd = yaml.safe_load((ROOT / "azure.yaml").read_text())
    assert {name: hook["run"] for name, hook in azd["hooks"].items()} == {
        "preprovision": "infra/hooks/preprovision.sh", "postprovision": "infra/hooks/postprovision.sh",
        "postdeploy": "infra/hooks/postdeploy.sh",
    }  # fmt: skip
    assert azd["infra"] == {"provider": "bicep", "path": "infra", "module": "main"}
    assert azd["services"]["api"].pop("hooks") == {"prepackage": {"shell": "sh", "run": "make stage && target/release/handler doctor --package target/app"}}
    assert azd["services"]["api"] == {"project": ".", "host": "function", "language": "custom", "dist": "target/app"}
    assert "handler stage target/app" in (ROOT / "Makefile").read_text()
    outputs = set(re.findall(r"^output (\w+)", (INFRA / "main.bicep").read_text(), re.M))
    for hook in HOOKS.glob("post*.sh"):
        needed = re.search(r"^need (.*)$", hook.read_text(), re.M)[1].split()
        assert {name for name in needed if name.isupper()} <= outputs, hook.name


def test_who_deploys_is_told_of_the_role_that_it_takes():
    """A role of our own is defined, which who may only give roles may not do."""
    assert deployment().of("Microsoft.Authorization/roleDefinitions")
    manual = (ROOT / "docs/OPERATIONS.md").read_text()
    for heading in ("\n## Deploy\n", "\n### Deploy by a pipeline\n"):
        assert "*User Access Administrator*" in manual.split(heading)[1].split("\n##")[0], heading
    tools = manual.split("\n## Deploy\n")[1].split("```")[0]
    assert all(f"`{tool}`" in tools for hook in HOOKS.glob("*.sh") for tool in re.findall(r"\b(az|curl|jq|bash)\b", hook.read_text()))


def test_hooks_are_careful():
    hooks = sorted(HOOKS.glob("*.sh"))
    told = subprocess.run(["shellcheck", "-x", "-P", HOOKS, *hooks], capture_output=True, text=True)
    assert told.returncode == 0, told.stdout
    for hook in hooks:
        if hook.name != "lib.sh":
            assert hook.read_text().startswith("#!/usr/bin/env bash\n") and "\nset -euo pipefail\n" in hook.read_text(), hook.name
            assert os.access(hook, os.X_OK), hook.name
    broken = subprocess.run(["shellcheck", "-s", "bash", "-"], input="rm -rf $1/*\n", capture_output=True, text=True)
    assert broken.returncode == 1
