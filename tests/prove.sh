#!/usr/bin/env bash
# Runs what proves the isolation of tenants, and prints its figures. PROVE_TIMES multiplies what is tried by chance,
# PROVE_SEED seeds it; CI is set, so that what cannot run is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."
export CI=${CI:-true} RUST_BACKTRACE=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
figures='^(corpus of forged tokens|forged tokens|[0-9]+ names|model|matrix|tenant swap|forged triggers|cancellation|test result|error|thread .* panicked)'

run() {
    if ! "${CARGO:-cargo}" test --locked "$@" -- --nocapture >"$log" 2>&1; then
        tail -40 "$log"
        exit 1
    fi
    grep -E "$figures" "$log" | grep -v '^test result: ok. 0 passed'
}

echo "seed ${PROVE_SEED:-1}, times ${PROVE_TIMES:-1}"
run -p pool --lib
run --workspace --test law
run --workspace --test compile_fail
# 102,000 requests of 53 users of 50 tenants; ten times as many, if more is wanted.
PROVE_TIMES=$((${PROVE_TIMES:-1} > 1 ? 340 : 34)) run --workspace --test it cancel::
for suite in matrix swap spellings oidc security absent naming triggers; do
    run --workspace --test it "$suite::"
done
