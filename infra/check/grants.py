"""What the app, a tenant and a tenant's own workload are given, as `handler doctor --roles` compares it with what Azure says.

    target/infra/venv/bin/python -B infra/check/grants.py >infra/grants.json

TENANT is the tenant's id, TOKEN the end of the pool's names, HASH the 13 characters of a name of the tenant's own.
"""

from __future__ import annotations

import json
import re

from deploy import Deployment
from given import INFRA, deployment

KINDS = ("Microsoft.Authorization/roleAssignments", "Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments")


def grants(found: Deployment) -> dict:
    token = next(each.name for each in found.resources if each.key == "identity/identity").removeprefix("id-pooled-")
    shared, own = _of(found, "tenantIdentities[0]/identity", "contoso", token), _of(found, "tenantIdentities[2]/identity", "fabrikam", token)
    both = [each for each in shared if each in own]

    def either(kind: str) -> dict:
        return {name: [each for each in of if each not in both and kind in each["scope"]] for name, of in (("shared", shared), ("own", own))}

    tenant = {"always": both, "documents": either("Microsoft.DocumentDB/"), "keys": either("Microsoft.KeyVault/")}
    told = len(both) * 2 + sum(len(each) for choice in ("documents", "keys") for each in tenant[choice].values())
    assert told == len(shared) + len(own), "a grant that is neither of all tenants nor of the documents or keys of some"
    # Indexes are the app's to make, so the hook after a deployment gives them; its test holds it to this.
    role = next(each for each in json.loads((INFRA / "roles.json").read_text()).values() if each["name"] == "Search Index Data Contributor")
    tenant["index"] = {
        kind: [{"name": role["name"], "scope": f"Microsoft.Search/searchServices/srch-pooled-TOKEN/indexes/{index}", "role": role["id"]}]
        for kind, index in (("shared", "documents"), ("own", "TENANT-documents"))
    }
    return {"app": _of(found, "identity/identity", "", token), "tenant": tenant,
            "workload": _of(found, "tenantIdentities[2]/workload", "fabrikam", token)}  # fmt: skip


def _of(found: Deployment, identity: str, tenant: str, token: str) -> list[dict]:
    names = {each["id"]: each["name"] for each in json.loads((INFRA / "roles.json").read_text()).values()}
    own = {each.name: each.body["properties"]["roleName"].split(" (")[0] for each in found.of("Microsoft.Authorization/roleDefinitions")}
    conditions = {path.read_text().replace("TENANT", tenant or "-"): path.stem for path in (INFRA / "conditions").glob("*.txt")}
    given = []
    for each in (each for kind in KINDS for each in found.of(kind)):
        properties = each.body["properties"]
        if properties["principalId"] != f"«{identity}.properties.principalId»":
            continue
        role = properties["roleDefinitionId"].split("/")[-1]
        scope = properties.get("scope", each.scope).split("/providers/")[1].replace(token, "TOKEN")
        scope = re.sub(r"/kv-[0-9a-z]{13}(?=/|$)", "/kv-HASH", scope)
        scope = re.sub(rf"(?<=/){tenant}(?=/|-|$)", "TENANT", scope) if tenant else scope
        grant = {"name": own.get(role) or names.get(role) or "Cosmos DB Built-in Data Contributor", "scope": scope}
        if role not in own:  # Its own roles' ids are made at deployment.
            grant["role"] = role
        if "condition" in properties:
            grant["condition"] = conditions[properties["condition"]]
        given.append(grant)
    return given


if __name__ == "__main__":
    print(json.dumps(grants(deployment()), indent=2))
