#!/usr/bin/env bash
# Before `azd provision`: what half an hour later would stop a hook stops here, and no tenant's name that is not one goes any further.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

need az curl jq
tenants >/dev/null
# azd knows it from the second time on, or where it was set.
if [[ -n ${AZURE_SUBSCRIPTION_ID:-} ]]; then
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    umask 077
    sign_in "$scratch"
fi
