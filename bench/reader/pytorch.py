"""The peers of the reader's engines: PyTorch, and ONNX Runtime from Python.

    pip install torch torchvision efficientnet-lite-pytorch onnxruntime onnx pillow
    python bench/reader/pytorch.py torch resnet50 --batch 8 [--train [--fixed]]
    python bench/reader/pytorch.py onnxruntime resnet50 [--image FILE]

Prints one JSON line, as `cargo run --release -p reader --example speed` does. With --image the time
is that of Pillow's decoding and of the network together.
"""

import argparse
import json
import resource
import time

import numpy as np


def network(name):
    if name.startswith("efficientnet"):
        from efficientnet_lite_pytorch import EfficientNet

        return EfficientNet.from_name(name)
    import torchvision

    return getattr(torchvision.models, name)(num_classes=2)


def fastest(rounds, run):
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return best


def with_torch(args):
    import torch

    torch.set_num_threads(args.threads)
    model = network(args.network)
    x = torch.randn(args.batch, 3, args.size, args.size)
    if not args.train:
        model.eval()

        def run():
            with torch.no_grad():
                model(x)

        return fastest(args.rounds, run)
    if args.fixed:
        norms = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
        for norm in norms:
            norm.eval()
    y = torch.arange(args.batch) % 2
    loss = torch.nn.CrossEntropyLoss()

    def step():
        model.zero_grad()
        loss(model(x), y).backward()

    return fastest(args.rounds, step)


def with_onnxruntime(args):
    import io

    import onnxruntime
    import torch

    model = network(args.network).eval()
    file = io.BytesIO()
    x = torch.randn(args.batch, 3, args.size, args.size)
    torch.onnx.export(model, x, file, dynamo=False, input_names=["x"])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = args.threads
    session = onnxruntime.InferenceSession(file.getvalue(), options, providers=["CPUExecutionProvider"])
    array = x.numpy()

    def load():
        from PIL import Image

        image = Image.open(args.image).convert("L").resize((args.size, args.size))
        plane = (np.asarray(image, dtype=np.float32) - 127) / 128
        return np.broadcast_to(plane, (1, 3, args.size, args.size)).copy()

    return fastest(args.rounds, lambda: session.run(None, {"x": load() if args.image else array}))


def what(args):
    if args.train:
        return "fine-tuning step" if args.fixed else "training step"
    return "file to verdict" if args.image else "network"


def main():
    p = argparse.ArgumentParser()
    p.add_argument("who", choices=["torch", "onnxruntime"])
    p.add_argument("network")
    p.add_argument("--size", type=int, default=224)
    p.add_argument("--batch", type=int, default=1)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--train", action="store_true")
    p.add_argument("--fixed", action="store_true", help="train with fixed normalisation statistics")
    p.add_argument("--image")
    args = p.parse_args()
    seconds = (with_torch if args.who == "torch" else with_onnxruntime)(args)
    print(
        json.dumps(
            {
                "who": args.who,
                "network": args.network,
                "what": what(args),
                "size": args.size,
                "batch": args.batch,
                "ms": seconds * 1e3,
                "images_per_second": args.batch / seconds,
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            }
        )
    )


if __name__ == "__main__":
    main()
