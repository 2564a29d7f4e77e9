"""Rules of this deployment that no schema knows: order, names, keys, walls, the gateway, and checkov's."""

import json
import os
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest
import yaml

from deploy import Deployment
from given import INFRA, ROOT, TENANTS, Copy, connected, deployment, parameters, schemas
from schema import faults, find


def by_key(found: Deployment, key: str):
    return next(each for each in found.resources if each.key == key)


# The second waits for the first.
ORDER = [
    ("foundry/deployments[0]", "foundry/project"), ("foundry/documentsConnection", "foundry/accountHost"),
    ("foundry/filesConnection", "foundry/accountHost"), ("foundry/vectorsConnection", "foundry/accountHost"),
    ("foundry/cosmosOperator", "foundry/accountHost"), ("foundry/storageOwner", "foundry/accountHost"),
    ("foundry/searchRoles[0]", "foundry/accountHost"), ("foundry/searchRoles[1]", "foundry/accountHost"),
    ("foundry/search", "foundry/vectorsConnection"), ("foundry/cosmos", "foundry/documentsConnection"),
    ("foundry/accountHost", "foundry/projectHost"), ("foundry/projectHost", "foundry/projectData"),
    ("storage/appAssignments[0]", "app/app"), ("storage/containers[0]", "app/app"), ("tenantWalls[0]/data", "app/app"),
    ("events/sender", "events/subscription"), ("events/burier", "events/subscription"),
    ("storage/queues[4]", "events/subscription"), ("gateway/publisher", "gateway/logger"),
]  # fmt: skip


@pytest.mark.parametrize("first, then", ORDER)
def test_what_must_be_there_first_is(first, then):
    assert first in deployment().waits(then)


@pytest.mark.parametrize("first, then", [("key", "policy"), ("api", "policy"), ("policy", "streamPolicies[0]"), ("api", "tracing")])
def test_what_must_be_connected_first_is(first, then):
    assert first in connected().waits(then)


@pytest.mark.parametrize("file, old, new, first, then", [
    ("foundry.bicep", "    cosmosOperator\n", "", "foundry/cosmosOperator", "foundry/accountHost"),
    ("foundry.bicep", "  dependsOn: [\n    accountHost\n  ]\n", "", "foundry/accountHost", "foundry/projectHost"),
    ("events.bicep", "    sender\n", "", "events/sender", "events/subscription"),
    ("main.bicep", "  dependsOn: [\n    tenantWalls\n  ]\n", "", "tenantWalls[0]/data", "app/app"),
])  # fmt: skip
def test_a_wrong_order_is_found(tmp_path, file, old, new, first, then):
    assert first not in Copy(tmp_path).change(file, old, new).deployment().waits(then)


def hurried(found: Deployment) -> list[str]:
    """Identities that are not made at once, and what a tenant's right in Cosmos DB does not wait for: Entra tells of a new identity late,
    and Cosmos DB refuses whom it cannot find there."""
    identities = [each.key for each in found.resources if re.fullmatch(r"tenantIdentities\[\d\]/identity", each.key)]
    rights = [each.key for each in found.resources if re.fullmatch(r"tenantWalls\[\d\]/data", each.key)]
    assert len(identities) == len(rights) == len(TENANTS)
    told = [f"{key} waits for {sorted(more)}" for key in identities if (more := found.waits(key) - {"group"})]
    for key in rights:
        walls = {each.key for each in found.resources if each.made and each.key.startswith(key.removesuffix("data"))}
        told += [f"{key} does not wait for {each}" for each in sorted(walls - {key} - found.waits(key))]
    return told


def test_entra_has_time_to_tell_of_an_identity_before_cosmos_db_asks(tmp_path):
    assert hurried(deployment()) == []
    copy = Copy(tmp_path / "first").change("tenant.bicep", "    models\n  ]", "  ]")
    assert hurried(copy.deployment()) == [f"tenantWalls[{at}]/data does not wait for tenantWalls[{at}]/models" for at in range(3)]
    copy = Copy(tmp_path / "then").change("main.bicep", "    federatedIssuer: tenant", "    location: storage.outputs.name\n    federatedIssuer: tenant")
    copy.change("main.bicep", "    location: location\n    location: storage", "    location: storage")
    assert "tenantIdentities[0]/identity waits for" in hurried(copy.deployment())[0]


# Types that can be tagged, whose tags nobody looks for.
UNTAGGED = {"Microsoft.CognitiveServices/accounts/deployments", "Microsoft.DocumentDB/databaseAccounts/sqlDatabases",
            "Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers"}  # fmt: skip


def nobodys(found: Deployment) -> list[str]:
    """Resources that do not say whose they are: everybody's, or whose."""
    wrong = []
    for each in (each for each in found.resources if each.made):
        tags = each.body.get("tags")
        if tags is None:
            described, _ = find(schemas("arm"), each)
            if "tags" in described.get("properties", {}) and each.type not in UNTAGGED:
                wrong.append(each.key)
        elif tags.get("tenantScope") != "shared" and not (tags.get("tenantScope") == "tenant" and tags.get("tenantId")):
            wrong.append(each.key)
    return wrong


