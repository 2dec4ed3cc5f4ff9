/** RFC 6962 trees: records, logs. */

import { sha256 } from "@noble/hashes/sha2.js";

import type { Hex } from "../types";
import { concat, fromHex, toHex } from "./bytes";

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

export const leafHash = (data: Uint8Array): Hex => toHex(sha256(concat(LEAF, data)));
export const nodeHash = (left: Hex, right: Hex): Hex =>
  toHex(sha256(concat(NODE, fromHex(left, "hash", 32), fromHex(right, "hash", 32))));

/** The largest power of two below `n` > 1. */
function split(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

/** Root over leaf hashes. */
export function rootOf(leaves: readonly Hex[]): Hex {
  const [first] = leaves;
  if (first === undefined) return toHex(sha256(new Uint8Array()));
  if (leaves.length === 1) return first;
  const k = split(leaves.length);
  return nodeHash(rootOf(leaves.slice(0, k)), rootOf(leaves.slice(k)));
}

/** Inclusion proof of a leaf, from the leaf upwards. */
export function pathOf(leaves: readonly Hex[], index: number): Hex[] {
  if (!Number.isInteger(index) || index < 0 || index >= leaves.length) throw new RangeError("there is no such leaf");
  if (leaves.length === 1) return [];
  const k = split(leaves.length);
  return index < k
    ? [...pathOf(leaves.slice(0, k), index), rootOf(leaves.slice(k))]
    : [...pathOf(leaves.slice(k), index - k), rootOf(leaves.slice(0, k))];
}

const half = (n: number): number => Math.floor(n / 2);
const odd = (n: number): boolean => n % 2 === 1;

/** The root that an inclusion proof leads to (RFC 9162, 2.1.3.2); null if its length is wrong. */
export function rootFromPath(leaf: Hex, index: number, size: number, path: readonly Hex[]): Hex | null {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) return null;
  let [position, last, hash] = [index, size - 1, leaf];
  for (const sibling of path) {
    if (last === 0) return null;
    if (odd(position) || position === last) {
      hash = nodeHash(sibling, hash);
      while (!odd(position) && position !== 0) [position, last] = [half(position), half(last)];
    } else {
      hash = nodeHash(hash, sibling);
    }
    [position, last] = [half(position), half(last)];
  }
  return last === 0 ? hash : null;
}

/** Whether a consistency proof shows that a tree grew from one root to the other (RFC 9162, 2.1.4.2). */
export function consistent(
  from: { readonly size: number; readonly root: Hex },
  to: { readonly size: number; readonly root: Hex },
  path: readonly Hex[],
): boolean {
  if (from.size > to.size) return false;
  if (from.size === to.size) return path.length === 0 && from.root === to.root;
  if (from.size === 0) return path.length === 0 && from.root === rootOf([]);
  let [position, last] = [from.size - 1, to.size - 1];
  while (odd(position)) [position, last] = [half(position), half(last)];
  // An old tree that is whole is itself the first hash.
  const rest = position === 0 ? [from.root, ...path] : [...path];
  const seed = rest.shift();
  if (seed === undefined) return false;
  let [old, now] = [seed, seed];
  for (const hash of rest) {
    if (last === 0) return false;
    if (odd(position) || position === last) {
      [old, now] = [nodeHash(hash, old), nodeHash(hash, now)];
      while (!odd(position) && position !== 0) [position, last] = [half(position), half(last)];
    } else {
      now = nodeHash(now, hash);
    }
    [position, last] = [half(position), half(last)];
  }
  return last === 0 && old === from.root && now === to.root;
}

/** Builds roots while leaves come in: keeps one hash for each whole subtree. */
export class Frontier {
  #stack: { hash: Hex; size: number }[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Add a leaf hash, or the hash of a whole subtree of `size` leaves that stands at its place. */
  push(leaf: Hex, size = 1): void {
    let top = { hash: leaf, size };
    let before = this.#stack.at(-1);
    while (before?.size === top.size) {
      top = { hash: nodeHash(before.hash, top.hash), size: top.size * 2 };
      this.#stack.pop();
      before = this.#stack.at(-1);
    }
    this.#stack.push(top);
    this.#size += size;
  }

  root(): Hex {
    const hashes = this.#stack.map((s) => s.hash).reverse();
    const [smallest, ...larger] = hashes;
    return smallest === undefined ? rootOf([]) : larger.reduce((right, left) => nodeHash(left, right), smallest);
  }
}
