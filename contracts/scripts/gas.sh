#!/bin/sh
# Measures the gas of every act on a real Anvil and writes gas.md.
#   --check   fail if gas.md says anything else    --json   print the figures, write nothing
set -eu
cd "$(dirname -- "$0")/.."
scripts/foundry.sh forge build --quiet src bench
exec node scripts/gas.mjs "$@"
