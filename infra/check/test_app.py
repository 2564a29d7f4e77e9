"""The app: its settings, host.json and functions, held to each other, to the code and to their schemas."""

import json
import re

import jsonschema

from bicep import read as read_bicep
from deploy import Deployment
from given import ENVIRONMENT, INFRA, ROOT, Copy, deployment, parameters, schemas

# Set where the service runs on a developer's machine, and not in Azure.
LOCAL = {
    "FUNCTIONS_WORKER_RUNTIME": "Flex Consumption refuses it: the runtime is a property of the app",
    "AzureWebJobsStorage": "by identity in Azure: AzureWebJobsStorage__…",
    "POOL_STATE": "of the local backend",
    "LOCAL_STORAGE_URL": "of the local backend",
    "JWT_JWKS_FILE": "keys come from the issuer's discovery document",
    "MODEL_API_KEY": "the app's identity opens the model",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "telemetry goes to Application Insights",
}
# Of use in Azure with their defaults; main.bicep leaves them alone.
DEFAULTS = {
    "RECORD_COLLECTIONS", "SEARCH_FIELDS", "MAX_FILE_BYTES", "CORS_ORIGINS", "LOG_LEVEL", "JWT_PLATFORM_AUDIENCE", "JWT_PERMISSIONS", "MCP_SERVERS",
}  # fmt: skip
# Read by the Functions host.
HOST = re.compile(r"AzureWebJobsStorage__(blobServiceUri|queueServiceUri|tableServiceUri|credential|clientId)|AzureWebJobsDisableHomepage|APPLICATIONINSIGHTS_(CONNECTION|AUTHENTICATION)_STRING")
def in_code() -> set[str]:
    text = (ROOT / "handler/src/config.rs").read_text()
    return set(re.findall(r'^\s*setting\(\s*"([A-Z_]+)"', text, re.M))


def in_azure(found) -> dict:
    return next(each for each in found.resources if each.key == "app/settings").body["properties"]


def disagreements(found, code: set[str]) -> list[str]:
    example = json.loads((ROOT / "local.settings.json.example").read_text())
    azure = set(in_azure(found))
    wrong = [f"{name}: in Azure, and the code does not know it" for name in azure - code if not HOST.fullmatch(name)]
    wrong += [f"{name}: in Azure, though it is local: {LOCAL[name]}" for name in azure & set(LOCAL)]
    wrong += [f"{name}: in the code, and neither in Azure, nor local, nor left at its default" for name in code - azure - set(LOCAL) - DEFAULTS]
    wrong += [f"{name}: the example and the code disagree" for name in (set(example["Values"]) ^ code) - {"FUNCTIONS_WORKER_RUNTIME", "AzureWebJobsStorage"}]
    return wrong


def test_settings_agree(tmp_path):
    code = in_code()
    assert len(code) > 15
    assert not disagreements(deployment(), code)
    typo = Copy(tmp_path).change("app.bicep", "COSMOS_DATABASE:", "COSMOS_DB:").deployment()
    assert disagreements(typo, code) == [
        "COSMOS_DB: in Azure, and the code does not know it",
        "COSMOS_DATABASE: in the code, and neither in Azure, nor local, nor left at its default",
    ]
    assert disagreements(deployment(), code | {"NEW_SETTING"})
    assert disagreements(deployment(), code - {"JWT_ISSUER"})


def test_settings_mean_what_is_deployed():
    found = deployment()
    settings = in_azure(found)
    names = {each.type: each.name for each in found.resources if each.made and each.key in ("storage/account", "cosmos/account", "search/service", "vault/vault")}
    account = names["Microsoft.Storage/storageAccounts"]
    assert settings["STORAGE_ACCOUNT_URL"] == f"https://{account}.blob.core.windows.net"
    assert settings["STORAGE_QUEUE_URL"] == f"https://{account}.queue.core.windows.net"
    assert settings["SEARCH_ENDPOINT"] == f"https://{names['Microsoft.Search/searchServices']}.search.windows.net"
    assert settings["COSMOS_ENDPOINT"] == f"https://{names['Microsoft.DocumentDB/databaseAccounts']}.documents.azure.com/"
    vault = names["Microsoft.KeyVault/vaults"]
    assert settings["KEYVAULT_URL"] == f"https://{vault}.vault.azure.net"
    for name in ("SEAL_KEYS", "NAMING_KEY"):
        secret = re.fullmatch(rf"@Microsoft\.KeyVault\(VaultName={vault};SecretName=([\w-]+)\)", settings[name])[1]
        assert f"keep {secret} " in (INFRA / "hooks/postprovision.sh").read_text(), name
    assert settings["JWT_DISCOVERY_URL"].endswith("/.well-known/openid-configuration")
    databases = {each.name.split("/")[1] for each in found.of("Microsoft.DocumentDB/databaseAccounts/sqlDatabases")}
    assert databases == {settings["COSMOS_DATABASE"]}
    deployed = {each.name.split("/")[1] for each in found.of("Microsoft.CognitiveServices/accounts/deployments")}
    assert deployed == {settings["MODEL_NAME"], settings["EMBEDDING_MODEL"]}
    assert all(isinstance(value, str) for value in settings.values())


