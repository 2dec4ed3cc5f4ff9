#!/bin/sh
# Licences, bans, duplicates and sources of the dependencies, as deny.toml says. Advisories need the
# network and are checked with DENY_ADVISORIES=1.
set -eu
cd "$(dirname "$0")/.."
if ! cargo deny --version >/dev/null 2>&1; then
    echo "SKIPPED cargo deny: it is not installed (make setup-deny)"
    exit 0
fi
cargo deny --offline --log-level error check licenses bans sources
if [ "${DENY_ADVISORIES:-0}" = 1 ]; then cargo deny --log-level error check advisories; fi
