/** CIDs of files: docs/formats.md, "Storage". The same as `ipfs add --cid-version=1 --raw-leaves`. */

import * as dagPb from "@ipld/dag-pb";
import { sha256 } from "@noble/hashes/sha2.js";
import { CID } from "multiformats/cid";
import * as Digest from "multiformats/hashes/digest";

import { Wrong } from "../errors";
import { concat } from "./bytes";
import { parseCid } from "./cbor";

const CHUNK = 1_048_576;
const LINKS = 174;
const RAW = 0x55;
const SHA2_256 = 0x12;

/** A block that a file or a part of it hangs on. */
interface Node {
  readonly cid: CID;
  /** Bytes of the file below. */
  readonly content: number;
  /** Bytes of all blocks below, itself included: `Tsize`. */
  readonly total: number;
}

function nodeOf(code: number, block: Uint8Array, content: number, below: number): Node {
  const cid = CID.createV1(code, Digest.create(SHA2_256, sha256(block)));
  return { cid, content, total: block.length + below };
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return Uint8Array.of(...bytes, rest);
}

/** The UnixFS message of a file: type 2, `filesize`, `blocksizes`. */
function unixfs(children: readonly Node[], size: number): Uint8Array {
  const field = (tag: number, value: number): Uint8Array => concat(Uint8Array.of(tag), varint(value));
  return concat(field(0x08, 2), field(0x18, size), ...children.map((child) => field(0x20, child.content)));
}

function parentOf(children: readonly Node[]): Node {
  const content = children.reduce((sum, child) => sum + child.content, 0);
  const below = children.reduce((sum, child) => sum + child.total, 0);
  const Links = children.map((child) => ({ Name: "", Hash: child.cid, Tsize: child.total }));
  return nodeOf(dagPb.code, dagPb.encode({ Data: unixfs(children, content), Links }), content, below);
}

/** Computes the CID of a file from its bytes in order. */
export class CidHasher {
  #held: Uint8Array[] = [];
  #length = 0;
  #leaves: Node[] = [];

  push(bytes: Uint8Array): void {
    let rest = bytes;
    while (this.#length + rest.length > CHUNK) {
      const take = CHUNK - this.#length;
      this.#held.push(rest.subarray(0, take));
      rest = rest.subarray(take);
      this.#leaf();
    }
    if (rest.length > 0) this.#held.push(rest.slice());
    this.#length += rest.length;
  }

  #leaf(): void {
    const block = concat(...this.#held);
    this.#leaves.push(nodeOf(RAW, block, block.length, 0));
    this.#held = [];
    this.#length = 0;
  }

  finish(): string {
    if (this.#length > 0 || this.#leaves.length === 0) this.#leaf();
    let level = this.#leaves;
    while (level.length > 1) {
      const next: Node[] = [];
      for (let i = 0; i < level.length; i += LINKS) next.push(parentOf(level.slice(i, i + LINKS)));
      level = next;
    }
    const [root] = level;
    if (root === undefined) throw new RangeError("a file has at least one block");
    return root.cid.toString();
  }
}

export function cidOf(bytes: Uint8Array): string {
  const hasher = new CidHasher();
  hasher.push(bytes);
  return hasher.finish();
}

/** Refuse bytes that are others than a CID names. */
export function checkCid(expected: string, bytes: Uint8Array): void {
  if (cidOf(bytes) !== parseCid(expected, "cid").toString()) {
    throw new Wrong("sealed bytes", `they are others than ${expected} names`, "damaged");
  }
}

/** The 36 bytes of a CID. */
export const cidBytes = (cid: string): Uint8Array => parseCid(cid, "cid").bytes;