def test_every_queue_and_container_that_a_function_waits_for_is_deployed():
    found = deployment()
    queues = {each.name.split("/")[-1] for each in found.of("Microsoft.Storage/storageAccounts/queueServices/queues")}
    containers = {each.name.split("/")[-1] for each in found.of("Microsoft.Storage/storageAccounts/blobServices/containers")}
    bindings = [each for path in ROOT.glob("functions/*/function.json") for each in json.loads(path.read_text())["bindings"]]
    wanted = {each["queueName"] for each in bindings if "queueName" in each}
    assert wanted and queues == wanted | {f"{name}-poison" for name in wanted} | {"webjobs-blobtrigger-poison"}, "the last is the host's, for blob triggers"
    assert {each["path"].split("/")[0] for each in bindings if each["type"] == "blobTrigger"} <= containers
    assert all(each["connection"] == "AzureWebJobsStorage" for each in bindings if "connection" in each)
    assert all(each.get("source") == "EventGrid" for each in bindings if each["type"] == "blobTrigger"), "Flex polls no blobs"
    topics = [each.body["properties"]["deliveryWithResourceIdentity"]["destination"]["properties"] for each in found.of("Microsoft.EventGrid/systemTopics/eventSubscriptions")]
    assert {each["queueName"] for each in topics} <= wanted


def test_infra_settings_can_be_set_and_are_told():
    """What main.bicepparam reads, with its default, is what docs/OPERATIONS.md tells and what the workflow hands on."""
    read = dict(re.findall(r"readEnvironmentVariable\('(?!AZURE_)(\w+)'(?:, '([^']*)')?\)", (INFRA / "main.bicepparam").read_text()))
    section = (ROOT / "docs/OPERATIONS.md").read_text().split("\n### What can be set\n")[1].split("\n### ")[0]
    assert dict(re.findall(r"^\| `(\w+)` \| (?:needed|none|`(.*?)`) \|", section, re.M)) == read
    workflow = (ROOT / ".github/workflows/deploy.yml").read_text()
    handed = {name: default for name, default in re.findall(r"^      (\w+): \$\{\{ vars\.\1(?: \|\| '([^']*)')? \}\}$", workflow, re.M) if not name.startswith("AZURE_")}
    assert handed == read, "an empty variable is no default: the workflow must say it"
    assert Deployment(INFRA / "main.bicepparam", {}, ENVIRONMENT | {"GATEWAY_ADDRESSES": "192.0.2.1/32,192.0.2.2/32", "ALWAYS_READY": "2"}).outputs.items() >= {
        "gatewayAddresses": ["192.0.2.1/32", "192.0.2.2/32"], "alwaysReady": 2,
    }.items()  # fmt: skip
    assert parameters()["gatewayAddresses"] == []


def test_one_tenant_can_be_deployed_by_the_outputs():
    """tenant.bicep by itself is given what it needs by main.bicep's outputs of the same names, and by identities.bicep, which needs nothing."""
    def needed(file: str) -> list[str]:
        return [name for name, each in read_bicep(INFRA / file).declared.items() if each.kind == "param" and each.value is None and name != "tenant"]

    outputs, first = deployment().outputs, read_bicep(INFRA / "identities.bicep").outputs
    assert len(needed("tenant.bicep")) > 6 and not needed("identities.bicep")
    for name in needed("tenant.bicep"):
        assert name in first or outputs.get(re.sub(r"([A-Z])", r"_\1", name).upper()), name


def host_faults(document: dict) -> list[str]:
    rules = json.loads(schemas("host.schema.json").read_text())
    # The second of its two forms is host.json of today, and tells its faults better than both do.
    rules = {**rules, **rules["oneOf"][1]}
    del rules["oneOf"]
    return [fault.message for fault in jsonschema.validators.validator_for(rules)(rules).iter_errors(document)]


