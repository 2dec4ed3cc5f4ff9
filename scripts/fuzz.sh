#!/usr/bin/env bash
# Run each fuzz target under libFuzzer for a number of seconds: scripts/fuzz.sh 30 [TARGET...]
# It needs cargo and a C++ compiler, no nightly tool chain: the coverage that libFuzzer is led by is a
# pass of LLVM that any rustc has. What a target finds stays in fuzz/artifacts, what it learned in
# fuzz/corpus.
set -euo pipefail
cd "$(dirname "$0")/../fuzz"
seconds=${1:-30}
shift || true
host=$(rustc -vV | sed -n 's/^host: //p')
if ! command -v c++ >/dev/null; then
    echo "a C++ compiler is needed for libFuzzer (Debian: apt install g++)" >&2
    exit 1
fi
mapfile -t targets < <(sed -n 's/^path = "fuzz_targets\/\(.*\)\.rs"$/\1/p' Cargo.toml)
if [ $# -gt 0 ]; then targets=("$@"); fi

# With --target the flags are for the targets alone, not for build scripts and macros.
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1"
bins=()
for target in "${targets[@]}"; do bins+=(--bin "$target"); done
features=()
if [[ " ${targets[*]}" == *" reader_"* ]]; then features=(--features reader); fi
echo "Building ${#targets[@]} targets"
cargo build --quiet --locked --target "$host" "${features[@]}" "${bins[@]}"
for target in "${targets[@]}"; do
    echo "== $target, $seconds s"
    mkdir -p "corpus/$target" "artifacts/$target"
    log=$(mktemp)
    if ! "target/$host/debug/$target" "corpus/$target" -artifact_prefix="artifacts/$target/" \
        -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=20 -print_final_stats=1 >"$log" 2>&1; then
        cat "$log" >&2
        exit 1
    fi
    grep -E '^Done|^#[0-9]+[[:space:]]+DONE' "$log" || tail -n 2 "$log"
    rm -f "$log"
done
