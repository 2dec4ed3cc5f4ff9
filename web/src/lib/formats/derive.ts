/** Key derivation: docs/formats.md, "Key derivation". */

import { hkdf } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";

import { concat, uintBytes, utf8 } from "./bytes";

const PART = utf8("stele/part/v1");
const DERIVE = utf8("stele/derive/v1");
/** The order of secp256k1. */
const N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
/** The name under which a manifest's own key is derived; no part can have it. */
export const MANIFEST = "/manifest";

export function partKey(recordKey: Uint8Array, name: string): Uint8Array {
  return hkdf(sha256, recordKey, PART, utf8(name), 32);
}

function derive(root: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  return hkdf(sha256, root, DERIVE, info, length);
}

/** The private key of record `index`'s controller (FIPS 186-5, A.2.1). */
export function controllerKey(root: Uint8Array, index: number | bigint): Uint8Array {
  const wide = derive(root, concat(utf8("controller"), uintBytes(index, 8)), 64);
  let number = 0n;
  for (const byte of wide) number = (number << 8n) | BigInt(byte);
  wide.fill(0);
  return uintBytes((number % (N - 1n)) + 1n, 32);
}

export const indexKey = (root: Uint8Array): Uint8Array => derive(root, utf8("index"), 32);
export const logKey = (root: Uint8Array): Uint8Array => derive(root, utf8("log"), 32);
export const purposeSecret = (root: Uint8Array, purpose: string): Uint8Array =>
  derive(root, utf8(`purpose/${purpose}`), 32);
