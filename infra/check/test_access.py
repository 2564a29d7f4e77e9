"""Role assignments and their conditions, asked: who may do what to which blob."""

import json
import re

import pytest

from access import BLOBS, CONTAINERS, DELEGATE, Ask, Condition, allowed, matches, roles
from bicep import Fault
from deploy import Deployment
from given import INFRA, ROOT, TENANTS, Copy, deployment, parameters
from grants import grants

READ, WRITE, ADD, DELETE = f"{BLOBS}/read", f"{BLOBS}/write", f"{BLOBS}/add/action", f"{BLOBS}/delete"
LIST, TAGGED = "Blob.List", "Blob.Write.WithTagHeaders"


def account(found):
    return next(each.id for each in found.of("Microsoft.Storage/storageAccounts") if each.key == "storage/account")


def who(name):
    """A tenant's principal, or its workload's; `app`, or `topic`: Event Grid's."""
    if name.endswith("/workload"):
        return who(name.removesuffix("/workload")).replace("/identity.", "/workload.")
    at = [tenant["id"] for tenant in TENANTS].index(name) if name not in ("app", "topic", "stranger") else None
    known = {"app": "identity/identity.properties", "topic": "events/topic.identity", "stranger": "nobody"}
    return f"«{known.get(name, f'tenantIdentities[{at}]/identity.properties')}.principalId»"


