#!/bin/sh
# Format (forge fmt), Forge's own lints (the build refuses warnings) and solhint; no warning passes.
set -eu
cd "$(dirname -- "$0")/.."
scripts/foundry.sh forge fmt --check
scripts/foundry.sh forge build --quiet src bench
node_modules/.bin/solhint --disc --noPoster --max-warnings 0 'src/**/*.sol' 'bench/**/*.sol' \
  'test/**/*.sol'
echo "Contracts: format and lints are clean."
