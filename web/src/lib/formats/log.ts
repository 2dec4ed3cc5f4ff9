/** Logs: checkpoints as C2SP notes, tiles, proofs. docs/formats.md, "Log". */

import { sha256 } from "@noble/hashes/sha2.js";
import { base64 } from "@scure/base";

import { Wrong } from "../errors";
import type { Hex } from "../types";
import { concat, equalBytes, fromHex, toHex, utf8 } from "./bytes";
import { checkSigned, digestOf, typedDataFor } from "./eip712";
import { NOTE_BYTES } from "./limits";
import { Frontier } from "./merkle";

/** Which log: the institution's, anchored in this contract on this chain. */
export interface Origin {
  readonly chainId: number;
  readonly contract: Hex;
  readonly institution: Hex;
}

/** A checkpoint that its institution signed. */
export interface Checkpoint {
  readonly origin: Origin;
  readonly size: number;
  readonly root: Hex;
  readonly signature: Hex;
}

const malformed = (reason: string): Wrong => new Wrong("checkpoint note", reason, "malformed");

export const originText = (origin: Origin): string =>
  `stele/${origin.chainId}/${origin.contract.toLowerCase()}/${origin.institution.toLowerCase()}`;

function parseOrigin(text: string): Origin {
  const match = /^stele\/(0|[1-9][0-9]{0,15})\/(0x[0-9a-f]{40})\/(0x[0-9a-f]{40})$/.exec(text);
  if (match === null) throw malformed("the origin is not stele/CHAIN/CONTRACT/INSTITUTION");
  return { chainId: Number(match[1]), contract: match[2] as Hex, institution: match[3] as Hex };
}

/** Id of the institution's key in notes. */
export function keyId(origin: Origin): Uint8Array {
  return sha256(
    concat(
      utf8(`${originText(origin)}\n`), Uint8Array.of(0xff), utf8("stele-eip712-checkpoint"),
      fromHex(origin.institution, "institution", 20),
    ),
  ).slice(0, 4);
}

/** Read a note and verify its institution's signature. */
export function readCheckpoint(note: string): Checkpoint {
  if (utf8(note).length > NOTE_BYTES) throw malformed("it is longer than 128 KiB");
  // eslint-disable-next-line no-control-regex -- control characters are what is refused
  if (/[\u0000-\u0009\u000b-\u001f]/.test(note)) throw malformed("it holds control characters");
  const end = note.lastIndexOf("\n\n");
  if (end < 0) throw malformed("no empty line before the signatures");
  const [origin, size, root, ...more] = note.slice(0, end).split("\n");
  if (origin === undefined || size === undefined || root === undefined || more.length > 0) {
    throw malformed("the text must be origin, size and root, each on a line");
  }
  const from = parseOrigin(origin);
  if (!/^(0|[1-9][0-9]{0,14})$/.test(size)) throw malformed("the size is no plain decimal number");
  const checkpoint: Checkpoint = {
    origin: from,
    size: Number(size),
    root: toHex(decode64(root, 32)),
    signature: toHex(ownSignature(from, note.slice(end + 2))),
  };
  verifyCheckpoint(checkpoint);
  return checkpoint;
}

function decode64(text: string, length?: number): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = base64.decode(text);
  } catch {
    throw malformed("a line is not base64");
  }
  if (length !== undefined && bytes.length !== length) throw malformed(`a value has not ${length} bytes`);
  return bytes;
}

/** The one signature by the origin's own key; others', such as witnesses', are passed over. */
function ownSignature(origin: Origin, text: string): Uint8Array {
  if (!text.endsWith("\n")) throw malformed("the last line has no end");
  const [name, id] = [originText(origin), keyId(origin)];
  const own = text.slice(0, -1).split("\n").flatMap((line) => {
    const match = /^\u2014 ([^ ]+) ([^ ]+)$/.exec(line);
    if (match === null) throw malformed("a signature line is not `— NAME BASE64`");
    const bytes = decode64(match[2] ?? "");
    if (bytes.length <= 4) throw malformed("a signature is too short");
    return match[1] === name && equalBytes(bytes.subarray(0, 4), id) ? [bytes.subarray(4)] : [];
  });
  const [signature, second] = own;
  if (signature === undefined) throw malformed("the log's own signature is missing");
  if (second !== undefined) throw malformed("two signatures by the same key");
  return signature;
}

export function verifyCheckpoint({ origin, size, root, signature }: Checkpoint): void {
  const fields = { institution: origin.institution, size, root };
  const domain = { chainId: origin.chainId, contract: origin.contract };
  const digest = digestOf(typedDataFor(domain, { kind: "Checkpoint", fields }));
  checkSigned("checkpoint", origin.institution, digest, signature);
}

/** Hashes of a full tile. */
export const TILE = 256;

/** Number of a tile in a path: groups of three digits, all but the last with an `x`. */
function tileNumber(number: number): string {
  const groups: string[] = [];
  let rest = number;
  do {
    groups.unshift(String(rest % 1000).padStart(3, "0"));
    rest = Math.floor(rest / 1000);
  } while (rest > 0);
  return groups.map((group, i) => (i < groups.length - 1 ? `x${group}` : group)).join("/");
}

/** Path of a tile of hashes: level, number, and how many hashes a partial one has. */
export function tilePath(level: number, number: number, width = TILE): string {
  return `tile/${level}/${tileNumber(number)}${width === TILE ? "" : `.p/${width}`}`;
}

/** The hashes of a tile. */
export function tileHashes(bytes: Uint8Array, width: number): Hex[] {
  if (bytes.length !== width * 32) throw new Wrong("tile", `it has not ${width} hashes`, "malformed");
  return Array.from({ length: width }, (_, i) => toHex(bytes.subarray(i * 32, i * 32 + 32)));
}

/** Walks a log's leaf hashes once and notes the root at each wanted size. */
export class RootsAt {
  readonly #wanted: Set<number>;
  readonly #frontier = new Frontier();
  readonly roots = new Map<number, Hex>();

  constructor(sizes: Iterable<number>) {
    this.#wanted = new Set(sizes);
    if (this.#wanted.has(0)) this.roots.set(0, this.#frontier.root());
  }

  push(leaves: readonly Hex[]): void {
    for (const leaf of leaves) {
      this.#frontier.push(leaf);
      if (this.#wanted.has(this.#frontier.size)) this.roots.set(this.#frontier.size, this.#frontier.root());
    }
  }

  get size(): number {
    return this.#frontier.size;
  }
}
