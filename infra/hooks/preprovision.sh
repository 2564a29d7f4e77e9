#!/usr/bin/env bash
# Before `azd provision`: no tenant's name that is not one goes any further.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

need jq
tenants >/dev/null
