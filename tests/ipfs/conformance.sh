#!/usr/bin/env bash
# Run the official gateway conformance suite, its groups for trustless blocks and CARs, against the
# example gateway with the suite's own fixtures.
#
# Known exceptions:
#   IPNS records (TestTrustlessGateway…Ipns…): this gateway serves immutable names only.
set -euo pipefail
cd "$(dirname "$0")/../.."

SUITE=${STELE_CONFORMANCE:-build/bin/gateway-conformance}
CARGO=${CARGO:-cargo}
SPECS=trustless-block-gateway,trustless-car-gateway
if [ ! -x "$SUITE" ]; then
    echo "SKIPPED the official conformance suite: no $SUITE (scripts/install-go-tools.sh says why);" \
        "its cases for blocks and CARs run in crates/vault/tests/gateway.rs, and side by side with Kubo," \
        "whose releases are held to the suite, in crates/vault/tests/interop.rs"
    exit 0
fi

work=$(mktemp -d)
gateway=
cleanup() {
    [ -z "$gateway" ] || kill "$gateway" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT

"$SUITE" extract-fixtures --directory "$work/fixtures"
"$CARGO" build --quiet -p vault --example gateway
program=$("$CARGO" metadata --format-version 1 --no-deps |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')/debug/examples/gateway
mapfile -t cars < <(find "$work/fixtures" -name '*.car')
"$program" "$work/store" "${cars[@]}" >"$work/log" &
gateway=$!
for _ in $(seq 300); do
    url=$(sed -n 's/^listening on //p' "$work/log")
    [ -z "$url" ] || break
    sleep 0.1
done
[ -n "$url" ] || { cat "$work/log"; exit 1; }

"$SUITE" test --gateway-url "$url" --specs "$SPECS" --json "$work/report.json"
