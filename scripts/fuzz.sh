#!/usr/bin/env bash
# Run each fuzz target for a number of seconds: scripts/fuzz.sh 30
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-30}
if ! cargo +nightly fuzz --version >/dev/null 2>&1; then
    echo "cargo-fuzz and a nightly tool chain are needed: rustup toolchain install nightly && cargo install cargo-fuzz" >&2
    exit 1
fi
for target in $(cargo +nightly fuzz list); do
    echo "== $target, $seconds s"
    features=()
    [[ $target == reader_* ]] && features=(--features reader)
    cargo +nightly fuzz run -s none "${features[@]}" "$target" -- -max_total_time="$seconds" -rss_limit_mb=2048
done
