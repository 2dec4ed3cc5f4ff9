#!/usr/bin/env bash
# Build the independent programs of the interoperability tests into build/bin: Kubo, geth and the
# gateway conformance suite, at pinned versions. Does nothing where they are already there. What
# cannot be had is named with the reason and skipped, and so are the tests that need it; with
# REQUIRE_GO_TOOLS=1 it is an error instead.
set -euo pipefail
cd "$(dirname "$0")/.."

GETH=${GETH_VERSION:-v1.16.9}
CONFORMANCE=${GATEWAY_CONFORMANCE_VERSION:-v0.8}
BIN=$PWD/build/bin
LOG=$PWD/build/go-tools.log
failed=0
mkdir -p "$BIN"
: >"$LOG"

# Whether NAME was built at VERSION before.
built() { [ -x "$BIN/$1" ] && [ "$(cat "$BIN/.$1.version" 2>/dev/null)" = "$2" ]; }

# install NAME VERSION COMMAND...
install() {
    local name=$1 version=$2
    shift 2
    if built "$name" "$version"; then
        return
    fi
    echo "Building $name $version (minutes)"
    if nice "$@" >>"$LOG" 2>&1; then
        echo "$version" >"$BIN/.$name.version"
    else
        echo "SKIPPED $name $version: $(tail -n 1 "$LOG" | cut -c -200)"
        failed=1
    fi
}

if ! command -v go >/dev/null; then
    echo "SKIPPED Kubo, geth and the conformance suite: Go is not installed (https://go.dev/dl)"
    exit "${REQUIRE_GO_TOOLS:-0}"
fi

# Kubo has a module of its own here: go.sum pins everything that it is built from.
kubo=$(sed -nE 's/^require github.com\/ipfs\/kubo (v[0-9.]+)$/\1/p' scripts/go-tools/kubo/go.mod)
install ipfs "$kubo" go -C scripts/go-tools/kubo build -mod=readonly -trimpath \
    -ldflags '-s -w' -o "$BIN/ipfs" github.com/ipfs/kubo/cmd/ipfs
# geth 1.17 needs a module that not every Go proxy serves.
install geth "$GETH" env GOBIN="$BIN" go install -trimpath -ldflags '-s -w' \
    "github.com/ethereum/go-ethereum/cmd/geth@$GETH"
install gateway-conformance "$CONFORMANCE" env GOBIN="$BIN" go install -trimpath \
    "github.com/ipfs/gateway-conformance/cmd/gateway-conformance@$CONFORMANCE"

[ "${REQUIRE_GO_TOOLS:-0}" = 0 ] || exit "$failed"