def function_faults(document: dict) -> list[str]:
    """Each binding is held to the schema's form for its type. The schema as a whole accepts no HTTP binding at all: two of its
    forms overlap, where it wants exactly one."""
    rules = json.loads(schemas("function.schema.json").read_text())
    forms = {}
    for form in rules["definitions"].values():
        for each in form.get("oneOf", [form]):
            for kind in each.get("properties", {}).get("type", {}).get("enum", []):
                forms[kind] = [{"properties": form.get("properties", {})}, each]
    found = []
    for binding in document["bindings"]:
        if binding.get("type") not in forms:
            found.append(f"no such binding: {binding.get('type')}")
            continue
        parts = [rules["definitions"]["bindingBase"], *forms[binding["type"]]]
        rule = {"allOf": parts, "definitions": rules["definitions"]}
        found += [fault.message for fault in jsonschema.Draft4Validator(rule).iter_errors(binding)]
        known = {name for part in parts for name in part["properties"]} | UNHEARD.get(binding["type"], set())
        found += [f"{binding['type']} has no {name}" for name in set(binding) - known]
    return found


# Members that the Functions host reads and the published schema has not heard of.
UNHEARD = {"blobTrigger": {"source"}}


def test_host_json_is_what_its_schema_says():
    host = json.loads((ROOT / "host.json").read_text())
    # The host reads it (HttpWorkerOptions); the published schema has not heard of it.
    assert host_faults(host) and host["customHandler"].pop("initializationTimeout")
    # The handler's lines, which it sends to Application Insights itself, with their tenant. What is a fault goes to standard error.
    assert host["logging"]["logLevel"] == {"Host.Function.Console": "Warning"}
    assert host["customHandler"]["description"]["useStdErrorStreamForErrorsOnly"] is True, "else a line without the word error is no error"
    assert not host_faults(host)
    for fault in ({"functionTimeout": 30}, {"customHandler": {"descriptions": {}}}, {"extensions": {"queues": {"batchSize": "16"}}}, {"queues": {}}):
        assert host_faults({**host, **fault}), fault


def test_functions_are_what_their_schema_says():
    paths = sorted(ROOT.glob("functions/*/function.json"))
    assert len(paths) > 40
    for path in paths:
        assert not function_faults(json.loads(path.read_text())), path.parent.name
    queue = json.loads((ROOT / "functions/ingest_document/function.json").read_text())["bindings"][0]
    http = json.loads((ROOT / "functions/health/function.json").read_text())["bindings"][0]
    for binding in [
        {**queue, "type": "queTrigger"}, {**queue, "queue": "ingest"}, {**queue, "queueName": 1}, {**queue, "dataType": "bytes"},
        {**http, "direction": "out"}, {**http, "methods": "get"}, {**http, "authLevel": "anybody"}, {"type": "httpTrigger"},
    ]:  # fmt: skip
        assert function_faults({"bindings": [binding]}), binding


def test_names_are_those_that_the_service_asks_for():
    def code(path: str, text: str):
        assert text in (ROOT / "handler" / path).read_text(), f"{path} no longer has {text!r}"

    made = {each.key: each for each in deployment().resources if each.made}
    code("azure/src/vault/keys.rs", 'const KEY: &str = "data";')
    code("azure/src/vault/mod.rs", 'format!("{tenant}--{name}")')
    assert [made[key].name.split("/")[1] for key in ("tenantWalls[0]/key", "tenantWalls[2]/vaultKey")] == ["contoso--data", "fabrikam--data"]
    code("azure/src/cosmos.rs", 'format!("{prefix}-{container}")')
    code("azure/src/records/mod.rs", 'const DOCUMENTS: &str = "documents";')
    assert made["cosmos/documents"].name.endswith("/pool/documents") and made["tenantWalls[2]/documents"].name.endswith("/pool/fabrikam-documents")
    code("azure/src/directory.rs", 'const TENANTS: &str = "tenants";')
    assert made["cosmos/directory"].name.endswith("/pool/tenants")
    code("pool/src/tenant.rs", "if self.storage_container.is_empty() { &self.id } else")
    assert made["tenantWalls[0]/container"].name.endswith("/default/contoso")
    code("azure/src/index/mod.rs", 'format!("{prefix}-{}", self.shared)')
    assert in_azure(deployment())["SEARCH_INDEX"] == "documents"
