/** Envelopes and sealing keys: docs/formats.md, "Envelope". */

import { x25519 } from "@noble/curves/ed25519.js";
import { AEAD_ChaCha20Poly1305, KDF_HKDF_SHA256, KEM_DHKEM_X25519_HKDF_SHA256 } from "@panva/hpke-noble";
import { CipherSuite } from "hpke";

import { Wrong } from "../errors";
import type { Hex } from "../types";
import { concat, fromHex, uintBytes, utf8 } from "./bytes";
import { ENVELOPE_BYTES } from "./limits";

const SUITE = 1;
const KEY = 33;
const OVERHEAD = 49;
const ENC_END = 33;

const suite = new CipherSuite(KEM_DHKEM_X25519_HKDF_SHA256, KDF_HKDF_SHA256, AEAD_ChaCha20Poly1305);

/** What an envelope is for; part of HPKE's `info`. */
export type EnvelopeUse =
  | "version" | "draft" | "part-keys" | "disclosure" | "reason" | "letter";

/** What an envelope is bound to. Taken from what the reader knows, never from beside the envelope. */
export interface Bound {
  readonly chainId: number | bigint;
  readonly contract: Hex;
  readonly commitment: Hex;
  readonly grant: Hex;
  readonly recipient: Hex;
}

export class EnvelopeError extends Wrong {
  constructor(code: "suite" | "length" | "envelope", reason: string) {
    super("envelope", reason, code);
  }
}

export function aadOf(bound: Bound): Uint8Array {
  return concat(
    utf8("stele/envelope/v1 aad\0\0\0"),
    uintBytes(bound.chainId, 8),
    fromHex(bound.contract, "contract", 20),
    fromHex(bound.commitment, "commitment", 32),
    fromHex(bound.grant, "grant", 32),
    fromHex(bound.recipient, "recipient", 20),
  );
}

function keyOf(key: Uint8Array, what: string): Uint8Array {
  if (key[0] !== SUITE) throw new EnvelopeError("suite", `the ${what} is of a suite that is not known here`);
  if (key.length !== KEY) throw new EnvelopeError("length", `the ${what} has not ${KEY} bytes`);
  return key.subarray(1);
}

const infoOf = (use: string): Uint8Array => utf8(`stele/envelope/v1/${use}`);

/** Seal to a public sealing key (suite byte first). */
export async function sealTo(
  to: Uint8Array,
  use: EnvelopeUse,
  bound: Bound,
  plain: Uint8Array,
): Promise<Uint8Array> {
  if (plain.length > ENVELOPE_BYTES) throw new EnvelopeError("length", "it is too long for an envelope");
  const key = await suite.DeserializePublicKey(keyOf(to, "public key").slice());
  const options = { info: infoOf(use), aad: aadOf(bound) };
  try {
    const { encapsulatedSecret, ciphertext } = await suite.Seal(key, plain, options);
    return concat(Uint8Array.of(SUITE), encapsulatedSecret, ciphertext);
  } catch (cause) {
    throw new EnvelopeError("envelope", `it cannot be sealed to this key (${String(cause)})`);
  }
}

/** Open with a secret sealing key (suite byte first). */
export async function openEnvelope(
  secret: Uint8Array,
  use: string,
  bound: Bound,
  envelope: Uint8Array,
): Promise<Uint8Array> {
  if (envelope.length < OVERHEAD || envelope.length > OVERHEAD + ENVELOPE_BYTES) {
    throw new EnvelopeError("length", "it has not an envelope's length");
  }
  if (envelope[0] !== SUITE) throw new EnvelopeError("suite", "it is of a suite that is not known here");
  const options = { info: infoOf(use), aad: aadOf(bound) };
  try {
    const key = await suite.DeserializePrivateKey(keyOf(secret, "secret key").slice(), false);
    return await suite.Open(key, envelope.slice(1, ENC_END), envelope.slice(ENC_END), options);
  } catch (cause) {
    if (cause instanceof EnvelopeError) throw cause;
    throw new EnvelopeError("envelope", "it is for somebody else or for something else, or was altered");
  }
}

/** The public half of a secret sealing key. */
export function sealingPublic(secret: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(SUITE), x25519.getPublicKey(keyOf(secret, "secret key")));
}

/** Refuse what is no public sealing key that is known here. */
export function checkSealingPublic(key: Uint8Array): Uint8Array {
  keyOf(key, "public key");
  return key;
}
