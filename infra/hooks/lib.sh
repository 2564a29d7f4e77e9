# What the hooks share. They are sourced by name, so that shellcheck reads it as bash.
# shellcheck shell=bash
export LC_ALL=C

# Where the tenants are listed; a setting for tests.
TENANTS=${TENANTS:-"$(dirname "${BASH_SOURCE[0]}")/../tenants.json"}

fail() {
    printf '%s: %s\n' "$(basename "$0")" "$1" >&2
    exit 1
}

# need NAME…: the variables and programs that must be there.
need() {
    local name
    for name in "$@"; do
        case $name in
            [A-Z]*) [[ -n ${!name:-} ]] || fail "$name is not set: run this through azd" ;;
            *) command -v "$name" >/dev/null || fail "$name is not installed" ;;
        esac
    done
}

# Azure, in the subscription that azd works in, whatever the CLI's own is.
azure() {
    az "$@" --subscription "$AZURE_SUBSCRIPTION_ID"
}

# sign_in FOLDER: the CLI must be signed in. What GitHub says of a workflow is good for five minutes, and the CLI shows it again for each
# kind of service that it meets first: in a workflow, it is given a new one here. FOLDER is ours alone, so that nothing is in a command line.
sign_in() {
    need AZURE_SUBSCRIPTION_ID
    if [[ -n ${ACTIONS_ID_TOKEN_REQUEST_URL:-} ]]; then
        need curl jq ACTIONS_ID_TOKEN_REQUEST_TOKEN AZURE_CLIENT_ID AZURE_TENANT_ID
        printf 'header = "authorization: bearer %s"\n' "$ACTIONS_ID_TOKEN_REQUEST_TOKEN" >"$1/github"
        curl --silent --show-error --fail --config "$1/github" --output "$1/said" \
            "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=api%3A%2F%2FAzureADTokenExchange" || fail "GitHub says nothing of this workflow"
        # `jq` is content with nothing at all.
        { jq -erj '.value | strings' "$1/said" >"$1/assertion" && [[ -s $1/assertion ]]; } || fail "GitHub says nothing of this workflow"
        az login --service-principal --username "$AZURE_CLIENT_ID" --tenant "$AZURE_TENANT_ID" --federated-token "@$1/assertion" --output none
        rm "$1/github" "$1/said" "$1/assertion"
    fi
    azure account show --output none || fail "the Azure CLI is not signed in to subscription $AZURE_SUBSCRIPTION_ID: run az login"
}

# Prints the tenants' names, a line each, if every one is legal; fails before anything is done with them.
tenants() {
    local name names
    names=$(jq -rn 'input | if type == "array" then .[].id else error("it is no list") end | if type == "string" then @json else error("an id is no text") end' "$TENANTS") ||
        fail "$TENANTS is not a list of tenants"
    while IFS= read -r name; do
        [[ -n $name ]] || continue
        [[ $name =~ ^\"[a-z0-9]+(-[a-z0-9]+)*\"$ && ${#name} -ge 5 && ${#name} -le 42 ]] ||
            fail "a tenant's id must match ^[a-z0-9]+(-[a-z0-9]+)*\$ and have 3 to 40 characters: $name"
        name=${name//\"/}
        case ${name%-poison} in
            uploads | deployments | dead-events | blob-events | ingest | runs | azure-webjobs*)
                fail "a tenant may not be called $name: a container or a queue of the pool is"
                ;;
        esac
        printf '%s\n' "$name"
    done <<<"$names"
    [[ -z $(sort <<<"$names" | uniq -d) ]] || fail "a tenant is listed twice"
}

# patiently WHAT COMMAND…: until it succeeds, five minutes at most. Roles that were just given take effect late.
patiently() {
    local what=$1 try
    shift
    for try in $(seq "${TRIES:-30}"); do
        "$@" && return
        printf 'waiting for %s (%s)\n' "$what" "$try" >&2
        sleep "${PAUSE:-10}"
    done
    fail "$what did not come"
}
