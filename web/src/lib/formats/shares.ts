/** Secret sharing among guardians: docs/formats.md, "Secret sharing". */

import { sha256 } from "@noble/hashes/sha2.js";

import { Wrong } from "../errors";
import { concat, equalBytes, random, utf8 } from "./bytes";

const MAGIC = utf8("stele\0sh");
const MOST = 32;
const SECRET = 32;
const HEAD = 60;

export class ShareError extends Wrong {
  constructor(code: "length" | "not-share" | "version" | "share-damaged" | "share-twice" | "share-mixed" | "shares-missing", reason: string) {
    super("share", reason, code);
  }
}

interface Share {
  readonly k: number;
  readonly n: number;
  readonly number: number;
  readonly salt: Uint8Array;
  readonly digest: Uint8Array;
  readonly digests: Uint8Array;
  readonly set: Uint8Array;
  readonly value: Uint8Array;
}

/** Multiplication in GF(2^8) with x^8 + x^4 + x^3 + x + 1, in the same time for all values. */
function times(a: number, b: number): number {
  let product = 0;
  for (let bit = 0, left = a; bit < 8; bit++) {
    product ^= left & -((b >> bit) & 1);
    left = ((left << 1) ^ (0x11b & -(left >> 7))) & 0xff;
  }
  return product & 0xff;
}

/** 1/a as a^254. */
function inverse(a: number): number {
  let [result, square] = [1, a];
  for (let bit = 1; bit < 8; bit++) {
    square = times(square, square);
    result = times(result, square);
  }
  return result;
}

const secretDigest = (salt: Uint8Array, secret: Uint8Array): Uint8Array =>
  sha256(concat(utf8("stele/share/v1 secret\0"), salt, secret));
const shareDigest = (salt: Uint8Array, number: number, value: Uint8Array): Uint8Array =>
  sha256(concat(utf8("stele/share/v1 share\0"), salt, Uint8Array.of(number), value));
const setId = (k: number, n: number, salt: Uint8Array, digest: Uint8Array, digests: Uint8Array): Uint8Array =>
  sha256(concat(utf8("stele/share/v1 set\0"), Uint8Array.of(k, n), salt, digest, digests));

/** Split 32 bytes into `n` shares of which any `k` restore it. */
export function split(secret: Uint8Array, k: number, n: number): Uint8Array[] {
  if (secret.length !== SECRET) throw new RangeError(`a secret has ${SECRET} bytes`);
  if (!(k >= 2 && k <= n && n <= MOST)) throw new RangeError(`2 <= k <= n <= ${MOST}`);
  const salt = random(16);
  const coefficients = [secret, ...Array.from({ length: k - 1 }, () => random(SECRET))];
  const at = (x: number): Uint8Array =>
    Uint8Array.from({ length: SECRET }, (_, j) => coefficients.reduceRight((sum, c) => times(sum, x) ^ (c[j] ?? 0), 0));
  const values = Array.from({ length: n }, (_, i) => at(i + 1));
  const digest = secretDigest(salt, secret);
  const digests = concat(...values.map((value, i) => shareDigest(salt, i + 1, value)));
  const set = setId(k, n, salt, digest, digests);
  coefficients.slice(1).forEach((c) => c.fill(0));
  return values.map((value, i) => concat(MAGIC, Uint8Array.of(1, k, n, i + 1), salt, digest, digests, set, value));
}

function read(bytes: Uint8Array): Share {
  if (bytes.length >= MAGIC.length && !equalBytes(bytes.subarray(0, 8), MAGIC)) {
    throw new ShareError("not-share", "it is not a share");
  }
  if (bytes.length < HEAD) throw new ShareError("length", "it is too short for a share");
  if (bytes[8] !== 1) throw new ShareError("version", "it is of a version that is not known here");
  const [k, n, number] = [bytes[9] ?? 0, bytes[10] ?? 0, bytes[11] ?? 0];
  if (!(k >= 2 && k <= n && n <= MOST && number >= 1 && number <= n)) {
    throw new ShareError("share-damaged", "its numbers are not possible");
  }
  if (bytes.length !== HEAD + 32 * n + 64) throw new ShareError("length", "it has not a share's length");
  const end = HEAD + 32 * n;
  const share: Share = {
    k, n, number,
    salt: bytes.subarray(12, 28),
    digest: bytes.subarray(28, HEAD),
    digests: bytes.subarray(HEAD, end),
    set: bytes.subarray(end, end + 32),
    value: bytes.subarray(end + 32),
  };
  const own = share.digests.subarray(32 * (number - 1), 32 * number);
  const whole =
    equalBytes(share.set, setId(k, n, share.salt, share.digest, share.digests)) &&
    equalBytes(own, shareDigest(share.salt, number, share.value));
  if (!whole) throw new ShareError("share-damaged", "it was altered");
  return share;
}

/** Restore the secret from shares. */
export function restore(all: readonly Uint8Array[]): Uint8Array {
  const shares = all.map(read);
  const [first] = shares;
  if (first === undefined) throw new ShareError("shares-missing", "there are none");
  if (shares.some((s) => !equalBytes(s.set, first.set))) throw new ShareError("share-mixed", "they are of different sets");
  if (new Set(shares.map((s) => s.number)).size !== shares.length) throw new ShareError("share-twice", "one is there twice");
  if (shares.length < first.k) throw new ShareError("shares-missing", `${first.k} are needed, ${shares.length} are there`);
  const used = shares.slice(0, first.k);
  const weights = used.map((s) =>
    used.reduce((w, o) => (o === s ? w : times(w, times(o.number, inverse(o.number ^ s.number)))), 1),
  );
  const secret = Uint8Array.from({ length: SECRET }, (_, j) =>
    used.reduce((sum, s, i) => sum ^ times(weights[i] ?? 0, s.value[j] ?? 0), 0),
  );
  if (!equalBytes(first.digest, secretDigest(first.salt, secret))) throw new ShareError("share-damaged", "they do not fit");
  return secret;
}
