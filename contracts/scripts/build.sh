#!/bin/sh
# Compiles the contracts and writes abi/; with --check, fails if abi/ is not what they compile to.
set -eu
cd "$(dirname -- "$0")/.."
scripts/foundry.sh forge build src
node scripts/abi.mjs "$@"
