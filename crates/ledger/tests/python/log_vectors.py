#!/usr/bin/env python3
"""The Merkle log of RFC 6962 in plain Python, written from the RFC's recursive definitions.

It shares no code and no algorithm with the Rust crate: that one works with indices and tiles, this
one with slices of a list. Without arguments it writes testdata/vectors/log.json; with --check it
compares that file with what it would write.
"""

import base64
import hashlib
import json
import pathlib
import sys

FILE = pathlib.Path(__file__).resolve().parents[4] / "testdata" / "vectors" / "log.json"

# The inputs of the reference implementation of Certificate Transparency.
CT_INPUTS = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
]


def sha(data):
    return hashlib.sha256(data).digest()


def split(n):
    """The largest power of two smaller than n."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def mth(entries):
    """RFC 6962, section 2.1: Merkle Tree Hash."""
    if not entries:
        return sha(b"")
    if len(entries) == 1:
        return sha(b"\x00" + entries[0])
    k = split(len(entries))
    return sha(b"\x01" + mth(entries[:k]) + mth(entries[k:]))


def path(m, entries):
    """RFC 6962, section 2.1.1: Merkle Audit Path."""
    if len(entries) == 1:
        return []
    k = split(len(entries))
    if m < k:
        return path(m, entries[:k]) + [mth(entries[k:])]
    return path(m - k, entries[k:]) + [mth(entries[:k])]


def subproof(m, entries, whole):
    """RFC 6962, section 2.1.2: SUBPROOF."""
    if m == len(entries):
        return [] if whole else [mth(entries)]
    k = split(len(entries))
    if m <= k:
        return subproof(m, entries[:k], whole) + [mth(entries[k:])]
    return subproof(m - k, entries[k:], False) + [mth(entries[:k])]


def tiles(entries):
    """c2sp.org/tlog-tiles: every tile of the log, as path and SHA-256 of its bytes."""
    found = {}
    level, span = 0, 1
    while len(entries) // span > 0:
        hashes = [mth(entries[i * span:(i + 1) * span]) for i in range(len(entries) // span)]
        for number in range(0, len(hashes), 256):
            row = hashes[number:number + 256]
            index = number // 256
            assert index < 1000
            name = f"tile/{level}/{index:03}" + ("" if len(row) == 256 else f".p/{len(row)}")
            found[name] = sha(b"".join(row)).hex()
        level, span = level + 1, span * 256
    for number in range(0, len(entries), 256):
        row = entries[number:number + 256]
        name = f"tile/entries/{number // 256:03}" + ("" if len(row) == 256 else f".p/{len(row)}")
        found[name] = sha(b"".join(len(e).to_bytes(2, "big") + e for e in row)).hex()
    return found


def entry_digest(salt, entry):
    return sha(b"stele/log-entry/v1\x00" + salt + entry)


def tree(entries, sizes):
    return {
        "entries": [e.hex() for e in entries],
        "roots": [{"size": n, "root": mth(entries[:n]).hex()} for n in sizes],
        "inclusion": [
            {"index": m, "size": n, "path": [h.hex() for h in path(m, entries[:n])]}
            for n in sizes
            for m in sorted({0, n // 3, n // 2, n - 1})
            if n > 0
        ],
        "consistency": [
            {"old": m, "new": n, "path": [h.hex() for h in subproof(m, entries[:n], True)]}
            for n in sizes
            for m in sizes
            if 0 < m <= n
        ],
    }


def origin_key_id(origin, institution):
    data = origin.encode() + b"\n\xffstele-eip712-checkpoint" + institution
    return base64.b64encode(sha(data)[:4]).decode()


def vectors():
    ct = [bytes.fromhex(text) for text in CT_INPUTS]
    digests = [entry_digest(sha(b"salt %d" % i), b"entry %d" % i) for i in range(700)]
    institution = bytes.fromhex("7e5f4552091a69125d5dfcb7b8c2659029395bdf")
    origin = "stele/31337/0x" + "ab" * 20 + "/0x" + institution.hex()
    return {
        "about": "RFC 6962 trees, c2sp.org/tlog-tiles and entry digests; "
        "made by crates/ledger/tests/python/log_vectors.py",
        "digests": [
            {
                "salt": sha(b"salt %d" % i).hex(),
                "entry": (b"entry %d" % i).hex(),
                "digest": digests[i].hex(),
            }
            for i in range(3)
        ],
        "certificate_transparency": tree(ct, list(range(0, 9))),
        "log": {
            "size": len(digests),
            "root": mth(digests).hex(),
            "tiles": tiles(digests),
            "roots": [
                {"size": n, "root": mth(digests[:n]).hex()}
                for n in (0, 1, 2, 3, 255, 256, 257, 511, 512, 513, 699, 700)
            ],
            "inclusion": [
                {"index": m, "size": n, "path": [h.hex() for h in path(m, digests[:n])]}
                for m, n in ((0, 1), (0, 700), (255, 256), (256, 257), (300, 513), (699, 700))
            ],
            "consistency": [
                {"old": m, "new": n, "path": [h.hex() for h in subproof(m, digests[:n], True)]}
                for m, n in ((1, 700), (255, 256), (256, 512), (257, 513), (600, 700), (700, 700))
            ],
        },
        "key_id": {"origin": origin, "key_id": origin_key_id(origin, institution)},
    }


def main():
    text = json.dumps(vectors(), indent=1) + "\n"
    if sys.argv[1:] == ["--check"]:
        if FILE.read_text() != text:
            sys.exit(f"{FILE} is not what this program makes")
        return
    FILE.write_text(text)


if __name__ == "__main__":
    main()