# yes or no, who, action, container, then what else matters.
TABLE = [
    # A tenant's own container.
    ("yes", "contoso", READ, "contoso", {"path": "files/file_1"}),
    ("yes", "contoso", READ, "contoso", {"sub": LIST}),
    ("yes", "contoso", READ, "contoso", {"sub": LIST, "prefix": "files/"}),
    ("yes", "contoso", WRITE, "contoso", {"path": "files/file_1"}),
    ("yes", "contoso", ADD, "contoso", {"path": "files/file_1"}),
    ("yes", "contoso", DELETE, "contoso", {"path": "files/file_1"}),
    # Another's, also one whose name begins alike.
    *[
        ("no", mine, action, theirs, extra)
        for mine, theirs in [("contoso", "fabrikam"), ("fabrikam", "contoso"), ("contoso", "contoso-eu"), ("contoso-eu", "contoso")]
        for action, extra in [
            (READ, {"path": "files/file_1"}), (READ, {"sub": LIST}), (READ, {"sub": LIST, "prefix": "files/"}),
            (READ, {"path": "x", "tags": {"tenantId": "contoso"}}), (WRITE, {"path": "files/file_1"}),
            (WRITE, {"path": "x", "sub": TAGGED, "new_tags": {"tenantId": "contoso"}}), (ADD, {"path": "x"}), (DELETE, {"path": "x"}),
        ]
    ],  # fmt: skip
    # The shared drop folders.
    ("yes", "contoso", WRITE, "uploads", {"path": "contoso/report.pdf"}),
    ("yes", "contoso", READ, "uploads", {"path": "contoso/2026/report.pdf"}),
    ("yes", "contoso", DELETE, "uploads", {"path": "contoso/report.pdf"}),
    ("yes", "contoso", READ, "uploads", {"sub": LIST, "prefix": "contoso/"}),
    ("yes", "contoso", READ, "uploads", {"sub": LIST, "prefix": "contoso/2026/"}),
    ("no", "contoso", READ, "uploads", {"sub": LIST}),
    ("no", "contoso", READ, "uploads", {"sub": LIST, "prefix": ""}),
    ("no", "contoso", READ, "uploads", {"sub": LIST, "prefix": "contoso"}),
    ("no", "contoso", READ, "uploads", {"sub": LIST, "prefix": "contoso-eu/"}),
    ("no", "contoso", READ, "uploads", {"sub": LIST, "prefix": "fabrikam/"}),
    ("no", "contoso", READ, "uploads", {"path": "fabrikam/report.pdf"}),
    ("no", "contoso", READ, "uploads", {"path": "contoso-eu/report.pdf"}),
    ("no", "contoso", READ, "uploads", {"path": "Contoso/report.pdf"}),
    ("no", "contoso", READ, "uploads", {"path": "contoso"}),
    ("no", "contoso", READ, "uploads", {"path": "x/contoso/report.pdf"}),
    ("no", "contoso", WRITE, "uploads", {"path": "fabrikam/report.pdf"}),
    ("no", "contoso", ADD, "uploads", {"path": "fabrikam/report.pdf"}),
    ("no", "contoso", DELETE, "uploads", {"path": "fabrikam/report.pdf"}),
    ("no", "contoso", WRITE, "uploads", {"path": "fabrikam/x", "sub": TAGGED, "new_tags": {"tenantId": "contoso"}}),
    # Tags name nobody but their writer.
    ("yes", "contoso", WRITE, "contoso", {"path": "x", "sub": TAGGED, "new_tags": {"tenantId": "contoso"}}),
    ("no", "contoso", WRITE, "contoso", {"path": "x", "sub": TAGGED, "new_tags": {"tenantId": "fabrikam"}}),
    ("no", "contoso", WRITE, "contoso", {"path": "x", "sub": TAGGED, "new_tags": {"tenantid": "contoso"}}),
    ("no", "contoso", WRITE, "contoso", {"path": "x", "sub": TAGGED, "new_tags": {}}),
    ("no", "contoso", ADD, "contoso", {"path": "x", "sub": TAGGED, "new_tags": {"tenantId": "fabrikam"}}),
    ("no", "contoso", WRITE, "uploads", {"path": "contoso/x", "sub": TAGGED, "new_tags": {"tenantId": "fabrikam"}}),
    ("yes", "contoso", f"{BLOBS}/tags/write", "contoso", {"path": "x", "new_tags": {"tenantId": "contoso"}}),
    ("no", "contoso", f"{BLOBS}/tags/write", "contoso", {"path": "x", "new_tags": {"tenantId": "fabrikam"}}),
    ("no", "contoso", f"{BLOBS}/tags/write", "contoso", {"path": "x", "new_tags": {}}),
    ("no", "contoso", f"{BLOBS}/tags/write", "fabrikam", {"path": "x", "new_tags": {"tenantId": "contoso"}}),
    # What is the pool's own.
    ("no", "contoso", READ, "deployments", {"path": "app.zip"}),
    ("no", "contoso", WRITE, "deployments", {"path": "app.zip"}),
    ("no", "contoso", READ, "dead-events", {"sub": LIST}),
    ("no", "contoso", f"{BLOBS}/filter/action", "contoso", {}),
    # Containers themselves: no condition could guard these.
    *[("no", "contoso", f"{CONTAINERS}/{action}", container, {}) for action in ("delete", "write") for container in ("contoso", "uploads", "fabrikam")],
    # Links are signed for oneself.
    ("yes", "contoso", DELEGATE, "contoso", {}),
    ("no", "stranger", DELEGATE, "contoso", {}),
    ("no", "stranger", READ, "contoso", {"path": "files/file_1"}),
    # A tenant's own workload has the tenant's container, and not what it shares with others.
    *[("yes", "fabrikam/workload", action, "fabrikam", {"path": "files/file_1"}) for action in (READ, WRITE, ADD, DELETE)],
    ("yes", "fabrikam/workload", READ, "fabrikam", {"sub": LIST}),
    ("no", "fabrikam/workload", READ, "contoso", {"path": "files/file_1"}),
    ("no", "fabrikam/workload", READ, "contoso", {"sub": LIST}),
    ("no", "fabrikam/workload", WRITE, "contoso", {"path": "x"}),
    ("no", "fabrikam/workload", WRITE, "fabrikam", {"path": "x", "sub": TAGGED, "new_tags": {"tenantId": "contoso"}}),
    ("no", "fabrikam/workload", WRITE, "uploads", {"path": "fabrikam/report.pdf"}),
    ("no", "fabrikam/workload", READ, "uploads", {"path": "contoso/report.pdf"}),
    ("no", "fabrikam/workload", READ, "deployments", {"path": "app.zip"}),
    ("no", "fabrikam/workload", DELEGATE, "fabrikam", {}),
    # The app works for all; Event Grid buries what it could not deliver, and no more.
    ("yes", "app", READ, "contoso", {"path": "files/file_1"}),
    ("yes", "app", WRITE, "deployments", {"path": "app.zip"}),
    ("yes", "topic", WRITE, "dead-events", {"path": "x"}),
    ("no", "topic", READ, "contoso", {"path": "files/file_1"}),
    ("no", "topic", READ, "uploads", {"path": "contoso/x"}),
]


