/** The heavy work: sealing, opening, hashing, key derivation. Runs in a worker or in place. */

import { argon2idAsync } from "@noble/hashes/argon2.js";
import { scryptAsync } from "@noble/hashes/scrypt.js";

import { Wrong } from "../errors";
import { utf8 } from "../formats/bytes";
import { parseCid } from "../formats/cbor";
import { CidHasher } from "../formats/cid";
import { Opener, Sealer, sealedLength } from "../formats/sealed-file";
import type { OnProgress, Progress } from "../types";

/** How much is read at once. */
const STEP = 1 << 20;

export interface Sealed {
  readonly sealed: Blob;
  readonly cid: string;
  readonly size: number;
}

/** What an engine does; the same in a worker and in place. */
export interface Engine {
  seal(plain: Blob, partKey: Uint8Array, onProgress?: OnProgress): Promise<Sealed>;
  /** Open sealed bytes after checking that they are those of the CID, and as long as was said. */
  open(sealed: Blob, partKey: Uint8Array, cid: string, size: number | null, onProgress?: OnProgress): Promise<Blob>;
  scrypt(passphrase: string, salt: Uint8Array, cost: ScryptCost): Promise<Uint8Array>;
  argon2id(passphrase: string, salt: Uint8Array, cost: Argon2Cost): Promise<Uint8Array>;
}

export interface ScryptCost {
  readonly N: number;
  readonly r: number;
  readonly p: number;
}
export interface Argon2Cost {
  readonly memory_kib: number;
  readonly passes: number;
  readonly lanes: number;
}

async function* pieces(blob: Blob): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < blob.size; at += STEP) {
    yield new Uint8Array(await blob.slice(at, at + STEP).arrayBuffer());
  }
}

/** `ArrayBuffer`s for a blob: what the ciphers return is never shared memory. */
const part = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => bytes as Uint8Array<ArrayBuffer>;

class Meter {
  readonly #report: OnProgress | undefined;
  readonly #stage: Progress["stage"];
  readonly #total: number;
  #done = 0;

  constructor(stage: Progress["stage"], total: number, report: OnProgress | undefined) {
    this.#stage = stage;
    this.#total = total;
    this.#report = report;
  }

  add(bytes: number): void {
    this.#done += bytes;
    this.#report?.({ stage: this.#stage, done: this.#done, total: this.#total });
  }
}

async function seal(plain: Blob, partKey: Uint8Array, onProgress?: OnProgress): Promise<Sealed> {
  const sealer = new Sealer(partKey);
  const hasher = new CidHasher();
  const meter = new Meter("sealing", plain.size, onProgress);
  const out: Uint8Array<ArrayBuffer>[] = [];
  const take = (bytes: Uint8Array): void => {
    hasher.push(bytes);
    out.push(part(bytes));
  };
  take(sealer.header);
  let size = 0;
  for await (const piece of pieces(plain)) {
    for (const chunk of sealer.push(piece)) take(chunk);
    size += piece.length;
    meter.add(piece.length);
  }
  take(sealer.finish());
  const sealed = new Blob(out);
  if (sealed.size !== sealedLength(size)) throw new Wrong("sealed file", "it has not the length it must have");
  return { sealed, cid: hasher.finish(), size };
}

async function open(
  sealed: Blob,
  partKey: Uint8Array,
  cid: string,
  size: number | null,
  onProgress?: OnProgress,
): Promise<Blob> {
  const expected = parseCid(cid, "cid").toString();
  const opener = new Opener(partKey);
  const hasher = new CidHasher();
  const meter = new Meter("opening", sealed.size, onProgress);
  const out: Uint8Array<ArrayBuffer>[] = [];
  for await (const piece of pieces(sealed)) {
    hasher.push(piece);
    for (const chunk of opener.push(piece)) out.push(part(chunk));
    meter.add(piece.length);
  }
  if (hasher.finish() !== expected) throw new Wrong("sealed bytes", `they are others than ${expected} names`, "damaged");
  out.push(part(opener.finish()));
  const plain = new Blob(out);
  if (size !== null && plain.size !== size) throw new Wrong("part", "it is not as long as its author said", "damaged");
  return plain;
}

/** The engine itself. */
export const inPlace: Engine = {
  seal,
  open,
  scrypt: (passphrase, salt, cost) =>
    // The limit that the library sets by itself is the memory of N = 2^20, r = 8.
    scryptAsync(utf8(passphrase), salt, { ...cost, dkLen: 32 }),
  argon2id: (passphrase, salt, cost) =>
    argon2idAsync(utf8(passphrase), salt, { t: cost.passes, m: cost.memory_kib, p: cost.lanes, dkLen: 32 }),
};
