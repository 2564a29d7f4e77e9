"""The walls stand, and one that is opened is seen."""

import pytest

from deploy import Deployment
from given import INFRA, Copy, connected, deployment, parameters
from walls import JOINTS, WALLS, breaches


def test_the_walls_stand():
    assert breaches(deployment(), WALLS) == []
    assert breaches(connected(), JOINTS) == []


# A file, what it says, what it is made to say, and which resource is no longer what it was.
OPENED = [
    ("storage.bicep", "allowSharedKeyAccess: false", "allowSharedKeyAccess: true", "storage/account"),
    ("storage.bicep", "publicAccess: 'None'", "publicAccess: 'Blob'", "storage/containers[0]"),
    ("storage.bicep", "days: 7", "days: 1", "storage/blobs"),
    ("cosmos.bicep", "disableLocalAuth: true", "disableLocalAuth: false", "cosmos/account"),
    ("cosmos.bicep", "paths: ['/tenantId']", "paths: ['/id']", "cosmos/documents"),
    ("tenant.bicep", "paths: ['/tenantId']", "paths: ['/id']", "tenantWalls[2]/documents"),
    ("tenant.bicep", "defaultTtl: -1", "defaultTtl: 60", "tenantWalls[2]/documents"),
    ("tenant.bicep", "enablePurgeProtection: true", "enablePurgeProtection: false", "tenantWalls[2]/tenantVault"),
    ("tenant.bicep", "keyOps: ['wrapKey', 'unwrapKey']", "keyOps: ['wrapKey', 'unwrapKey', 'sign']", "tenantWalls[0]/key"),
    ("storage.bicep", "  location: location\n", "  location: '${location}2'\n", "storage/account"),
    ("search.bicep", "disableLocalAuth: true", "disableLocalAuth: false", "search/service"),
    ("vault.bicep", "enablePurgeProtection: true", "enablePurgeProtection: false", "vault/vault"),
    ("vault.bicep", "categoryGroup: 'audit', enabled: true", "categoryGroup: 'audit', enabled: false", "vault/diagnostics"),
    ("sessions.bicep", "EgressDisabled", "EgressEnabled", "sessions/pool"),
    ("sessions.bicep", "  tags: tags\n  properties", "  tags: tags\n  identity: { type: 'SystemAssigned' }\n  properties", "sessions/pool"),
    ("app.bicep", "ipSecurityRestrictionsDefaultAction: 'Deny'", "ipSecurityRestrictionsDefaultAction: 'Allow'", "app/app"),
    ("app.bicep", "'AzureCloud.${regionTags", "'AzureCloud${regionTags", "app/app"),
    ("app.bicep", "properties: { allow: false }", "properties: { allow: true }", "app/scmPasswords"),
    ("app.bicep", "version: '1.0'", "version: '2.0'", "app/app"),
    ("app.bicep", "sku: { name: 'FC1', tier: 'FlexConsumption' }", "sku: { name: 'Y1', tier: 'Dynamic' }", "app/plan"),
    ("app.bicep", "authentication: { type: 'UserAssignedIdentity', userAssignedIdentityResourceId: identity.id }", "authentication: { type: 'SystemAssignedIdentity' }", "app/app"),
    ("app.bicep", "keyVaultReferenceIdentity: identity.id", "keyVaultReferenceIdentity: 'SystemAssigned'", "app/app"),
    ("app.bicep", "concat([identity.id], tenantIdentities)", "concat([storage.id], tenantIdentities)", "app/app"),
    ("app.bicep", "AzureWebJobsStorage__credential: 'managedidentity'\n", "\n", "app/settings"),
    ("app.bicep", "POOL_BACKEND: 'azure'", "POOL_BACKEND: 'local'", "app/settings"),
    ("gateway.bicep", "name: 'BasicV2'", "name: 'Developer'", "gateway/service"),
    ("gateway.bicep", "value: apiAudience }", "value: '${apiAudience}/' }", "gateway/values[2]"),
    ("gateway.bicep", "string(rateCalls)", "'${rateCalls}0'", "gateway/values[4]"),
    ("gateway.bicep", "identityClientId: 'SystemAssigned'", "identityClientId: ''", "gateway/logger"),
    ("events.bicep", "/blobs/files/", "/blobs/", "events/subscription"),
    ("events.bicep", "'/blobServices/default/containers/uploads/', ", "", "events/subscription"),
    ("events.bicep", "'Microsoft.Storage.BlobCreated', ", "", "events/subscription"),
    ("foundry.bicep", "authType: 'AAD'", "authType: 'ApiKey'", "foundry/filesConnection"),
    ("foundry.bicep", "category: 'CognitiveSearch'", "category: 'CosmosDb'", "foundry/vectorsConnection"),
    ("foundry.bicep", "threadStorageConnections: [documentsConnection.name]", "threadStorageConnections: [filesConnection.name]", "foundry/projectHost"),
    ("foundry.bicep", "category: 'Audit'", "category: 'RequestResponse'", "foundry/diagnostics"),
    ("monitor.bicep", "disableLocalAuth: true", "disableLocalAuth: false", "monitor/workspace"),
    ("alerts.bicep", "    enabled: true\n    severity", "    enabled: false\n    severity", "alerts/alerts[0]"),
    ("alerts.bicep", "threshold: 0", "threshold: 1000", "alerts/alerts[0]"),
    ("alerts.bicep", "queries/errors.kql", "queries/latency.kql", "alerts/alerts[1]"),
    ("alerts.bicep", "empty(email) ? [] : [people.id]", "[]", "alerts/alerts[0]"),
    ("alerts.bicep", "groupShortName: 'pool'\n    enabled: true", "groupShortName: 'pool'\n    enabled: false", "alerts/people"),
    ("alerts.bicep", "string(loadJsonContent('workbook.json'))", "'{}'", "alerts/workbook"),
    ("connect.bicep", "serviceUrl: 'https:", "serviceUrl: 'http:", "api"),
    ("connect.bicep", "subscriptionRequired: false\n", "subscriptionRequired: false\n    apiRevision: '2'\n", "api"),
    ("connect.bicep", "frontend: { request: { headers: []", "frontend: { request: { headers: ['Authorization']", "tracing"),
    ("connect.bicep", "backend: { request: { headers: [], body: { bytes: 0 }", "backend: { request: { headers: [], body: { bytes: 512 }", "tracing"),
    ("connect.bicep", "containers/uploads/'", "containers/'", "dropFolders"),
    ("connect.bicep", "secret: true", "secret: false", "key"),
]


