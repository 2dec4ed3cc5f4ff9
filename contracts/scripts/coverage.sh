#!/bin/sh
# Line and branch coverage of src/ by the tests; fails below 100 %. Writes out/coverage.lcov.
set -eu
cd "$(dirname -- "$0")/.."
mkdir -p out
STELE_FROM_SOURCE=true FOUNDRY_PROFILE=test scripts/foundry.sh forge coverage \
  --report summary --report lcov --report-file out/coverage.lcov \
  --no-match-coverage '^(test|bench)/' "$@"
awk -F: '
  /^LF:/ { lines += $2 } /^LH:/ { lines_hit += $2 }
  /^BRF:/ { branches += $2 } /^BRH:/ { branches_hit += $2 }
  END {
    printf "Contracts: %d of %d lines, %d of %d branches covered.\n",
      lines_hit, lines, branches_hit, branches
    exit !(lines > 0 && branches > 0 && lines == lines_hit && branches == branches_hit)
  }' out/coverage.lcov
