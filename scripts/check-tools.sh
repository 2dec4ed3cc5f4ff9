#!/usr/bin/env bash
# Say at once, and all together, which tools are missing and how to get them.
set -euo pipefail
missing=0
need() { # command, minimum version, what prints its version, hint
    if ! command -v "$1" >/dev/null; then
        echo "missing: $1 ($4)" >&2
        missing=1
        return
    fi
    local have
    have=$(eval "$3" 2>/dev/null | grep -oE '[0-9]+(\.[0-9]+)+' | head -n 1)
    if [ "$(printf '%s\n%s\n' "$2" "$have" | sort -V | head -n 1)" != "$2" ]; then
        echo "too old: $1 $have, $2 or later is needed ($4)" >&2
        missing=1
    fi
}
need cargo 1.95.0 'cargo --version' 'https://rustup.rs'
need node 20.0.0 'node --version' 'https://nodejs.org'
need npm 9.0.0 'npm --version' 'comes with Node'
need python3 3.10.0 'python3 --version' 'https://www.python.org'
need cc 0.0 'cc -dumpfullversion' 'Debian: apt install build-essential'
exit "$missing"