def test_resources_say_whose_they_are(tmp_path):
    assert not nobodys(deployment())
    copy = Copy(tmp_path).change("foundry.bicep", "  tags: tags\n  kind: 'AIServices'", "  kind: 'AIServices'")
    copy.change("identities.bicep", "tenantId: tenant }", "tenant: tenant }")
    assert {"foundry/account", "tenantIdentities[0]/identity"} <= set(nobodys(copy.deployment()))
    assert by_key(deployment(), "group").name == "rg-fas-pooled-test"
    for tenant, at in [(tenant["id"], at) for at, tenant in enumerate(TENANTS)]:
        container = by_key(deployment(), f"tenantWalls[{at}]/container")
        assert container.id.endswith(f"/containers/{tenant}")
        assert container.body["properties"] == {"publicAccess": "None", "metadata": {"tenantId": tenant}}


@pytest.mark.parametrize("name", ["uploads", "deployments", "dead-events", "runs-poison", "azure-webjobs-secrets"])
def test_a_tenant_that_is_called_as_a_container_of_the_pool_cannot_be_deployed(tmp_path, name):
    found = Copy(tmp_path).deployment(tenants=[{"id": name}])
    assert faults(schemas("arm"), by_key(found, "tenantWalls[0]/container"))


def twice(found: Deployment) -> list:
    """What Azure would refuse as being there already."""
    made = [each.id.lower() for each in found.resources if each.made]
    given = [(each.scope, each.body["properties"]["roleDefinitionId"], each.body["properties"]["principalId"])
             for each in found.of("Microsoft.Authorization/roleAssignments")]  # fmt: skip
    return [each for names in (made, given) for each, times in Counter(names).items() if times > 1]


def test_nothing_is_made_twice(tmp_path):
    assert not twice(deployment()) and not twice(connected())
    copy = Copy(tmp_path).change("identities.bicep", "name: 'id-tenant-${tenant}'", "name: 'id-tenant'")
    assert twice(copy.deployment())
    copy = Copy(tmp_path / "again").change("storage.bicep", "  roles.StorageTableDataContributor.id\n", "  roles.StorageBlobDataOwner.id\n")
    assert twice(copy.deployment())


def wildcards(found: Deployment) -> list[str]:
    allowed = [(each.key, action) for each in found.of("Microsoft.Authorization/roleDefinitions")
               for permission in each.body["properties"]["permissions"] for kind in permission.values() for action in kind]  # fmt: skip
    texts = [(each.key, json.dumps(each.body)) for each in found.resources if "cors" in json.dumps(each.body).lower()]
    return [key for key, action in allowed if "*" in action] + [key for key, text in texts if '"*"' in text]


def test_nothing_is_allowed_by_a_star(tmp_path):
    assert not wildcards(deployment())
    copy = Copy(tmp_path).change("storage.bicep", "'${blobActions}/read'", "'${blobActions}/*'")
    copy.change("app.bicep", "http20Enabled: true", "http20Enabled: true\n      cors: { allowedOrigins: ['*'] }")
    assert wildcards(copy.deployment()) == ["storage/tenantRole", "app/app"]


def test_a_tenants_own_workload_has_an_identity_where_it_is_asked_for():
    found = deployment().of("Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials")
    assert [each.name for each in found] == ["id-workload-fabrikam/workload"]
    assert found[0].body["properties"] == {"issuer": "https://idp.example", "subject": "job", "audiences": ["api://AzureADTokenExchange"]}


def test_a_tenant_has_of_its_own_what_it_is_given_and_no_more():
    made = {each.key for each in deployment().resources if each.made}
    for name, contoso, fabrikam in [("key", True, False), ("keyUser", True, False), ("tenantVault", False, True), ("vaultKey", False, True), ("documents", False, True)]:
        assert (f"tenantWalls[0]/{name}" in made, f"tenantWalls[2]/{name}" in made) == (contoso, fabrikam), name
    scopes = [by_key(deployment(), f"tenantWalls[{at}]/data").body["properties"]["scope"] for at in (0, 2)]
    assert [scope.split("/colls/")[1] for scope in scopes] == ["documents", "fabrikam-documents"]


SECRET = re.compile(
    r"AccountKey=|SharedAccess|InstrumentationKey=|\bsig=|[?&]code=(?!\$\{listKeys)|listAccountSas|connectionStrings?\[|-----BEGIN|"
    r"(?i:password|secret|apikey|token)\w*\s*[:=]\s*'[^'$@{]{8,}'"
)


def secrets(folder: Path) -> list[str]:
    files = [path for path in folder.rglob("*") if path.is_file() and "check" not in path.relative_to(folder).parts[:-1]]
    files = [path for path in files if path.suffix in (".bicep", ".bicepparam", ".json", ".sh", ".txt", ".yaml")]
    return [f"{path.name}: {found[0]}" for path in files for found in [SECRET.search(path.read_text())] if found]


