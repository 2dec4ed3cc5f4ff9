#!/usr/bin/env bash
# The reader's engines beside PyTorch and ONNX Runtime, in one run on the same two threads:
#   bench/reader/run.sh [IMAGE]
# FEATURES=burn times burn too. PYTHON names an interpreter with torch, torchvision, efficientnet-lite-pytorch, onnx, onnxruntime
# and pillow. Each figure is the fastest of its rounds; peak memory is that of the whole process.
set -euo pipefail
cd "$(dirname "$0")/../.."
python=${PYTHON:-python3}
image=${1:-}
export RAYON_NUM_THREADS=2
if ! "$python" -c "import torch, torchvision, onnxruntime, PIL" 2>/dev/null; then
    echo "SKIPPED: $python has no torch, torchvision, onnxruntime or pillow (set PYTHON)" >&2
    exit 0
fi
if [ -z "$image" ]; then
    image=$(mktemp --suffix .png)
    trap 'rm -f "$image"' EXIT
    "$python" -c "import sys, numpy, PIL.Image as I; y, x = numpy.mgrid[:1024, :900] / 900
I.fromarray((120 + 90 * numpy.sin(9 * x) * numpy.cos(7 * y)).astype('uint8')).save(sys.argv[1])" "$image"
fi
cargo build --quiet --release -p reader --example speed --features "${FEATURES:-}"
speed="${CARGO_TARGET_DIR:-target}/release/examples/speed"
peer="$python bench/reader/pytorch.py"
engines="auto native ${FEATURES:-}"
for engine in $engines; do
    "$speed" resnet50 --engine "$engine"
done
$peer onnxruntime resnet50
$peer torch resnet50
for engine in auto native; do
    "$speed" resnet50 --engine "$engine" --image "$image"
    "$speed" resnet50 --engine "$engine" --image "$image" --heatmap
done
$peer onnxruntime resnet50 --image "$image"
"$speed" vgg16 --rounds 2 --image "$image"
# From scratch, with the statistics of the batch; then fine-tuning, with fixed ones. In turns, so that
# a busy minute falls on both.
for _ in 1 2 3; do
    "$speed" resnet50 --train --batch 8 --rounds 3
    $peer torch resnet50 --train --batch 8 --rounds 3
done
if [ "${FEATURES:-}" = burn ]; then
    "$speed" resnet50 --train --engine burn --batch 8 --rounds 2
fi
"$speed" resnet50 --train --fixed --batch 8 --rounds 3
$peer torch resnet50 --train --fixed --batch 8 --rounds 3
"$speed" efficientnet-lite0 --train --batch 16 --rounds 3
"$speed" efficientnet-lite0 --train --fixed --batch 16 --rounds 3
if "$python" -c "import efficientnet_lite_pytorch" 2>/dev/null; then
    $peer torch efficientnet-lite0 --train --batch 16 --rounds 3
    $peer torch efficientnet-lite0 --train --fixed --batch 16 --rounds 3
fi
