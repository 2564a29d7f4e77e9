#!/usr/bin/env bash
# After `azd deploy`: connects the gateway and the drop folders to the app, writes the tenants of tenants.json into the directory, and gives each the right
# to its index. All of it may be done again; a tenant that is in the directory is left as it is.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

need az curl jq AZURE_RESOURCE_GROUP SERVICE_API_NAME GATEWAY_NAME EVENT_TOPIC_NAME SEARCH_NAME COSMOS_ENDPOINT COSMOS_DATABASE
here=$(dirname "$0")
names=$(tenants)
# The gateway reads discovery documents, one claim, and XML: what it could not follow is refused before anything is connected.
issuers=${JWT_ISSUERS:-[]}
jq -en --arg claim "${TENANT_CLAIM:-extension_tenantId}" --argjson issuers "$issuers" '$issuers | type == "array" and all(.[];
    ([.issuer, .audience, .discovery_url] | all(.[]; type == "string" and test("^[^\\s<>&\"{}]+$"))) and (.tenant_claim // $claim) == $claim)' >/dev/null ||
    fail "JWT_ISSUERS must be a JSON array of issuers with issuer, audience, discovery_url, and the tenant claim ${TENANT_CLAIM:-extension_tenantId}"

connect() {
    azure deployment group create --resource-group "$AZURE_RESOURCE_GROUP" --name connect --template-file "$here/../connect.bicep" \
        --parameters "appName=$SERVICE_API_NAME" "gatewayName=$GATEWAY_NAME" "topicName=$EVENT_TOPIC_NAME" "issuers=$issuers" --output none
}

# A row of the directory: member for member a TenantRecord.
record() { # NAME CLIENT_ID VAULT
    jq -c --arg id "$1" --arg client "$2" --arg vault "$3" '.[] | select(.id == $id) | {
        id, name: .id, display_name: (.displayName // .id), status: "active", plan: (.plan // "standard"),
        cosmos_container_prefix: (if .ownContainers then .id else "" end),
        search_index_prefix: (if .ownIndex then .id else "" end),
        storage_container: "", keyvault_name: $vault, managed_identity_client_id: $client }' "$TENANTS"
}

# The tenant and its claim on its blob container, both or neither, as the service writes them. A tenant that is there is left as it is.
# The token is in a file that only we can read, not in a command line.
write() { # NAME RECORD
    local batch status
    batch=$(jq -c --arg id "$1" '[{ id: ("tenant:" + $id), kind: "tenant", record: . }, { id: ("container:" + $id), kind: "tenant", tenant: $id }] |
        map({ operationType: "Create", resourceBody: . })' <<<"$2")
    status=$(curl --silent --show-error --config "$scratch/curl" --output "$scratch/answer" --write-out '%{http_code}' \
        --header "x-ms-date: $(date -u '+%a, %d %b %Y %H:%M:%S GMT')" --data "$batch" \
        "${COSMOS_ENDPOINT%/}/dbs/$COSMOS_DATABASE/colls/tenants/docs")
    # 200: both were written. 207: neither was, and the answer has a status for each.
    [[ $status == 200 ]] && return
    [[ $status == 207 ]] && jq -e '.[0].statusCode == 409' "$scratch/answer" >/dev/null && return
    fail "the directory answered $status for $1: $(head -c 300 "$scratch/answer")"
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
umask 077
sign_in "$scratch"
token=$(azure account get-access-token --resource "${COSMOS_ENDPOINT%/}" --query accessToken --output tsv)
{
    printf 'header = "authorization: type%%3daad%%26ver%%3d1.0%%26sig%%3d%s"\n' "$token"
    printf 'header = "%s"\n' 'x-ms-version: 2020-07-15' 'content-type: application/json' 'x-ms-documentdb-partitionkey: [\"tenant\"]' \
        'x-ms-cosmos-is-batch-request: True' 'x-ms-cosmos-batch-atomic: True'
} >"$scratch/curl"

patiently 'the app, to be connected' connect
search=$(azure search service show --resource-group "$AZURE_RESOURCE_GROUP" --name "$SEARCH_NAME" --query id --output tsv)
role=$(jq -r .SearchIndexDataContributor.id "$here/../roles.json")

while IFS= read -r name; do
    [[ -n $name ]] || continue
    outputs=$(azure deployment group show --resource-group "$AZURE_RESOURCE_GROUP" --name "tenant-$name" --query properties.outputs --output json)
    record=$(record "$name" "$(jq -r .clientId.value <<<"$outputs")" "$(jq -r .vaultName.value <<<"$outputs")")
    write "$name" "$record"
    index=$(jq -r 'if .search_index_prefix == "" then "documents" else .search_index_prefix + "-documents" end' <<<"$record")
    azure role assignment create --role "$role" --scope "$search/indexes/$index" --assignee-principal-type ServicePrincipal \
        --assignee-object-id "$(jq -r .principalId.value <<<"$outputs")" --output none
done <<<"$names"
