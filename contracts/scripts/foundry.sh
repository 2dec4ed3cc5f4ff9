#!/bin/sh
# Runs the pinned Foundry program of this machine's kind:  scripts/foundry.sh forge|anvil ARGS…
# The programs are npm packages, one for each platform; their install scripts are not needed.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)

case $(uname -s) in
Linux) os=linux ;;
Darwin) os=darwin ;;
*) echo "No Foundry package for $(uname -s); Linux and macOS are supported." >&2 && exit 1 ;;
esac
case $(uname -m) in
x86_64 | amd64) cpu=amd64 ;;
aarch64 | arm64) cpu=arm64 ;;
*) echo "No Foundry package for $(uname -m); x86-64 and ARM64 are supported." >&2 && exit 1 ;;
esac

name=$1
shift
program=$here/../node_modules/@foundry-rs/$name-$os-$cpu/bin/$name
if [ ! -x "$program" ]; then
  echo "$name is not installed; run: npm ci --ignore-scripts --prefix $(dirname -- "$here")" >&2
  exit 1
fi
exec "$program" "$@"
