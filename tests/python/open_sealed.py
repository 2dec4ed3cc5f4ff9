"""Reads what Stele sealed, written from docs/formats.md alone.

It shares no code with Stele: XChaCha20-Poly1305 comes from libsodium (PyNaCl), X25519 and
ChaCha20-Poly1305 from OpenSSL (cryptography), HKDF and SHA-256 from the standard library, and HPKE
and Shamir's sharing are written out below.

    python3 open_sealed.py FILE.sealed KEY_HEX_FILE > FILE
"""

import hashlib
import hmac
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt
from nacl.exceptions import CryptoError


class Refused(Exception):
    """The input is not what it should be; the first argument is the reason in one word."""


def hkdf_extract(salt: bytes, secret: bytes) -> bytes:
    return hmac.digest(salt, secret, "sha256")


def hkdf_expand(prk: bytes, info: bytes, length: int) -> bytes:
    out, block = b"", b""
    for i in range(1, -(-length // 32) + 1):
        block = hmac.digest(prk, block + info + bytes([i]), "sha256")
        out += block
    return out[:length]


def hkdf(salt: bytes, secret: bytes, info: bytes, length: int = 32) -> bytes:
    return hkdf_expand(hkdf_extract(salt, secret), info, length)


# Sealed file


def parse_header(sealed: bytes) -> tuple[bytes, int]:
    """The header and the chunk size."""
    header = sealed[:64]
    if header[:8] != b"stele\0sf"[: len(header)]:
        raise Refused("not-sealed")
    if len(header) < 64:
        raise Refused("truncated")
    if header[8] != 1:
        raise Refused("version")
    if header[9] != 1:
        raise Refused("suite")
    if not 10 <= header[10] <= 20:
        raise Refused("chunk-size")
    if header[30:32] != b"\0\0":
        raise Refused("reserved")
    return header, 1 << header[10]


def check_key(header: bytes, key: bytes) -> bytes:
    """The key of the file, once the commitment is found to be that of the part key."""
    prk = hkdf_extract(header[:32], key)
    if not hmac.compare_digest(hkdf_expand(prk, b"stele/file/v1 commitment", 32), header[32:]):
        raise Refused("wrong-key")
    return hkdf_expand(prk, b"stele/file/v1 key", 32)


def open_chunk(header: bytes, file_key: bytes, index: int, last: bool, chunk: bytes) -> bytes:
    nonce = header[11:30] + index.to_bytes(4, "big") + bytes([last])
    try:
        return crypto_aead_xchacha20poly1305_ietf_decrypt(chunk, header, nonce, file_key)
    except CryptoError as error:
        raise Refused("damaged", index) from error


def sealed_chunks(sealed: bytes, size: int) -> list[bytes]:
    body = sealed[64:]
    chunks = [body[i : i + size + 16] for i in range(0, len(body), size + 16)]
    if not chunks or len(chunks[-1]) < 16 + (len(chunks) > 1):
        raise Refused("truncated")
    return chunks


def open_file(sealed: bytes, key: bytes) -> bytes:
    """All of the plaintext."""
    header, size = parse_header(sealed)
    file_key = check_key(header, key)
    chunks = sealed_chunks(sealed, size)
    end = len(chunks) - 1
    return b"".join(open_chunk(header, file_key, i, i == end, c) for i, c in enumerate(chunks))


def open_range(sealed: bytes, key: bytes, offset: int, length: int) -> bytes:
    """`length` bytes from `offset` on, opening no other chunks than those and the last."""
    header, size = parse_header(sealed)
    file_key = check_key(header, key)
    chunks = sealed_chunks(sealed, size)
    end = len(chunks) - 1
    open_chunk(header, file_key, end, True, chunks[end])
    first, out = offset // size, b""
    for i in range(first, -(-(offset + length) // size)):
        out += open_chunk(header, file_key, i, i == end, chunks[i])
    return out[offset - first * size :][:length]


# Key derivation

SECP256K1_N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def part_key(record_key: bytes, name: str) -> bytes:
    return hkdf(b"stele/part/v1", record_key, name.encode())


def root_key(root: bytes, info: bytes, length: int = 32) -> bytes:
    return hkdf(b"stele/derive/v1", root, info, length)


def controller_key(root: bytes, index: int) -> bytes:
    wide = root_key(root, b"controller" + index.to_bytes(8, "big"), 64)
    return (int.from_bytes(wide, "big") % (SECP256K1_N - 1) + 1).to_bytes(32, "big")


# Envelope: HPKE (RFC 9180), base mode, suite ids 0x0020, 0x0001, 0x0003

KEM_ID = b"KEM" + b"\x00\x20"
HPKE_ID = b"HPKE" + b"\x00\x20" + b"\x00\x01" + b"\x00\x03"


def labeled_extract(suite: bytes, salt: bytes, label: bytes, secret: bytes) -> bytes:
    return hkdf_extract(salt, b"HPKE-v1" + suite + label + secret)


def labeled_expand(suite: bytes, prk: bytes, label: bytes, info: bytes, length: int) -> bytes:
    return hkdf_expand(prk, length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info, length)


def public_of(secret: X25519PrivateKey) -> bytes:
    return secret.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def envelope_aad(aad: dict) -> bytes:
    fields = ("contract", "commitment", "grant", "recipient")
    chain = int(aad["chain_id"]).to_bytes(8, "big")
    label = b"stele/envelope/v1 aad".ljust(24, b"\0")
    return label + chain + b"".join(bytes.fromhex(aad[field]) for field in fields)


def open_envelope(secret: bytes, info: bytes, aad: bytes, envelope: bytes) -> bytes:
    if not 49 <= len(envelope) <= 49 + (1 << 20):
        raise Refused("length")
    if envelope[0] != 1 or secret[0] != 1:
        raise Refused("suite")
    key = X25519PrivateKey.from_private_bytes(secret[1:])
    enc, sealed = envelope[1:33], envelope[33:]
    try:
        dh = key.exchange(X25519PublicKey.from_public_bytes(enc))
    except ValueError as error:  # the result is zero
        raise Refused("envelope") from error
    eae_prk = labeled_extract(KEM_ID, b"", b"eae_prk", dh)
    shared = labeled_expand(KEM_ID, eae_prk, b"shared_secret", enc + public_of(key), 32)
    psk_id_hash = labeled_extract(HPKE_ID, b"", b"psk_id_hash", b"")
    info_hash = labeled_extract(HPKE_ID, b"", b"info_hash", b"stele/envelope/v1/" + info)
    context = b"\0" + psk_id_hash + info_hash
    prk = labeled_extract(HPKE_ID, shared, b"secret", b"")
    aead_key = labeled_expand(HPKE_ID, prk, b"key", context, 32)
    nonce = labeled_expand(HPKE_ID, prk, b"base_nonce", context, 12)
    try:
        return ChaCha20Poly1305(aead_key).decrypt(nonce, sealed, aad)
    except InvalidTag as error:
        raise Refused("envelope") from error


# Secret sharing


def gf_mul(a: int, b: int) -> int:
    """In GF(2^8) with x^8 + x^4 + x^3 + x + 1."""
    product = 0
    while b:
        product ^= a * (b & 1)
        a = (a << 1) ^ (0x11B if a & 0x80 else 0)
        b >>= 1
    return product


def gf_inverse(a: int) -> int:
    power = 1
    for _ in range(254):
        power = gf_mul(power, a)
    return power


def share_digest(label: str, *parts: bytes) -> bytes:
    return hashlib.sha256(b"stele/share/v1 " + label.encode() + b"\0" + b"".join(parts)).digest()


def parse_share(share: bytes) -> dict:
    if len(share) < 60 or share[:9] != b"stele\0sh\x01":
        raise Refused("not-share")
    needed, total, index = share[9:12]
    if not 2 <= needed <= total <= 32:
        raise Refused("guardians")
    if not 1 <= index <= total:
        raise Refused("share-damaged", index)
    if len(share) != 124 + 32 * total:
        raise Refused("length")
    salt, secret = share[12:28], share[28:60]
    digests, rest = share[60 : 60 + 32 * total], share[60 + 32 * total :]
    set_id, value = rest[:32], rest[32:]
    mine = digests[32 * (index - 1) :][:32]
    if set_id != share_digest("set", share[9:11], salt, secret, digests) or mine != share_digest(
        "share", salt, bytes([index]), value
    ):
        raise Refused("share-damaged", index)
    return dict(set=set_id, needed=needed, index=index, salt=salt, secret=secret, value=value)


def combine(shares: list[bytes]) -> bytes:
    parsed = [parse_share(share) for share in shares]
    seen = set()
    for share in parsed:
        if share["set"] != parsed[0]["set"]:
            raise Refused("share-mixed", share["index"])
        if share["index"] in seen:
            raise Refused("share-twice", share["index"])
        seen.add(share["index"])
    if len(parsed) < parsed[0]["needed"]:
        raise Refused("shares-missing")
    enough = parsed[: parsed[0]["needed"]]
    secret = bytearray(32)
    for share in enough:
        coefficient = 1
        for other in enough:
            if other is not share:
                quotient = gf_mul(other["index"], gf_inverse(other["index"] ^ share["index"]))
                coefficient = gf_mul(coefficient, quotient)
        for i, byte in enumerate(share["value"]):
            secret[i] ^= gf_mul(coefficient, byte)
    if share_digest("secret", parsed[0]["salt"], bytes(secret)) != parsed[0]["secret"]:
        raise Refused("shares-wrong")
    return bytes(secret)


def main() -> int:
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    with open(sys.argv[1], "rb") as file, open(sys.argv[2], encoding="ascii") as key:
        sealed, key_bytes = file.read(), bytes.fromhex(key.read().strip().removeprefix("0x"))
    try:
        sys.stdout.buffer.write(open_file(sealed, key_bytes))
    except Refused as refused:
        print(f"refused: {refused}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
