#!/bin/sh
# Checks that abi/ is what the sources compile to and that what is written from eip712.json is up to
# date, then runs the tests: unit, fuzz, stateful.
# Arguments go to `forge test`.
set -eu
cd "$(dirname -- "$0")/.."
scripts/build.sh --check
node scripts/types.mjs
node scripts/acts.mjs --check
FOUNDRY_PROFILE=test exec scripts/foundry.sh forge test "$@"
