#!/usr/bin/env bash
# Add and fetch of 100 MiB: the embedded engine beside Kubo daemons, same chunker, same run, same
# disk. Prints a table; needs build/bin/ipfs (scripts/install-go-tools.sh).
# Usage: bench/vault-kubo.sh [MiB] [rounds]
set -euo pipefail
cd "$(dirname "$0")/.."

IPFS=${STELE_IPFS:-build/bin/ipfs}
if [ ! -x "$IPFS" ]; then
    echo "SKIPPED vault against Kubo: no $IPFS (scripts/install-go-tools.sh)"
    exit 0
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/vault-bench.XXXXXX")
pids=()
cleanup() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    rm -rf "$work"
}
trap cleanup EXIT

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# start NAME SYNC: a daemon that knows nobody, whose block store flushes to the device if SYNC is
# true (Kubo's default is false); sets api_NAME, gateway_NAME and swarm_NAME.
start() {
    export IPFS_PATH=$work/$1
    local api gateway swarm
    api=$(free_port) gateway=$(free_port) swarm=$(free_port)
    "$IPFS" init --empty-repo >/dev/null
    sed -i "s/\"sync\": false/\"sync\": $2/" "$IPFS_PATH/config"
    "$IPFS" bootstrap rm --all >/dev/null
    "$IPFS" config Addresses.API "/ip4/127.0.0.1/tcp/$api"
    "$IPFS" config Addresses.Gateway "/ip4/127.0.0.1/tcp/$gateway"
    "$IPFS" config --json Addresses.Swarm "[\"/ip4/127.0.0.1/tcp/$swarm\"]"
    "$IPFS" config --json AutoConf.Enabled false
    "$IPFS" config --json AutoTLS.Enabled false
    "$IPFS" config --json Discovery.MDNS.Enabled false
    "$IPFS" config --json DNS.Resolvers '{}'
    "$IPFS" config --json Ipns.DelegatedPublishers '[]'
    "$IPFS" config --json Routing.DelegatedRouters '[]'
    "$IPFS" config Routing.Type none
    "$IPFS" config --json Provide.Enabled false
    "$IPFS" daemon >"$work/$1.log" 2>&1 &
    pids+=($!)
    for _ in $(seq 300); do
        "$IPFS" --api "/ip4/127.0.0.1/tcp/$api" swarm addrs listen >/dev/null 2>&1 && break
        sleep 0.1
    done
    printf -v "api_$1" %s "http://127.0.0.1:$api"
    printf -v "gateway_$1" %s "http://127.0.0.1:$gateway"
    printf -v "swarm_$1" %s "/ip4/127.0.0.1/tcp/$swarm/p2p/$("$IPFS" id -f '<id>')"
}

start a false
start b false
start c true
start d true
IPFS_PATH=$work/b "$IPFS" swarm connect "$swarm_a" >/dev/null
IPFS_PATH=$work/d "$IPFS" swarm connect "$swarm_c" >/dev/null
echo "Kubo $("$IPFS" version --number), $(nproc) cores, $(uname -m), $(date -u +%F)"
STELE_BENCH_DIR=$work/ours ${CARGO:-cargo} run --quiet ${PROFILE:---release} -p vault --example bench_kubo -- \
    "${1:-100}" "${2:-7}" "$api_a" "$gateway_a" "$api_b" "$api_c" "$gateway_c" "$api_d"