@pytest.mark.parametrize("file, old, new, resource", OPENED, ids=lambda each: None)
def test_an_open_wall_is_found(tmp_path, file, old, new, resource):
    copy = Copy(tmp_path).change(file, old, new)
    found = breaches(connected(copy.path), JOINTS) if file == "connect.bicep" else breaches(copy.deployment(), WALLS)
    assert resource in {line.split(": ")[0] for line in found}


@pytest.mark.parametrize("region, tag", [
    ("westeurope", "westeurope"), ("swedencentral", "swedencentral"), ("germanywestcentral", "germanywc"), ("francecentral", "centralfrance"),
])  # fmt: skip
def test_a_region_is_let_in_by_the_tag_that_azure_has_for_it(region, tag):
    found = Deployment(INFRA / "main.bicep", parameters(location=region))
    app = next(each for each in found.resources if each.key == "app/app").body["properties"]["siteConfig"]
    assert app["ipSecurityRestrictions"][-1]["ipAddress"] == f"AzureCloud.{tag}"


def test_only_the_gateway_may_come_in_where_its_addresses_are_known():
    exact = Deployment(INFRA / "main.bicep", parameters(gatewayAddresses=["192.0.2.7/32"]))
    app = next(each for each in exact.resources if each.key == "app/app").body["properties"]["siteConfig"]
    assert [rule["ipAddress"] for rule in app["ipSecurityRestrictions"]] == ["AzureEventGrid", "192.0.2.7/32"]
    assert {line.split(" is ")[0] for line in breaches(exact, WALLS)} == {"app/app: properties.siteConfig.ipSecurityRestrictions"}
