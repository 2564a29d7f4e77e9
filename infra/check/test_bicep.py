"""infra/ is Bicep, holds together, and each resource is what Azure's schema for it says."""

import re

import pycep
import pytest

import schema
from bicep import Fault, read
from deploy import Deployment
from given import INFRA, Copy, connected, deployment, parameters, schemas

FILES = sorted(INFRA.glob("*.bicep"))


def disputed(ours, text: str) -> set[str]:
    """Statements that only one of two readers finds."""
    theirs = pycep.BicepParser().parse(text=text)
    kinds = {"param": "parameters", "var": "variables", "resource": "resources", "module": "modules"}
    found = {(kind, name) for kind, group in kinds.items() for name in theirs.get(group, {})} | {("output", name) for name in theirs.get("outputs", {})}
    return {name for _, name in found ^ ({(each.kind, name) for name, each in ours.declared.items()} | {("output", name) for name in ours.outputs})}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_two_readers_find_the_same_statements(path):
    text = path.read_text()
    assert disputed(read(path), text) == set()
    assert disputed(read(path), text + "\nparam stranger string\n") == {"stranger"}
    name = next(iter(read(path).declared))
    assert name in disputed(read(path), text.replace(f"param {name} ", f"param {name}s ").replace(f"resource {name} ", f"resource {name}s "))


def test_every_file_takes_part():
    taken = deployment().files | connected().files
    assert set(FILES) <= taken
    loaded = {path for path in taken if path.suffix != ".bicep"}
    kept = {path for folder, kind in [("conditions", "*.txt"), ("policies", "*.xml")] for path in (INFRA / folder).glob(kind)}
    assert kept <= loaded, "a file that no resource is made of"


@pytest.mark.parametrize("changed", [
    {},
    {"tenants": []},
    {"principalId": "", "alertEmail": "", "alwaysReady": 2, "gatewayAddresses": ["192.0.2.1/32"], "searchSku": "standard"},
], ids=["usual", "no tenants", "other ways"])  # fmt: skip
def test_each_resource_is_what_its_schema_says(changed):
    arm = schemas("arm")
    found = Deployment(INFRA / "main.bicep", parameters(**changed))
    made = [each for each in found.resources + connected().resources if each.made]
    faults = [fault for each in made for fault in schema.faults(arm, each)]
    assert not faults, "\n".join(faults)
    assert len(made) > 60


