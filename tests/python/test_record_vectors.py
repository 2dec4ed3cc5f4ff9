"""Reads the records of testdata/vectors/record-*.json as docs/formats.md specifies them, with CBOR,
keccak256 and EIP-712 from Python packages and no code of Stele.

    pip install -r tests/python/requirements.txt
    python3 tests/python/test_record_vectors.py
"""

import base64
import hashlib
import json
import sys
import unittest
from pathlib import Path

try:
    import cbor2
    from eth_account import Account
    from eth_account.messages import encode_typed_data
    from eth_utils import keccak
except ImportError as missing:
    reason = f"{missing}; pip install -r tests/python/requirements.txt"
    if __name__ == "__main__":
        print(f"skipped: {reason}")
        sys.exit(0)
    raise unittest.SkipTest(reason) from None

ROOT = Path(__file__).parents[2]
TYPES = json.loads((ROOT / "contracts" / "eip712.json").read_text(encoding="utf-8"))["types"]


def load(name: str) -> dict:
    path = ROOT / "testdata" / "vectors" / f"record-{name}.json"
    return json.loads(path.read_text(encoding="utf-8"))


def raw(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


class Refused(Exception):
    """The bytes do not follow docs/formats.md."""


def need(condition: bool, reason: str) -> None:
    if not condition:
        raise Refused(reason)


def encode(value) -> bytes:
    return cbor2.dumps(value, canonical=True)


def decode(data: bytes):
    try:
        value = cbor2.loads(data)
    except Exception as error:
        raise Refused(f"not CBOR: {error}") from error
    need(encode(value) == data, "not canonical")
    return value


def cid_bytes(tagged) -> bytes:
    need(tagged.tag == 42 and tagged.value[:1] == b"\0", "not a CID")
    return tagged.value[1:]


def cid_of_text(text: str) -> bytes:
    need(text[0] == "b", "not base32")
    return base64.b32decode(text[1:].upper() + "=" * (-len(text[1:]) % 8))


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\0" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def root(leaves: list) -> bytes:
    """RFC 6962, section 2.1, by its recursive definition."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(root(leaves[:split]), root(leaves[split:]))


def root_by_path(leaf: bytes, index: int, size: int, path: list) -> bytes:
    """The root that an inclusion proof leads to, by recursion from the top."""
    need(0 <= index < size, "no such leaf")
    if size == 1:
        need(not path, "the proof is too long")
        return leaf
    need(bool(path), "the proof is too short")
    split = 1
    while split * 2 < size:
        split *= 2
    if index < split:
        return node_hash(root_by_path(leaf, index, split, path[:-1]), path[-1])
    return node_hash(path[-1], root_by_path(leaf, index - split, size - split, path[:-1]))


def typed(name: str, domain: dict, message: dict):
    fields = {name: TYPES[name]["fields"]}
    return encode_typed_data(domain_data=domain, message_types=fields, message_data=message)


def digest_of(message) -> bytes:
    return keccak(b"\x19" + message.version + message.header + message.body)


def author_statement(domain: dict, header: dict, merkle_root: bytes):
    return typed("AuthorStatement", domain, {
        "root": merkle_root, "previous": header["previous"] or bytes(32),
        "patient": header["patient"], "author": "0x" + header["author"].hex(),
        "institution": "0x" + header["institution"].hex(),
        "version": header["version"], "createdAt": header["created_at"],
    })


def signed_by(message, signature: bytes, signer: bytes) -> bool:
    try:
        return Account.recover_message(message, signature=signature) == _checksum(signer)
    except Exception:
        return False


def _checksum(address: bytes) -> str:
    from eth_utils import to_checksum_address
    return to_checksum_address(address)


HEADER = {"version", "previous", "created_at", "author", "institution", "patient", "parts", "salt"}
PART = {"name", "media_type", "size", "cid", "salt"}


def read_manifest(data: bytes) -> dict:
    manifest = decode(data)
    keys = {"format", "header", "parts", "root", "author_signature"}
    need(isinstance(manifest, dict) and set(manifest) == keys, "other keys")
    need(manifest["format"] == 1, "another format")
    header, parts = manifest["header"], manifest["parts"]
    need(set(header) == HEADER and all(set(p) == PART for p in parts), "other keys")
    need(header["parts"] == len(parts) > 0, "another number of parts")
    need((header["version"] == 1) == (header["previous"] is None), "previous version")
    need(len({p["name"] for p in parts}) == len(parts), "a name twice")
    need(root(leaves(manifest)) == manifest["root"], "another root")
    return manifest


def leaves(manifest: dict) -> list:
    return [leaf_hash(encode(x)) for x in [manifest["header"], *manifest["parts"]]]


def check_disclosure(data: bytes, commitment: bytes, domain: dict) -> dict:
    shown = decode(data)
    made = keccak(shown["salt"] + shown["root"] + cid_bytes(shown["manifest"]))
    need(made == commitment, "another commitment")
    header = shown["header"]
    size = header["parts"] + 1
    entries = [(0, header, shown["header_path"])]
    entries += [(p["leaf"], p["part"], p["path"]) for p in shown["parts"]]
    need(all(a[0] < b[0] for a, b in zip(entries, entries[1:])), "leaves out of order")
    for index, leaf, path in entries:
        found = root_by_path(leaf_hash(encode(leaf)), index, size, path)
        need(found == shown["root"], f"proof of leaf {index}")
    statement = author_statement(domain, header, shown["root"])
    need(signed_by(statement, shown["author_signature"], header["author"]), "signature")
    return shown


class Records(unittest.TestCase):
    def test_manifests(self):
        vectors = load("manifest")
        for case in vectors["good"]:
            with self.subTest(case["name"]):
                manifest = read_manifest(raw(case["manifest"]))
                self.assertEqual([x.hex() for x in leaves(manifest)],
                                 [x.removeprefix("0x") for x in case["leaves"]])
                self.assertEqual(manifest["root"], raw(case["root"]))
                message = author_statement(vectors["domain"], manifest["header"], manifest["root"])
                self.assertEqual(digest_of(message), raw(case["digest"]))
                self.assertTrue(signed_by(message, manifest["author_signature"],
                                          raw(case["author"])))
                again = Account.sign_message(message, vectors["author_secret"])
                self.assertEqual(bytes(again.signature), raw(case["signature"]))
                made = keccak(raw(case["salt"]) + manifest["root"] + cid_of_text(case["cid"]))
                self.assertEqual(made, raw(case["commitment"]))
        for case in vectors["bad"]:
            with self.subTest(case["name"]), self.assertRaises(Refused):
                read_manifest(raw(case["manifest"]))

    def test_disclosures(self):
        vectors = load("disclosure")
        for case in vectors["good"]:
            with self.subTest(case["name"]):
                shown = check_disclosure(raw(case["disclosure"]), raw(case["commitment"]),
                                         vectors["domain"])
                self.assertEqual([p["part"]["name"] for p in shown["parts"]], case["parts"])
                self.assertEqual(shown["header"]["parts"] - len(shown["parts"]), case["hidden"])
        for case in vectors["bad"]:
            with self.subTest(case["name"]), self.assertRaises(Refused):
                check_disclosure(raw(case["disclosure"]), raw(case["commitment"]),
                                 vectors["domain"])

    def test_grants_and_requests(self):
        vectors = load("grant")
        for case in vectors["grants"] + vectors["requests"]:
            with self.subTest(case["name"]):
                data = raw(case["document"])
                document = decode(data)
                self.assertEqual(document["salt"], raw(case["salt"]))
                self.assertEqual(keccak(data), raw(case["digest"]))
                self.assertEqual(keccak(document["salt"] + keccak(data)), raw(case["id"]))
                self.assertEqual(document["parts"], sorted(set(document["parts"])))
                self.assertIn(document["purpose"], vectors["purposes"])

    def test_key_statement_and_patient(self):
        case = load("key")
        statement = decode(raw(case["statement"]))
        message = typed("KeyStatement", case["domain"], {
            "wallet": "0x" + statement["wallet"].hex(),
            "sealingPublic": statement["sealing_public"], "issuedAt": statement["issued_at"],
        })
        self.assertEqual(digest_of(message), raw(case["digest"]))
        self.assertTrue(signed_by(message, statement["signature"], raw(case["wallet"])))
        on_chain = keccak(raw(case["salt"]) + keccak(raw(case["statement"])))
        self.assertEqual(on_chain, raw(case["salted_digest"]))
        patient = case["patient"]
        made = keccak(raw(patient["salt"]) + keccak(b"stele.patient.v1")
                      + raw(patient["institution"]) + raw(patient["wallet"]))
        self.assertEqual(made, raw(patient["commitment"]))

    def test_index(self):
        case = load("index")
        form, following, records, grants, enrolments = decode(raw(case["index"]))
        self.assertEqual((form, following), (1, case["next"]))
        self.assertEqual([r[0] for r in records], sorted(r[0] for r in records))
        for record in records:
            number, controller, institution, _added, _label, erased, versions = record
            self.assertLess(number, following)
            self.assertEqual((len(controller), len(institution)), (20, 20))
            self.assertFalse(erased and versions)
            for commitment, salt, manifest, key in versions:
                self.assertEqual([len(commitment), len(salt), len(key)], [32, 32, 32])
                self.assertEqual(len(cid_bytes(manifest)), 36)
        self.assertEqual((len(grants), len(enrolments)), (1, 1))
        before = None
        for entry in case["line"]:
            sealed = decode(raw(entry["sealed_index"]))
            self.assertEqual(sealed["previous"], before)
            message = typed("IndexStatement", case["domain"], {
                "owner": "0x" + sealed["owner"].hex(), "version": sealed["version"],
                "previous": sealed["previous"] or bytes(32),
                "merged": sealed["merged"] or bytes(32), "digest": keccak(sealed["sealed"]),
            })
            self.assertEqual(digest_of(message), raw(entry["digest"]))
            self.assertTrue(signed_by(message, sealed["signature"], raw(entry["owner"])))
            before = keccak(encode({**sealed, "signature": b""}))
            self.assertEqual(before, raw(entry["hash"]))
        keys = decode(raw(case["part_keys"]["bytes"]))
        self.assertEqual([name for name, _ in keys], case["part_keys"]["names"])

    def test_proofs(self):
        vectors = load("proof")

        def check(data: bytes) -> dict:
            bundle = decode(data)
            domain = {"name": "Stele", "version": "1", "chainId": bundle["chain_id"],
                      "verifyingContract": "0x" + bundle["contracts"]["records"].hex()}
            check_disclosure(encode(bundle["disclosure"]), bundle["commitment"], domain)
            for entry in bundle["log"]:
                data = hashlib.sha256(b"stele/log-entry/v1\0" + entry["salt"] + entry["entry"])
                found = root_by_path(leaf_hash(data.digest()), entry["leaf"], entry["size"],
                                     entry["path"])
                need(found == entry["root"], "log entry")
            return bundle

        for case in vectors["good"]:
            with self.subTest(case["name"]):
                bundle = check(raw(case["proof"]))
                self.assertEqual(bundle["commitment"], raw(case["commitment"]))
                self.assertEqual(bundle["log"][0]["root"], raw(case["log_root"]))
        for case in vectors["bad"]:
            with self.subTest(case["name"]), self.assertRaises(Refused):
                check(raw(case["proof"]))


if __name__ == "__main__":
    unittest.main()
