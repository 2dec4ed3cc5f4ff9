#!/bin/sh
# Runs the pinned Foundry program:  scripts/foundry.sh forge|anvil ARGS…
# It is an npm package on Linux on x86-64. Elsewhere the same version has to be on the path.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
version=1.7.1

name=$1
shift
program=$here/../node_modules/@foundry-rs/$name-linux-amd64/bin/$name
if [ ! -x "$program" ]; then
  if [ "$(uname -s) $(uname -m)" = "Linux x86_64" ]; then
    echo "$name is not installed; run: npm ci --ignore-scripts --prefix $(dirname -- "$here")" >&2
    exit 1
  fi
  if ! "$name" --version 2>/dev/null | grep -q "$version"; then
    echo "$name $version is needed on the path: no package of it for this machine is used here." >&2
    exit 1
  fi
  program=$name
fi
exec "$program" "$@"