FAULTS = {
    "unknown member": ("storage.bicep", "allowSharedKeyAccess: false", "allowSharedKeyAcess: false", "allowSharedKeyAcess is no member"),
    "wrong type": ("cosmos.bicep", "disableLocalAuth: true", "disableLocalAuth: 'true'", "disableLocalAuth must be of type boolean"),
    "number for text": ("vault.bicep", "family: 'A'", "family: 1", "sku.family"),
    "missing member": ("cosmos.bicep", "databaseAccountOfferType: 'Standard'\n", "\n", "databaseAccountOfferType is needed"),
    "not of the list": ("sessions.bicep", "'EgressDisabled'", "'Disabled'", "status must be one of"),
    "unknown in a list": ("cosmos.bicep", "failoverPriority: 0", "priority: 0", "locations[0].priority is no member"),
    "illegal name": ("main.bicep", "'stpooled${token}'", "'sa-pooled${token}'", "name must match"),
    "too long a name": ("main.bicep", "'stpooled${token}'", "'stpooledagents${token}'", "too long"),
    "unknown choice": ("events.bicep", "operatorType: 'StringContains'", "operatorType: 'Contains'", "operatorType must be one of"),
    "wrong in a choice": ("events.bicep", "queueName: queue.name", "queue: queue.name", "queue is no member"),
    "unknown in an app": ("app.bicep", "keyVaultReferenceIdentity", "keyVaultIdentity", "keyVaultIdentity is no member"),
    "a hook's": ("connect.bicep", "endpointType: 'WebHook'", "endpointType: 'Webhook'", "endpointType must be one of"),
    "an API's": ("connect.bicep", "format: 'openapi+json'", "format: 'openapi3'", "format must be one of"),
    "unknown runtime": ("app.bicep", "name: 'custom'", "name: 'rust'", "runtime.name must be one of"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_schemas_find(tmp_path, fault):
    arm = schemas("arm")
    file, old, new, told = FAULTS[fault]
    copy = Copy(tmp_path).change(file, old, new)
    found = copy.deployment().resources + connected(copy.path).resources
    faults = "\n".join(line for each in found if each.made for line in schema.faults(arm, each))
    assert told in faults


def test_a_type_or_version_without_a_schema_is_told(tmp_path):
    arm = schemas("arm")
    found = Copy(tmp_path).change("vault.bicep", "vaults@2026-02-01", "vaults@2016-10-01").deployment()
    with pytest.raises(KeyError, match="Microsoft.KeyVault/vaults@2016-10-01"):
        [schema.faults(arm, each) for each in found.resources if each.made]


LOOSE = {
    "a name that nobody has": ("search.bicep", "scope: service", "scope: servce", "nothing is called servce"),
    "an unknown parameter": ("main.bicep", "sku: searchSku", "size: searchSku", "there is no parameter size"),
    "a missing parameter": ("main.bicep", "    sku: searchSku\n", "", "sku is needed"),
    "a parameter of another type": ("main.bicep", "rateCalls: rateCalls", "rateCalls: string(rateCalls)", "must be of type int"),
    "a parameter out of range": ("main.bicepparam", "'RATE_CALLS', '100'", "'RATE_CALLS', '0'", "breaks a rule"),
    "a parameter that is not used": ("vault.bicep", "param location string", "param location string\nparam region string = ''", "is not used"),
    "an unknown output": ("main.bicep", "vault.outputs.name", "vault.outputs.names", "there is no names"),
    "an unknown function": ("search.bicep", "guid(service.id", "newid(service.id", "newid() is not known"),
    "a file that is not there": ("connect.bicep", "policies/api.xml", "policies/apis.xml", "there is no policies/apis.xml"),
    "a module that is not there": ("main.bicep", "'vault.bicep'", "'vaults.bicep'", "there is no vaults.bicep"),
    "a name with a part too many": ("connect.bicep", "name: 'policy'", "name: 'api/policy'", "too many or too few parts"),
    "a member twice": ("search.bicep", "replicaCount: 1", "replicaCount: 1\n    replicaCount: 1", "a member twice"),
    "no Bicep": ("search.bicep", "param sku string", "parameter sku string", "no such statement"),
    "a name that is known too late": ("foundry.bicep", "guid(cosmos.id, project.id, roles", "guid(cosmos.id, project.identity.principalId, roles", "known only later"),
    "a condition that is known too late": ("events.bicep", "eventSubscriptions@2025-02-15' = {", "eventSubscriptions@2025-02-15' = if (!empty(topic.identity.principalId)) {", "known only later"),
    "a module's name that is known too late": ("main.bicep", "name: 'search'", "name: vault.outputs.name", "known only later"),
    "members that nothing keeps apart": ("search.bicep", "sku: { name: sku }", "sku: { name: sku size: sku }", "',' is expected"),
    "two names in a string": ("search.bicep", "https://${service.name}", "https://${service.name sku}", "is expected"),
    "a string that does not end": ("search.bicep", "semanticSearch: 'disabled'", "semanticSearch: 'disabled", "does not end"),
}


@pytest.mark.parametrize("fault", LOOSE)
def test_the_reader_finds(tmp_path, fault):
    file, old, new, told = LOOSE[fault]
    copy = Copy(tmp_path).change(file, old, new)
    with pytest.raises(Fault, match=re.escape(told)):
        connected(copy.path)
        copy.deployment()


def test_a_tenants_name_has_a_length():
    for name in ["ab", "a" * 41]:
        with pytest.raises(Fault, match="tenant breaks a rule"):
            Deployment(INFRA / "main.bicep", parameters(tenants=[{"id": name}]))
