#!/usr/bin/env bash
# After `azd provision`: puts the pool's own keys into the vault, if they are not there. They are made here and kept nowhere else.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

need az AZURE_RESOURCE_GROUP SERVICE_API_NAME VAULT_NAME

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
umask 077
sign_in "$scratch"

present() { azure keyvault secret list --vault-name "$VAULT_NAME" --query '[].name' --output tsv >"$scratch/present"; }

# keep NAME PREFIX: a secret of 32 random bytes, unless there is one. The value is in no command line.
keep() {
    if grep -qx "$1" "$scratch/present"; then
        return
    fi
    printf '%s%s' "$2" "$(head -c 32 /dev/urandom | base64 -w 0)" >"$scratch/value"
    azure keyvault secret set --vault-name "$VAULT_NAME" --name "$1" --file "$scratch/value" --encoding utf-8 --output none
    rm "$scratch/value"
}

patiently 'the right to write secrets' present
# Its id is the day and six random letters, for two may be made on one day.
keep seal-keys "k$(date -u +%Y%m%d)$(od -An -N3 -tx1 /dev/urandom | tr -d ' \n'):"
keep naming-key ''

# The app looked for them when it was made; now they are there.
app=$(azure functionapp show --resource-group "$AZURE_RESOURCE_GROUP" --name "$SERVICE_API_NAME" --query id --output tsv)
azure rest --method post --url "$app/config/configreferences/appsettings/refresh?api-version=2022-03-01" --output none