def keys_read(found: Deployment) -> set[str]:
    return {each.key for each in found.resources if "listKeys(" in json.dumps(each.body)}


def test_no_secret_is_in_it_and_no_store_is_asked_for_its_key(tmp_path):
    assert not secrets(INFRA)
    assert not keys_read(deployment())
    assert keys_read(connected()) == {"key", "dropFolders"}
    assert by_key(connected(), "key").body["properties"]["secret"] is True
    assert not connected().outputs
    copy = Copy(tmp_path)
    copy.change("app.bicep", "POOL_BACKEND: 'azure'", "POOL_BACKEND: 'azure'\n    MODEL_API_KEY: listKeys(storage.id, '2025-08-01').keys[0].value")
    assert keys_read(copy.deployment()) == {"app/settings"}
    copy.change("search.bicep", "param sku string", "var adminPassword = 'correct horse battery'\nparam sku string")
    assert secrets(copy.path) == ["search.bicep: Password = 'correct horse battery'"]


def test_the_gateway_imports_what_it_can():
    document = json.loads((INFRA / "openapi.json").read_text())
    operations = [(path, each) for path, item in document["paths"].items() for each in item.values()]
    names = [re.sub(r"[^a-z0-9]+", "-", each["operationId"].lower()).strip("-")[:76] for _, each in operations]
    assert len(names) == len(set(names))
    assert len(json.dumps(document)) < 4_000_000
    for path, each in operations:
        assert len(path) < 128
        named = [parameter["name"].lower() for parameter in each.get("parameters", []) if parameter["in"] in ("path", "query")]
        assert len(named) == len(set(named)), path
    given = {each.name.split("/")[2] for each in connected().resources if each.key.startswith("streamPolicies")}
    streams = {
        name for name, (_, each) in zip(names, operations)
        if any(kind in ("text/event-stream", "application/octet-stream") for answer in each["responses"].values() for kind in answer.get("content", {}))
    }  # fmt: skip
    assert given == streams | {"files-content"}
    called = set(re.findall(r"\{\{([\w-]+)\}\}", "".join(path.read_text() for path in (INFRA / "policies").glob("*.xml"))))
    values = [each for found in (deployment(), connected()) for each in found.of("Microsoft.ApiManagement/service/namedValues")]
    assert {each.name.split("/")[1] for each in values} == called
    api = by_key(connected(), "api").body["properties"]
    assert (api["subscriptionRequired"], api["protocols"], api["path"]) == (False, ["https"], "")
    assert all(path.startswith("/api/") for path in document["paths"])


def checkov(found: Deployment, folder: Path) -> tuple[set[str], int]:
    """The checks that fail, and how many were passed."""
    program = os.environ.get("CHECKOV")
    if not program:
        if os.environ.get("CI"):
            pytest.fail("CHECKOV is not set: run `make infra`")
        pytest.skip("not run: needs CHECKOV: run `make infra`")
    resources = [{"type": each.type, "apiVersion": each.version, **each.body, "name": each.name} for each in found.resources if each.made]
    template = folder / "template.json"
    template.write_text(json.dumps({"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#", "contentVersion": "1.0.0.0", "resources": resources}))
    command = [program, "-f", template, "--framework", "arm", "--skip-download", "--quiet", "-o", "json"]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, cwd=folder).stdout)
    assert told["summary"]["parsing_errors"] == 0
    assert told["summary"]["resource_count"] > 100
    return {each["check_id"] for each in told["results"]["failed_checks"]}, told["summary"]["passed"]


def test_checkov_finds_what_is_meant_and_nothing_else(tmp_path):
    lines = (INFRA / "checkov.yaml").read_text().splitlines()
    assert all(re.search(r"# \S.{15}", line) for line in lines if "- CKV" in line), "a check that is skipped without a reason"
    meant = set(yaml.safe_load((INFRA / "checkov.yaml").read_text())["skip-check"])
    failed, passed = checkov(deployment(), tmp_path)
    assert failed == meant
    assert passed >= 40
    copy = Copy(tmp_path).change("app.bicep", "httpsOnly: true", "httpsOnly: false")
    copy.change("storage.bicep", "supportsHttpsTrafficOnly: true", "supportsHttpsTrafficOnly: false")
    copy.change("vault.bicep", "enablePurgeProtection: true", "enablePurgeProtection: false")
    copy.change("foundry.bicep", "disableLocalAuth: true", "disableLocalAuth: false")
    more, _ = checkov(copy.deployment(), tmp_path)
    assert {"CKV_AZURE_14", "CKV_AZURE_3", "CKV_AZURE_110"} <= more - meant, more - meant


def test_event_grid_calls_a_function_that_there_is():
    hook = by_key(connected(), "dropFolders").body["properties"]["destination"]["properties"]["endpointUrl"]
    function = re.search(r"functionName=Host\.Functions\.(\w+)&code=«", hook)[1]
    binding = json.loads((ROOT / "functions" / function / "function.json").read_text())["bindings"][0]
    assert (binding["type"], binding["source"], binding["path"].split("/")[0]) == ("blobTrigger", "EventGrid", "uploads")
