#!/usr/bin/env bash
# Fuzzes each target for FUZZ_SECONDS. The first input that does harm ends it, and is in `fuzz/artifacts`.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${FUZZ_SECONDS:-60}
export CARGO_TARGET_DIR=$PWD/target/fuzz
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for target in token keys trigger request json filter event multipart; do
    mkdir -p "fuzz/corpus/$target"
    # There is no unsafe code of ours for a sanitizer to watch, and without one any toolchain will do.
    if ! "${CARGO:-cargo}" fuzz run --sanitizer none "$target" -- \
        -max_total_time="$seconds" -max_len=8192 -timeout=20 -rss_limit_mb=2048 -dict=fuzz/words.dict -seed="${PROVE_SEED:-1}" >"$log" 2>&1; then
        tail -40 "$log"
        exit 1
    fi
    echo "fuzz $target: $(grep -E '^Done' "$log" | sed 's/Done //'), 0 crashes (seed ${PROVE_SEED:-1})"
done
