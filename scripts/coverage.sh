#!/usr/bin/env bash
# Line coverage of the Rust crates, by cargo-llvm-cov.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! cargo llvm-cov --version >/dev/null 2>&1; then
    echo "cargo-llvm-cov is needed: cargo install cargo-llvm-cov && rustup component add llvm-tools" >&2
    exit 1
fi
cargo llvm-cov --workspace --summary-only