def wrong(found):
    """The rows that are not answered as the table says."""
    place = account(found)
    return [row for row in TABLE if allowed(found, place, Ask(who(row[1]), row[2], row[3], **row[4])) != (row[0] == "yes")]


def test_everybody_may_do_what_the_table_says_and_no_more():
    assert not wrong(deployment())
    assert sum(row[0] == "no" for row in TABLE) > 50


AS_WORKLOAD = "principalId: workloadPrincipalId\n    principalType: 'ServicePrincipal'"
OWN, DROP = "conditions/own-container.txt", "conditions/drop-folder.txt"
SCOPE = "scope: container\n"
FAULTS = {
    "a role at the account, without the container in the condition": [
        ("tenant.bicep", SCOPE, "scope: account\n"), (OWN, f"@Resource[{CONTAINERS}:name] StringEquals 'TENANT'", f"@Resource[{CONTAINERS}:name] StringLike '*'"),
    ],
    "a container that only begins alike": [("tenant.bicep", SCOPE, "scope: account\n"), (OWN, ":name] StringEquals 'TENANT'", ":name] StringStartsWith 'TENANT'")],
    "a folder that only begins alike": [(DROP, "StringLike 'TENANT/*'", "StringLike 'TENANT*'")],
    "lists that are not guarded": [(DROP, f"!(ActionMatches{{'{READ}'}} AND SubOperationMatches{{'Blob.List'}})", f"!(ActionMatches{{'{DELETE}'}} AND ActionMatches{{'{READ}'}})")],
    "a list of what begins alike": [(DROP, "StringStartsWith 'TENANT/'", "StringStartsWith 'TENANT'")],
    "writes that are not guarded": [(DROP, f"!(ActionMatches{{'{WRITE}'}})\n", f"!(ActionMatches{{'{READ}'}} AND NOT SubOperationMatches{{'Blob.List'}})\n")],
    "deletes that are not guarded": [(DROP, f"!(ActionMatches{{'{DELETE}'}})\n", f"!(ActionMatches{{'{ADD}'}})\n")],
    "appends that are not guarded": [(DROP, f"!(ActionMatches{{'{ADD}'}})\n", f"!(ActionMatches{{'{DELETE}'}})\n")],
    "tags that name another": [(OWN, "<$key_case_sensitive$>] StringEquals 'TENANT'", "<$key_case_sensitive$>] StringLike '*'")],
    "tags on an append": [(OWN, f"!(ActionMatches{{'{ADD}'}} AND SubOperationMatches", f"!(ActionMatches{{'{WRITE}'}} AND SubOperationMatches")],
    "the built-in role, which may delete containers": [("storage.bicep", "output tenantRoleId string = tenantRole.id",
        "output tenantRoleId string = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.StorageBlobDataContributor.id)")],
    "an owner's role, which writes tags": [("storage.bicep", "          '${blobActions}/write'\n", "          '${blobActions}/*'\n")],
    "tenants' identities swapped": [("tenant.bicep", "replace(loadTextContent('conditions/drop-folder.txt'), 'TENANT', tenant)", "replace(loadTextContent('conditions/drop-folder.txt'), 'TENANT', 'fabrikam')")],
    "a workload's role on the whole account, without its condition": [
        ("tenant.bicep", "guid(container.id, workloadPrincipalId, tenantRoleId)\n  scope: container", "guid(account.id, workloadPrincipalId, tenantRoleId)\n  scope: account"),
        ("tenant.bicep", f"{AS_WORKLOAD}\n    conditionVersion: '2.0'\n    condition: ownCondition", AS_WORKLOAD),
    ],
    "Event Grid's role on the whole account": [("events.bicep", "scope: deadEvents", "scope: account")],
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_the_table_finds(tmp_path, fault):
    copy = Copy(tmp_path)
    for change in FAULTS[fault]:
        copy.change(*change)
    assert wrong(copy.deployment())


def test_the_table_finds_an_assignment_without_its_condition():
    found = Deployment(INFRA / "main.bicep", parameters())
    for each in found.of("Microsoft.Authorization/roleAssignments"):
        each.body["properties"].pop("condition", None)
    assert wrong(found)


def test_conditions_are_of_version_two():
    for each in deployment().of("Microsoft.Authorization/roleAssignments"):
        properties = each.body["properties"]
        assert ("condition" in properties) == (properties.get("conditionVersion") == "2.0"), each.key
        assert properties["principalType"] == "ServicePrincipal" or each.key == "vault/deployer", each.key
        if "condition" in properties:
            Condition(properties["condition"])


@pytest.mark.parametrize("text, told", [
    ("@Resource.tag.tenantId == 'contoso'", "not a condition"),
    (f"ActionMatches{{'{BLOBS}/reads'}}", "storage has no"),
    ("SubOperationMatches{'Blob.Lists'}", "storage has no"),
    (f"@Resource[{CONTAINERS}:names] StringEquals 'x'", "storage has no"),
    (f"@Resource[{BLOBS}:prefix] StringEquals 'x'", "storage has no"),
    (f"@Request[{BLOBS}/tags:tenantId] StringEquals 'x'", "storage has no"),
    (f"@Resource[{CONTAINERS}:name] Equals 'x'", "no such comparison"),
    (f"(@Resource[{CONTAINERS}:name] StringEquals 'x'", "does not close"),
    (f"@Resource[{CONTAINERS}:name] StringEquals 'x')", "goes on after its end"),
    ("", "ends too soon"),
])  # fmt: skip
def test_what_is_no_condition_is_refused(text, told):
    with pytest.raises(Fault, match=told):
        Condition(text)


def test_roles_are_named_once_and_by_their_table():
    table = json.loads((INFRA / "roles.json").read_text())
    own = {each.name for each in deployment().of("Microsoft.Authorization/roleDefinitions")}
    given = {each.body["properties"]["roleDefinitionId"].split("/")[-1] for each in deployment().of("Microsoft.Authorization/roleAssignments")}
    assert given - own == {each["id"] for each in table.values()}, "the table has exactly the built-in roles that are given"
    for key, each in table.items():
        assert key == re.sub(r"\W", "", each["name"]) or "was" in each["name"], key
    cosmos = "00000000-0000-0000-0000-000000000002"
    for path in INFRA.glob("*.bicep"):
        guids = set(re.findall(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", path.read_text()))
        assert guids <= {cosmos}, f"{path.name}: a role's id belongs in roles.json"


def whole_accounts(found):
    """Who is given a whole account of tenants' data, but the app."""
    data = {"storage/account", "cosmos/account", "search/service", "vault/vault"}
    whole = {each.id for each in found.resources if each.key in data and each.made}
    assert len(whole) == len(data)
    table = {each["id"]: key for key, each in json.loads((INFRA / "roles.json").read_text()).items()}
    harmless = {"StorageBlobDelegator", "KeyVaultSecretsOfficer"}
    given = [
        each.key for each in found.of("Microsoft.Authorization/roleAssignments")
        if each.scope in whole and each.body["properties"]["principalId"] != who("app")
        and table.get(each.body["properties"]["roleDefinitionId"].split("/")[-1]) not in harmless
    ]  # fmt: skip
    rows = found.of("Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments")
    return given + [each.key for each in rows if not re.search(r"/dbs/\w+", each.body["properties"]["scope"])]


def test_no_identity_but_the_apps_is_given_a_whole_account_of_tenants_data():
    assert whole_accounts(deployment()) == []
    stores = {"foundry/storage", "foundry/cosmos", "foundry/search"}
    assert stores <= {each.key for each in deployment().resources if each.made}, "Foundry's state is in stores of its own"


@pytest.mark.parametrize("file, old, new, told", [
    ("main.bicep", "searchName: 'srch-fas-${token}'", "searchName: 'srch-pooled-${token}'", "foundry/searchRoles[0]"),
    ("main.bicep", "cosmosName: 'cosmos-fas-${token}'", "cosmosName: 'cosmos-pooled-${token}'", "foundry/cosmosOperator"),
    ("main.bicep", "storageName: 'stfas${token}'", "storageName: 'stpooled${token}'", "foundry/storageOwner"),
    ("tenant.bicep", "${cosmos.id}/dbs/${cosmosDatabase}/colls/${collection}", "${cosmos.id}", "tenantWalls[0]/data"),
])  # fmt: skip
def test_a_whole_account_is_found(tmp_path, file, old, new, told):
    assert told in whole_accounts(Copy(tmp_path).change(file, old, new).deployment())


# As Foundry spells it; a misspelt one is no error in a role, it allows nothing.
AS_USER = "Microsoft.CognitiveServices/accounts/AIServices/agents/endpoints/UserIdentityImpersonation/action"


def askers(found):
    """Who may tell Foundry for which user they ask, with what else the role of theirs allows, and where."""
    known, project = roles(found), next(each for each in found.resources if each.key == "foundry/project")
    return sorted(
        (each.body["properties"]["principalId"], *known[role][0], *known[role][1], each.scope == project.id)
        for each in found.of("Microsoft.Authorization/roleAssignments")
        if (role := each.body["properties"]["roleDefinitionId"].split("/")[-1]) in known and matches(known[role][1], AS_USER)
    )


def test_who_asks_foundry_for_a_user_may_say_so_and_nobody_else():
    header = 'call.header("x-ms-user-identity"'
    assert header in (ROOT / "handler/azure/src/foundry/mod.rs").read_text(), "then nobody needs the role"
    # The app is who asks where a tenant has no identity of its own.
    names = ["app", *(tenant["id"] for tenant in TENANTS)]
    assert askers(deployment()) == sorted((who(name), AS_USER, True) for name in names)


@pytest.mark.parametrize("file, old, new", [
    ("foundry.bicep", "endpoints/UserIdentityImpersonation/action'", "UserIdentityImpersonation/action'"),
    ("foundry.bicep", "['Microsoft.CognitiveServices/accounts/AIServices/agents/endpoints/UserIdentityImpersonation/action']", "['Microsoft.CognitiveServices/*']"),
    ("foundry.bicep", "roleDefinitionId: userRole.id\n    principalId: appPrincipalId", "roleDefinitionId: userRole.id\n    principalId: project.identity.principalId"),
    ("foundry.bicep", "appPrincipalId, userRole.id)\n  scope: project", "appPrincipalId, userRole.id)\n  scope: account"),
    ("tenant.bicep", "roleDefinitionId: userRoleId\n    principalId: principalId", "roleDefinitionId: userRoleId\n    principalId: workloadPrincipalId"),
    ("main.bicep", "userRoleId: foundry.outputs.userRoleId", "userRoleId: storage.outputs.tenantRoleId"),
])  # fmt: skip
def test_who_may_not_ask_for_a_user_or_may_do_more_is_found(tmp_path, file, old, new):
    assert askers(Copy(tmp_path).change(file, old, new).deployment()) != askers(deployment())


def beyond_its_container(found):
    """What tenants' own workloads are given but one role on the tenant's container; and whom else a workload acts as."""
    wrong, kinds = [], ("Microsoft.Authorization/roleAssignments", "Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments")
    for credential in found.of("Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials"):
        identity = credential.name.split("/")[0]
        if not identity.startswith("id-workload-"):
            wrong.append(f"{identity} is acted as from outside")
    for workload in [each.key for each in found.resources if each.key.endswith("/workload") and each.made]:
        principal, module = f"«{workload}.properties.principalId»", workload.replace("Identities", "Walls").split("/")[0]
        given = [each for kind in kinds for each in found.of(kind) if each.body["properties"]["principalId"] == principal]
        wrong += [each.key for each in given if each.key != f"{module}/workloadBlobs"]
        if not any(each.key == f"{module}/workloadBlobs" for each in given):
            wrong.append(f"{module}: the workload has no container")
    return wrong


def test_a_tenants_own_workload_has_the_container_alone(tmp_path):
    assert [each.key for each in deployment().resources if each.key.endswith("/workload") and each.made] == ["tenantIdentities[2]/workload"]
    assert not beyond_its_container(deployment())
    copy = Copy(tmp_path / "first").change("identities.bicep", "parent: workload\n", "parent: identity\n")
    assert beyond_its_container(copy.deployment()) == ["id-tenant-fabrikam is acted as from outside"]
    for store, old in {
        "data": "principalId: principalId\n    roleDefinitionId: dataContributor",
        "agents": "roles.AzureAIUser.id)\n    principalId: principalId",
        "models": "roles.CognitiveServicesOpenAIUser.id)\n    principalId: principalId",
        "delegator": "roles.StorageBlobDelegator.id)\n    principalId: principalId",
    }.items():
        copy = Copy(tmp_path / store).change("tenant.bicep", old, old.replace("principalId: principalId", "principalId: workloadPrincipalId"))
        assert f"tenantWalls[2]/{store}" in beyond_its_container(copy.deployment()), store


def test_doctor_compares_with_what_is_given(tmp_path):
    told = json.loads((INFRA / "grants.json").read_text())
    assert told == grants(deployment()), "infra/check/grants.py says how to write it anew"
    for file, old, new in [
        ("tenant.bicep", "roles.CognitiveServicesOpenAIUser.id", "roles.AzureAIUser.id"),
        ("tenant.bicep", "scope: container\n", "scope: account\n"),
        ("tenant.bicep", f"{AS_WORKLOAD}\n    conditionVersion: '2.0'\n    condition: ownCondition", f"{AS_WORKLOAD}\n    conditionVersion: '2.0'\n    condition: dropCondition"),
        ("cosmos.bicep", "principalId: appPrincipalId", "principalId: deployerPrincipalId"),
    ]:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        assert told != grants(Copy(folder).change(file, old, new).deployment()), new


def misnamed(folder):
    """Role assignments whose name would stay if their principal were made anew: Azure does not let one change hands."""
    for file in sorted(folder.glob("*.bicep")):
        for resource, text in re.findall(r"^resource (\w+) 'Microsoft\.\S*[rR]oleAssignments@(.*?)^}", file.read_text(), re.M | re.S):
            name, principal = re.search(r"^  name: guid\((.*)\)$", text, re.M), re.search(r"^ +principalId: (\S+)$", text, re.M)
            # What is the service's own identity in a resource is known when that is there: the name has the resource then.
            if not name or principal[1].replace(".identity.principalId", ".id") not in name[1].split(", "):
                yield f"{file.stem}/{resource}"


@pytest.mark.parametrize("file, old, new, told", [
    ("tenant.bicep", "guid(uploads.id, principalId", "guid(uploads.id, identity.id", "tenant/dropFolder"),
    ("tenant.bicep", "guid(cosmos.id, principalId, collection)", "guid(cosmos.id, collection)", "tenant/data"),
    ("search.bicep", "guid(service.id, appPrincipalId, role)", "string(service.id)", "search/assignments"),
])  # fmt: skip
def test_an_assignment_is_named_after_its_principal(tmp_path, file, old, new, told):
    assert list(misnamed(INFRA)) == []
    text = (INFRA / file).read_text()
    assert old in text
    (tmp_path / file).write_text(text.replace(old, new))
    assert list(misnamed(tmp_path)) == [told]
