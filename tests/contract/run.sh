#!/usr/bin/env bash
# Asks the service what its description allows, and what it forbids: no answer is of status 500 or above, or of a status, a media type, headers or
# a body that infra/openapi.json does not promise. CONTRACT_EXAMPLES requests of each kind are made up for each operation.
set -euo pipefail
cd "$(dirname "$0")/../.."
st=$PWD/target/contract/bin/st handler=$PWD/target/debug/handler description=$PWD/infra/openapi.json
folder=$(mktemp -d)
"$handler" dev --state "$folder/state" --port 0 >"$folder/log" 2>&1 &
dev=$!
trap 'kill $dev 2>/dev/null; wait $dev 2>/dev/null || true; rm -rf "$folder"' EXIT
for _ in {1..100}; do
    base=$(sed -nE 's|.*(http://[^ ]+)/api  \(Ctrl-C.*|\1|p' "$folder/log")
    [[ -z $base ]] || break
    kill -0 $dev 2>/dev/null || { cat "$folder/log" && exit 1; }
    sleep 0.1
done
[[ -n $base ]] || { echo "dev is not ready in ten seconds" && cat "$folder/log" && exit 1; }
token=$("$handler" token contoso --role admin --role user --state "$folder/state")

# Without colours, progress and its own folders in the tree.
ask() { # DESCRIPTION MORE…
    local description=$1
    shift
    (cd "$folder" && "$st" run "$description" --url "$base" --header "Authorization: Bearer $token" --no-color --seed "${PROVE_SEED:-1}" \
        --checks not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance \
        --max-examples "${CONTRACT_EXAMPLES:-5}" --phases coverage,fuzzing --request-timeout 20 --warnings off "$@" >"$folder/said" 2>&1)
}

if ! ask "$description"; then
    cat "$folder/said"
    exit 1
fi
asked=$(grep -oE '[0-9]+ generated' "$folder/said" | cut -d' ' -f1)
# A description that does not promise a status is found out; else nothing was looked at.
jq 'del(.paths["/api/agents/{agent_id}"].get.responses["404"])' "$description" >"$folder/less.json"
if ask "$folder/less.json" --include-operation-id agents_get; then
    echo "contract: a status that is not promised was let pass" && exit 1
fi
grep -q 'Undocumented status code' "$folder/said" || { cat "$folder/said" && exit 1; }
echo "contract: $asked requests, seed ${PROVE_SEED:-1}: nothing that the description does not promise"
