/** Bytes and hex, strictly. */

import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";

import { Wrong } from "../errors";
import type { Hex } from "../types";

export const concat = concatBytes;
export const utf8 = utf8ToBytes;

export const ZERO32: Hex = `0x${"00".repeat(32)}`;
export const ZERO20: Hex = `0x${"00".repeat(20)}`;

/** Lower-case hex with `0x`. */
export function toHex(bytes: Uint8Array): Hex {
  return `0x${bytesToHex(bytes)}`;
}

/** The bytes of `0x…`, of exactly `length` bytes where one is given. */
export function fromHex(text: unknown, what: string, length?: number): Uint8Array {
  if (typeof text !== "string" || !/^0x(?:[0-9a-fA-F]{2})*$/.test(text)) throw new Wrong(what, "it is not hexadecimal");
  if (length !== undefined && text.length !== 2 + 2 * length) throw new Wrong(what, `it has not ${length} bytes`);
  return hexToBytes(text.slice(2));
}

/** Hex of exactly `length` bytes in its one spelling. */
export function hexOf(text: unknown, what: string, length: number): Hex {
  return toHex(fromHex(text, what, length));
}
export const hash32 = (text: unknown, what: string): Hex => hexOf(text, what, 32);
export const address20 = (text: unknown, what: string): Hex => hexOf(text, what, 20);

/** An unsigned integer in `length` bytes, big-endian. */
export function uintBytes(value: number | bigint, length: number): Uint8Array {
  const out = new Uint8Array(length);
  let rest = BigInt(value);
  for (let i = length - 1; i >= 0; i--) {
    out[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  if (rest !== 0n) throw new RangeError(`${value} does not fit ${length} bytes`);
  return out;
}

/** Compare without telling by time where they differ. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0);
  return difference === 0;
}

/** Random bytes of the platform's generator. */
export function random(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length));
}
export const randomHex = (length: number): Hex => toHex(random(length));

/** Text of bytes that must be UTF-8. */
export function text(bytes: Uint8Array, what: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Wrong(what, "it is no text");
  }
}

/** Overwrite secrets. Copies that the engine made are beyond reach; this is what a page can do. */
export function wipe(...secrets: (Uint8Array | null | undefined)[]): void {
  for (const secret of secrets) secret?.fill(0);
}
