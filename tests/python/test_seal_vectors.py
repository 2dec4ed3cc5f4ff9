"""Opens what Stele sealed, and refuses what was made wrong, with the reader in open_sealed.py.

    pip install -r tests/python/requirements.txt
    python3 tests/python/test_seal_vectors.py
"""

import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import open_sealed  # noqa: E402
from open_sealed import Refused  # noqa: E402

VECTORS = Path(__file__).parents[2] / "testdata" / "vectors"


def load(name: str) -> dict:
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


class Vectors(unittest.TestCase):
    def good(self, vectors: dict, check) -> None:
        """Calls `check` for each good case."""
        self.assertTrue(vectors["good"])
        for case in vectors["good"]:
            with self.subTest(good=case["name"]):
                check(case)

    def bad(self, vectors: dict, act) -> None:
        """Sees that `act` is refused for each bad case, for the reason that it gives."""
        self.assertTrue(vectors["bad"])
        for case in vectors["bad"]:
            with self.subTest(bad=case["name"]):
                with self.assertRaises(Refused) as caught:
                    act(case)
                self.assertEqual(caught.exception.args[0], case["reason"])

    def test_files(self):
        def check(case: dict) -> None:
            key, sealed = bytes.fromhex(case["key"]), bytes.fromhex(case["sealed"])
            plain = bytes.fromhex(case["plain"])
            self.assertEqual(open_sealed.open_file(sealed, key), plain)
            for part in case["ranges"]:
                at, length = part["offset"], part["length"]
                got = open_sealed.open_range(sealed, key, at, length)
                self.assertEqual(got, plain[at : at + length])

        def act(case: dict) -> bytes:
            return open_sealed.open_file(bytes.fromhex(case["sealed"]), bytes.fromhex(case["key"]))

        vectors = load("seal-file.json")
        self.good(vectors, check)
        self.bad(vectors, act)

    def test_keys(self):
        vectors = load("seal-keys.json")
        record, root = (bytes.fromhex(vectors[name]) for name in ("record_key", "root_secret"))
        for part in vectors["parts"]:
            self.assertEqual(open_sealed.part_key(record, part["name"]).hex(), part["key"])
        for controller in vectors["controllers"]:
            got = open_sealed.controller_key(root, int(controller["index"]))
            self.assertEqual(got.hex(), controller["key"])
        self.assertEqual(open_sealed.root_key(root, b"index").hex(), vectors["index_key"])
        self.assertEqual(open_sealed.root_key(root, b"log").hex(), vectors["log_key"])
        for purpose in vectors["purposes"]:
            got = open_sealed.root_key(root, b"purpose/" + purpose["name"].encode())
            self.assertEqual(got.hex(), purpose["key"])

    def open_envelope(self, case: dict) -> bytes:
        secret, envelope = bytes.fromhex(case["secret"]), bytes.fromhex(case["envelope"])
        key = open_sealed.X25519PrivateKey.from_private_bytes(secret[1:])
        self.assertEqual(b"\x01" + open_sealed.public_of(key), bytes.fromhex(case["public"]))
        aad = open_sealed.envelope_aad(case["aad"])
        self.assertEqual(aad.hex(), case["aad"]["bytes"])
        return open_sealed.open_envelope(secret, case["info"].encode(), aad, envelope)

    def test_envelopes(self):
        def check(case: dict) -> None:
            self.assertEqual(self.open_envelope(case).hex(), case["plain"])

        vectors = load("envelope.json")
        self.good(vectors, check)
        self.bad(vectors, self.open_envelope)

    def test_shares(self):
        vectors = load("seal-shares.json")

        def combine(case: dict) -> bytes:
            return open_sealed.combine([bytes.fromhex(share) for share in case["shares"]])

        self.good(vectors, lambda case: self.assertEqual(combine(case).hex(), vectors["secret"]))
        self.bad(vectors, combine)


if __name__ == "__main__":
    unittest.main()
