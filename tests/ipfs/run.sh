#!/usr/bin/env bash
# The tests against independent programs: Kubo, an S3 server, and the official gateway conformance
# suite. Installs what it can; names what it must skip, with the reason.
set -euo pipefail
cd "$(dirname "$0")/../.."

VENV=build/interop-venv
CARGO=${CARGO:-cargo}

scripts/install-go-tools.sh
if [ ! -f "$VENV/.stamp" ] || [ tests/ipfs/requirements.txt -nt "$VENV/.stamp" ]; then
    echo "Installing the S3 server of the tests"
    if python3 -m venv "$VENV" &&
        "$VENV/bin/pip" install --quiet --disable-pip-version-check -r tests/ipfs/requirements.txt; then
        touch "$VENV/.stamp"
    else
        echo "SKIPPED the S3 tests: moto could not be installed"
    fi
fi

"$CARGO" test -p vault --test engines -- kubo s3_server
"$CARGO" test -p vault --test interop -- --nocapture --test-threads=1
tests/ipfs/conformance.sh
