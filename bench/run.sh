#!/usr/bin/env bash
# All benchmarks, one after the other; what a machine lacks is skipped with the reason.
set -euo pipefail
cd "$(dirname "$0")/.."
echo "cores: $(getconf _NPROCESSORS_ONLN)  $(uname -m)  $(rustc --version)"
echo "== gas beside the printed contract"
contracts/scripts/gas.sh --json
echo "== sealing beside libsodium and age"
echo "-- with AWS-LC, the default"
(cd bench/seal-bench && cargo run --release --quiet --no-default-features --features aws-lc)
echo "-- with OpenSSL, the feature openssl"
(cd bench/seal-bench && cargo run --release --quiet)
echo "== inclusion proofs in logs of 10^3 to 10^6 entries"
cargo run --release --quiet -p ledger --example bench_inclusion
echo "== uploads and opens on real processes (the program as make demo builds it)"
STELE_DICOM_DIR=${STELE_DICOM_DIR:-$PWD/build/dicom} cargo bench --profile dev --quiet -p stele --bench journey
echo "== reading beside PyTorch and ONNX Runtime"
bench/reader/run.sh
echo "== storage beside Kubo"
if [ -x build/bin/ipfs ]; then
    bench/vault-kubo.sh 100 5
else
    echo "SKIPPED: build/bin/ipfs is not installed (make setup-go)"
fi
