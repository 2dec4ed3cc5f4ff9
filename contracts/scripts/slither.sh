#!/bin/sh
# Runs Slither; fails on a finding that slither.md does not answer. SLITHER names the program if it
# is not on the path.
set -eu
cd "$(dirname -- "$0")/.."
slither=${SLITHER:-slither}
if ! command -v "$slither" >/dev/null 2>&1; then
  echo "SKIPPED: slither is not installed (pip install slither-analyzer==0.11.6, or set SLITHER)."
  exit 0
fi

# Slither reads the build information that Forge writes, and looks for `forge` on the path.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
printf '#!/bin/sh\nexec "%s/scripts/foundry.sh" forge "$@"\n' "$PWD" >"$work/forge"
chmod +x "$work/forge"
scripts/foundry.sh forge build src --quiet --force --build-info \
  --out out/slither --cache-path cache/slither
# Its exit status says how many findings there are; what matters is which, so the JSON decides.
PATH=$work:$PATH "$slither" . --compile-force-framework foundry --ignore-compile \
  --foundry-out-directory out/slither --filter-paths node_modules \
  --json "$work/report.json" >"$work/output" 2>&1 || true
if [ ! -s "$work/report.json" ]; then
  cat "$work/output" >&2
  exit 1
fi
node scripts/slither.mjs <"$work/report.json"
