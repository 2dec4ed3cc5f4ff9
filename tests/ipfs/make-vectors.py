#!/usr/bin/env python3
"""Write testdata/vectors/vault-cids.json: the CIDs that Kubo computes for files that a test can
make again. Usage: tests/ipfs/make-vectors.py [path of the ipfs program]"""

import json
import pathlib
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
IPFS = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "build/bin/ipfs")
MIB = 1 << 20
ADD = ["add", "--only-hash", "--quieter", "--cid-version=1", "--raw-leaves", "--chunker=size-1048576"]
# Length, and the seed of its bytes or None for zeros.
FILES = [
    (0, 1), (1, 1), (255, 2), (4096, 3), (MIB - 1, 4), (MIB, 5), (MIB + 1, 6), (2 * MIB, 7),
    (3 * MIB + 17, 8), (100 * MIB, None), (174 * MIB, None), (174 * MIB + 1, None), (349 * MIB, None),
]


def xorshift64star(seed: int, length: int) -> bytes:
    """The bytes that the Rust tests make from the same seed."""
    mask = (1 << 64) - 1
    state = (seed * 0x9E3779B97F4A7C15 & mask) | 1
    out = bytearray()
    while len(out) < length:
        state ^= state >> 12
        state ^= state << 25 & mask
        state ^= state >> 27
        out += struct.pack("<Q", state * 0x2545F4914F6CDD1D & mask)
    return bytes(out[:length])


def main() -> None:
    version = subprocess.check_output([IPFS, "version", "--number"], text=True).strip()
    files = []
    with tempfile.TemporaryDirectory() as repo:
        run = {"env": {"IPFS_PATH": repo}, "check": True, "capture_output": True}
        subprocess.run([IPFS, "init", "--empty-repo"], **run)
        for length, seed in FILES:
            data = bytes(length) if seed is None else xorshift64star(seed, length)
            cid = subprocess.run([IPFS, *ADD], input=data, **run).stdout.decode().strip()
            files.append({"len": length, "zero": seed is None, "seed": seed or 0, "cid": cid})
    document = {
        "made": f"Kubo {version}: ipfs {' '.join(ADD)}, by tests/ipfs/make-vectors.py",
        "bytes": "zero: all zeros; else xorshift64* with state seed * 0x9E3779B97F4A7C15 | 1, each "
        "output times 0x2545F4914F6CDD1D as 8 little-endian bytes",
        "files": files,
    }
    path = ROOT / "testdata/vectors/vault-cids.json"
    path.write_text(json.dumps(document, indent=1) + "\n")
    print(f"wrote {path.relative_to(ROOT)}: {len(files)} files")


if __name__ == "__main__":
    main()
