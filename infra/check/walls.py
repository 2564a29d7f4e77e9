"""What each resource must say. Every member of every resource is held to a value here, or is in FREE, which says who else looks at it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from deploy import SUBSCRIPTION, Deployment, Resource
from given import INFRA


class Id(str):
    """The id of the resource of this key."""


def text(file: str) -> str:
    return (INFRA / file).read_text()


def document(file: str) -> dict:
    return json.loads(text(file))


# Whose members are looked at elsewhere, or are for the eye.
FREE = {
    r"Microsoft\.Authorization/.*|.*/sqlRoleAssignments": (r"properties\..*", "test_access.py asks what they allow"),
    r".*/federatedIdentityCredentials": (r"properties\..*", "test_rules.py: they are the tenant's own"),
    r".*": (r"tags\..*|.*\.displayName|.*\.description|.*\.metadata\.(tenantId|tenantScope)", "test_rules.py holds tags; the rest is for the eye"),
}

STORE = {
    "kind": "StorageV2", "sku.name": "Standard_ZRS", "properties.allowSharedKeyAccess": False, "properties.allowBlobPublicAccess": False,
    "properties.allowCrossTenantReplication": False, "properties.defaultToOAuthAuthentication": True, "properties.isLocalUserEnabled": False,
    "properties.minimumTlsVersion": "TLS1_2", "properties.supportsHttpsTrafficOnly": True, "properties.publicNetworkAccess": "Enabled",
    "properties.networkAcls.defaultAction": "Allow", "properties.networkAcls.bypass": "AzureServices",
    "properties.sasPolicy.sasExpirationPeriod": "00.01:00:00", "properties.sasPolicy.expirationAction": "Log",
}  # fmt: skip
COSMOS = {
    "kind": "GlobalDocumentDB", "properties.databaseAccountOfferType": "Standard", "properties.capabilities": [{"name": "EnableServerless"}],
    "properties.locations": [{"locationName": "westeurope", "failoverPriority": 0, "isZoneRedundant": False}],
    "properties.backupPolicy.type": "Continuous", "properties.backupPolicy.continuousModeProperties.tier": "Continuous7Days",
    "properties.disableLocalAuth": True, "properties.disableKeyBasedMetadataWriteAccess": True, "properties.minimalTlsVersion": "Tls12",
    "properties.publicNetworkAccess": "Enabled",
}  # fmt: skip
DOCUMENTS = {"partitionKey": {"kind": "Hash", "paths": ["/tenantId"], "version": 2}, "defaultTtl": -1, "indexingPolicy": document("documents-index.json")}
SEARCH = {
    "sku.name": "basic", "properties.disableLocalAuth": True, "properties.replicaCount": 1, "properties.partitionCount": 1,
    "properties.publicNetworkAccess": "Enabled", "properties.semanticSearch": "disabled",
}  # fmt: skip
VAULT = {
    "properties.sku": {"family": "A", "name": "standard"}, "properties.tenantId": "00000000-0000-0000-0000-00000000000d",
    "properties.enableRbacAuthorization": True, "properties.enableSoftDelete": True, "properties.enablePurgeProtection": True,
    "properties.softDeleteRetentionInDays": 90, "properties.publicNetworkAccess": "Enabled",
    "properties.networkAcls": {"defaultAction": "Allow", "bypass": "AzureServices"},
}  # fmt: skip
KEY = {"properties.kty": "RSA", "properties.keySize": 3072, "properties.keyOps": ["wrapKey", "unwrapKey"]}
SYSTEM = {"identity.type": "SystemAssigned"}


def kept(logs: list[str] = [], metrics: list[str] = [], group: bool = False) -> dict:
    """Logs that are kept, by category, and metrics."""
    kinds = {"logs": ("categoryGroup" if group else "category", logs), "metrics": ("category", metrics)}
    told = {f"properties.{kind}": [{name: each, "enabled": True} for each in wanted] for kind, (name, wanted) in kinds.items() if wanted}
    return {"properties.workspaceId": Id("monitor/workspace")} | told


def connection(category: str, target: str, resource: str) -> dict:
    return {"properties.category": category, "properties.target": target, "properties.authType": "AAD",
            "properties.metadata.ApiType": "Azure", "properties.metadata.ResourceId": Id(resource), "properties.metadata.location": "westeurope"}  # fmt: skip


def model(name: str, version: str) -> dict:
    return {"sku": {"name": "GlobalStandard", "capacity": 50}, "properties.model": {"format": "OpenAI", "name": name, "version": version},
            "properties.versionUpgradeOption": "OnceCurrentVersionExpired"}  # fmt: skip


def allowed(priority: int, name: str, address: str) -> dict:
    return {"name": name, "priority": priority, "action": "Allow", "tag": "ServiceTag", "ipAddress": address}


def alert(name: str, severity: int, minutes: int) -> dict:
    return {
        "kind": "LogAlert", "properties.enabled": True, "properties.severity": severity, "properties.scopes": [Id("monitor/insights")],
        "properties.evaluationFrequency": f"PT{minutes}M", "properties.windowSize": f"PT{minutes}M", "properties.autoMitigate": True,
        "properties.criteria.allOf": [{
            "query": text(f"queries/{name}.kql"), "timeAggregation": "Count", "operator": "GreaterThan", "threshold": 0,
            "failingPeriods": {"numberOfEvaluationPeriods": 1, "minFailingPeriodsToAlert": 1},
        }],
        "properties.actions.actionGroups": [Id("alerts/people")],
    }  # fmt: skip


def value(of: object) -> dict:
    return {"properties.value": of}


# What keeps names apart that are the world's, of this environment.
TOKEN = "db721d96e2af5"
RETRY = {"properties.eventDeliverySchema": "EventGridSchema", "properties.retryPolicy": {"maxDeliveryAttempts": 30, "eventTimeToLiveInMinutes": 1440}}
NOTHING = {"body": {"bytes": 0}, "headers": []}
APP = "«app/identity.properties.clientId»"

# Where everything is, but for what is everywhere.
REGION, EVERYWHERE = "westeurope", {"alerts/people": "global"}
# By key, or by a pattern of keys.
WALLS = {
    "identity/identity|tenantIdentities.*/(identity|workload)|group|storage/(queueService|queues.*)": {},
    "monitor/workspace": {
        "properties.sku.name": "PerGB2018", "properties.retentionInDays": 30,
        "properties.features": {"disableLocalAuth": True, "enableLogAccessUsingOnlyResourcePermissions": True},
    },
    "monitor/insights": {
        "kind": "web", "properties.Application_Type": "web", "properties.WorkspaceResourceId": Id("monitor/workspace"),
        "properties.IngestionMode": "LogAnalytics", "properties.DisableIpMasking": False,
    },
    "storage/account": STORE | {
        "properties.accessTier": "Hot", "properties.encryption.keySource": "Microsoft.Storage", "properties.encryption.requireInfrastructureEncryption": True,
        "properties.encryption.services": {"blob": {"enabled": True}, **{kind: {"enabled": True, "keyType": "Account"} for kind in ("queue", "table")}},
    },
    "storage/blobs": {f"properties.{what}": {"enabled": True, "days": 7} for what in ("deleteRetentionPolicy", "containerDeleteRetentionPolicy")},
    r"(storage/containers.*|tenantWalls\[\d\]/container)": {"properties.publicAccess": "None"},
    "storage/diagnostics": kept(["StorageWrite", "StorageDelete"], ["Transaction"]),
    "cosmos/account": COSMOS | {"properties.consistencyPolicy.defaultConsistencyLevel": "Strong"},
    "cosmos/database": {"properties.resource.id": "pool"},
    "cosmos/documents": {"properties.resource": {"id": "documents"} | DOCUMENTS},
    "cosmos/directory": {"properties.resource": {"id": "tenants", "partitionKey": {"kind": "Hash", "paths": ["/kind"], "version": 2}}},
    "cosmos/diagnostics": kept(["ControlPlaneRequests"], ["Requests"]),
    "search/service": SEARCH | SYSTEM,
    "(search|gateway)/diagnostics": kept(metrics=["AllMetrics"]),
    "vault/vault|tenantWalls.*/tenantVault": VAULT,
    "vault/diagnostics": kept(["audit"], group=True),
    "foundry/cosmos": COSMOS | {"properties.consistencyPolicy.defaultConsistencyLevel": "Session"},
    "foundry/search": SEARCH,
    "foundry/storage": STORE,
    "foundry/account": SYSTEM | {
        "kind": "AIServices", "sku.name": "S0", "properties.customSubDomainName": f"fas-pooled-{TOKEN}", "properties.allowProjectManagement": True,
        "properties.disableLocalAuth": True, "properties.publicNetworkAccess": "Enabled",
    },
    r"foundry/deployments\[0\]": model("gpt-5-mini", "2025-08-07"),
    r"foundry/deployments\[1\]": model("text-embedding-3-small", "1"),
    "foundry/project": SYSTEM,
    "foundry/documentsConnection": connection("CosmosDb", "«foundry/cosmos.properties.documentEndpoint»", "foundry/cosmos"),
    "foundry/filesConnection": connection("AzureStorageAccount", "«foundry/storage.properties.primaryEndpoints.blob»", "foundry/storage"),
    "foundry/vectorsConnection": connection("CognitiveSearch", f"https://srch-fas-{TOKEN}.search.windows.net", "foundry/search"),
    "foundry/accountHost": {"properties.capabilityHostKind": "Agents"},
    "foundry/projectHost": {f"properties.{kind}Connections": [name] for kind, name in [("threadStorage", "documents"), ("storage", "files"), ("vectorStore", "vectors")]},
    "foundry/diagnostics": kept(["Audit"], ["AllMetrics"]),
    "sessions/pool": {
        "properties.containerType": "PythonLTS", "properties.poolManagementType": "Dynamic", "properties.scaleConfiguration.maxConcurrentSessions": 50,
        "properties.dynamicPoolConfiguration.lifecycleConfiguration": {"lifecycleType": "Timed", "cooldownPeriodInSeconds": 300},
        "properties.sessionNetworkConfiguration.status": "EgressDisabled",
    },
    "tenantWalls.*/(key|vaultKey)": KEY,
    "tenantWalls.*/documents": {"properties.resource": {"id": "fabrikam-documents"} | DOCUMENTS},
    "app/plan": {"kind": "functionapp", "sku": {"name": "FC1", "tier": "FlexConsumption"}, "properties.reserved": True},
    "app/app": {
        "kind": "functionapp,linux", "identity.type": "UserAssigned",
        "identity.userAssignedIdentities": {Id(key): {} for key in ["identity/identity", *(f"tenantIdentities[{at}]/identity" for at in range(3))]},
        "properties.serverFarmId": Id("app/plan"), "properties.httpsOnly": True, "properties.keyVaultReferenceIdentity": Id("identity/identity"),
        "properties.clientAffinityEnabled": False, "properties.publicNetworkAccess": "Enabled",
        "properties.siteConfig": {
            "minTlsVersion": "1.2", "scmMinTlsVersion": "1.2", "ftpsState": "Disabled", "http20Enabled": True,
            "ipSecurityRestrictionsDefaultAction": "Deny",
            "ipSecurityRestrictions": [allowed(90, "event-grid", "AzureEventGrid"), allowed(100, "azure-in-region", "AzureCloud.westeurope")],
            "scmIpSecurityRestrictionsUseMain": False, "scmIpSecurityRestrictionsDefaultAction": "Allow",
        },
        "properties.functionAppConfig.runtime": {"name": "custom", "version": "1.0"},
        "properties.functionAppConfig.deployment.storage": {
            "type": "blobContainer", "value": "«app/storage.properties.primaryEndpoints.blob»deployments",
            "authentication": {"type": "UserAssignedIdentity", "userAssignedIdentityResourceId": Id("identity/identity")},
        },
        "properties.functionAppConfig.scaleAndConcurrency": {"instanceMemoryMB": 2048, "maximumInstanceCount": 40, "alwaysReady": []},
    },
    "app/(ftp|scm)Passwords": {"properties.allow": False},
    # test_app.py holds their names, and what names a resource, to the code and to what is deployed.
    "app/settings": {f"properties.{name}": said for name, said in {
        **{f"AzureWebJobsStorage__{kind}ServiceUri": f"«app/storage.properties.primaryEndpoints.{kind}»" for kind in ("blob", "queue", "table")},
        "AzureWebJobsStorage__credential": "managedidentity", "AzureWebJobsStorage__clientId": APP, "AzureWebJobsDisableHomepage": "true",
        "APPLICATIONINSIGHTS_CONNECTION_STRING": "«app/insights.properties.ConnectionString»",
        "APPLICATIONINSIGHTS_AUTHENTICATION_STRING": f"ClientId={APP};Authorization=AAD",
        "POOL_BACKEND": "azure", "AZURE_CREDENTIAL": "managed_identity", "AZURE_CLIENT_ID": APP,
        "COSMOS_ENDPOINT": f"https://cosmos-pooled-{TOKEN}.documents.azure.com/", "COSMOS_DATABASE": "pool",
        "STORAGE_ACCOUNT_URL": f"https://stpooled{TOKEN}.blob.core.windows.net", "STORAGE_QUEUE_URL": f"https://stpooled{TOKEN}.queue.core.windows.net",
        "SEARCH_ENDPOINT": f"https://srch-pooled-{TOKEN}.search.windows.net", "SEARCH_INDEX": "documents",
        "KEYVAULT_URL": f"https://kv-pooled-{TOKEN}.vault.azure.net",
        "FOUNDRY_ENDPOINT": f"https://fas-pooled-{TOKEN}.services.ai.azure.com/api/projects/pooled",
        "MODEL_ENDPOINT": f"https://fas-pooled-{TOKEN}.openai.azure.com/openai/v1",
        "MODEL_NAME": "gpt-5-mini", "MODELS": "gpt-5-mini", "EMBEDDING_MODEL": "text-embedding-3-small", "EMBEDDING_DIMENSIONS": "1536",
        **{name: f"@Microsoft.KeyVault(VaultName=kv-pooled-{TOKEN};SecretName={secret})" for name, secret in [("SEAL_KEYS", "seal-keys"), ("NAMING_KEY", "naming-key")]},
        "JWT_ISSUER": "https://issuer.example/v2.0", "JWT_ISSUERS": "[]", "JWT_AUDIENCE": "api://pool", "JWT_TENANT_CLAIM": "extension_tenantId",
        "JWT_DISCOVERY_URL": "https://issuer.example/v2.0/.well-known/openid-configuration",
    }.items()},
    "app/diagnostics": kept(["FunctionAppLogs"]),
    "gateway/service": SYSTEM | {"sku": {"name": "BasicV2", "capacity": 1}, "properties.publisherEmail": "operators@example.com", "properties.publisherName": "Pooled agents"},
    **{rf"gateway/values\[{at}\]": value(said) for at, said in enumerate([
        "extension_tenantId", "https://issuer.example/v2.0/.well-known/openid-configuration", "api://pool", "https://issuer.example/v2.0", "100", "20", "1200",
    ])},
    "gateway/logger": {
        "properties.loggerType": "applicationInsights", "properties.resourceId": Id("monitor/insights"),
        "properties.credentials": {"connectionString": "«gateway/insights.properties.ConnectionString»", "identityClientId": "SystemAssigned"},
    },
    "events/topic": SYSTEM | {"properties.source": Id("storage/account"), "properties.topicType": "Microsoft.Storage.StorageAccounts"},
    "events/subscription": RETRY | {
        "properties.filter": {
            "subjectBeginsWith": "/blobServices/default/containers/", "includedEventTypes": ["Microsoft.Storage.BlobCreated", "Microsoft.Storage.BlobDeleted"],
            "advancedFilters": [
                {"operatorType": "StringContains", "key": "subject", "values": ["/blobs/files/"]},
                {"operatorType": "StringNotBeginsWith", "key": "subject", "values": [f"/blobServices/default/containers/{name}/" for name in ("uploads", "deployments")]},
            ],
        },
        "properties.deliveryWithResourceIdentity": {"identity": {"type": "SystemAssigned"}, "destination": {
            "endpointType": "StorageQueue",
            "properties": {"resourceId": Id("storage/account"), "queueName": "blob-events", "queueMessageTimeToLiveInSeconds": 604800},
        }},
        "properties.deadLetterWithResourceIdentity": {"identity": {"type": "SystemAssigned"}, "deadLetterDestination": {
            "endpointType": "StorageBlob", "properties": {"resourceId": Id("storage/account"), "blobContainerName": "dead-events"},
        }},
    },
    "alerts/people": {
        "properties.groupShortName": "pool", "properties.enabled": True,
        "properties.emailReceivers": [{"name": "operators", "emailAddress": "operators@example.com", "useCommonAlertSchema": True}],
    },
    **{rf"alerts/alerts\[{at}\]": alert(*said) for at, said in enumerate([
        ("security-event", 1, 5), ("errors", 2, 15), ("latency", 3, 15), ("poison", 2, 15), ("throttling", 3, 15),
    ])},
    "alerts/workbook": {
        "kind": "shared", "properties.category": "workbook", "properties.sourceId": Id("monitor/insights"), "properties.version": "Notebook/1.0",
        "properties.serializedData": json.dumps(document("workbook.json")),
    },
}  # fmt: skip

# What is connected once the app is there.
SITE = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Web/sites/func/host/default"
JOINTS = {
    "key": {"properties.secret": True, "properties.value": f"«listKeys({SITE}, 2024-11-01).functionKeys.default»"},
    "api": {
        "properties.path": "", "properties.protocols": ["https"], "properties.serviceUrl": "https://«app.properties.defaultHostName»",
        "properties.format": "openapi+json", "properties.value": json.dumps(document("openapi.json")),
        "properties.translateRequiredQueryParameters": "query", "properties.subscriptionRequired": False,
    },
    "policy": {"properties.format": "rawxml"} | value(text("policies/api.xml")),
    "streamPolicies.*": {"properties.format": "rawxml"} | value(text("policies/stream.xml")),
    "tracing": {
        "properties.loggerId": f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.ApiManagement/service/apim/loggers/insights",
        "properties.alwaysLog": "allErrors", "properties.httpCorrelationProtocol": "W3C", "properties.logClientIp": False,
        "properties.verbosity": "error", "properties.operationNameFormat": "Name", "properties.sampling": {"samplingType": "fixed", "percentage": 100},
        "properties.frontend": {"request": NOTHING, "response": NOTHING}, "properties.backend": {"request": NOTHING, "response": NOTHING},
    },
    "dropFolders": RETRY | {
        "properties.filter": {"subjectBeginsWith": "/blobServices/default/containers/uploads/", "includedEventTypes": ["Microsoft.Storage.BlobCreated"]},
        "properties.destination": {"endpointType": "WebHook", "properties": {
            "endpointUrl": "https://«app.properties.defaultHostName»/runtime/webhooks/blobs?functionName=Host.Functions.ingest_blob"
                           f"&code=«listKeys({SITE}, 2024-11-01).systemKeys.blobs_extension»",
            "minimumTlsVersionAllowed": "1.2",
        }},
    },
}  # fmt: skip


def flat(path: str, said: object) -> Iterator[tuple[str, object]]:
    """Members by path; a list is one."""
    if isinstance(said, dict) and said:
        for name, each in said.items():
            yield from flat(f"{path}.{name}".lstrip("."), each)
    elif path not in ("", "properties"):
        yield path, said


def free(of: Resource, path: str) -> bool:
    return any(re.fullmatch(kind, of.type) and re.fullmatch(paths, path) for kind, (paths, _) in FREE.items())


def breaches(found: Deployment, walls: dict) -> list[str]:
    """Members that are not as they must be, are gone, or are held by nothing."""
    ids = {each.key: each.id for each in found.resources}

    def real(wanted: object) -> object:
        if isinstance(wanted, Id):
            return ids[wanted]
        if isinstance(wanted, dict):
            return {real(name): real(each) for name, each in wanted.items()}
        return [real(each) for each in wanted] if isinstance(wanted, list) else wanted

    told, unmet = [], set(walls)
    for each in (each for each in found.resources if each.made):
        patterns = [pattern for pattern in walls if re.fullmatch(pattern, each.key)]
        unmet -= set(patterns)
        wanted = {path: said for pattern in patterns for path, said in flat("", real(walls[pattern]))}
        if "location" in each.body:
            wanted["location"] = EVERYWHERE.get(each.key, REGION)
        body = {path: said for path, said in flat("", {name: said for name, said in each.body.items() if name != "name"}) if not free(each, path)}
        told += [f"{each.key}: {path} is {body.get(path, 'not there')!r}" for path in wanted if body.get(path) != wanted[path]]
        told += [f"{each.key}: {path} is held by nothing" for path in body.keys() - wanted.keys()]
    return told + [f"{pattern}: no such resource" for pattern in unmet]
