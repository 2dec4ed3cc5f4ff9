#!/bin/sh
# Checks that abi/ is what the sources compile to, then runs the tests on it: unit, fuzz, stateful.
# Arguments go to `forge test`.
set -eu
cd "$(dirname -- "$0")/.."
scripts/build.sh --check
node scripts/types.mjs
FOUNDRY_PROFILE=test exec scripts/foundry.sh forge test "$@"
