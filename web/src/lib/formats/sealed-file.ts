/** Sealed files: docs/formats.md, "Sealed file". Streams of any size in constant memory. */

import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import { hkdf } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";

import { Wrong } from "../errors";
import { concat, equalBytes, random, uintBytes, utf8 } from "./bytes";

export const HEADER = 64;
const TAG = 16;
const MAGIC = utf8("stele\0sf");
const DEFAULT_LOG2 = 16;
const MOST_CHUNKS = 2 ** 32;
const PREFIX = 19;

export type SealReason =
  | "truncated" | "not-sealed" | "version" | "suite" | "chunk-size" | "reserved" | "wrong-key" | "damaged" | "range";

const WORDS: Record<SealReason, string> = {
  truncated: "it was cut short or added to",
  "not-sealed": "it is not a sealed file",
  version: "it is of a version that is not known here",
  suite: "it is of a suite that is not known here",
  "chunk-size": "its chunk size is not allowed",
  reserved: "reserved bytes are set",
  "wrong-key": "it was sealed under another key",
  damaged: "it was altered",
  range: "the range lies outside",
};

/** A sealed file that does not hold; `code` is one of {@link SealReason}. */
export class SealError extends Wrong {
  readonly reason: SealReason;
  constructor(reason: SealReason) {
    super("sealed file", WORDS[reason], reason);
    this.reason = reason;
  }
}

interface Keys {
  readonly file: Uint8Array;
  readonly commitment: Uint8Array;
}

function keysOf(partKey: Uint8Array, salt: Uint8Array): Keys {
  if (partKey.length !== 32) throw new RangeError("a part key has 32 bytes");
  return {
    file: hkdf(sha256, partKey, salt, utf8("stele/file/v1 key"), 32),
    commitment: hkdf(sha256, partKey, salt, utf8("stele/file/v1 commitment"), 32),
  };
}

/** The chunk size that a header calls for, after all checks that need no key. */
function chunkSizeOf(header: Uint8Array): number {
  if (header.length < MAGIC.length) throw new SealError("truncated");
  if (!equalBytes(header.subarray(0, 8), MAGIC)) throw new SealError("not-sealed");
  if (header.length < HEADER) throw new SealError("truncated");
  if (header[8] !== 1) throw new SealError("version");
  if (header[9] !== 1) throw new SealError("suite");
  const log2 = header[10] ?? 0;
  if (log2 < 10 || log2 > 20) throw new SealError("chunk-size");
  if (header[30] !== 0 || header[31] !== 0) throw new SealError("reserved");
  return 2 ** log2;
}

/** One key, one file: chunks in their places. */
class Cipher {
  readonly #key: Uint8Array;
  readonly #header: Uint8Array;

  constructor(key: Uint8Array, header: Uint8Array) {
    this.#key = key;
    this.#header = header;
  }

  #at(index: number, last: boolean) {
    const nonce = concat(this.#header.subarray(11, 30), uintBytes(index, 4), Uint8Array.of(last ? 1 : 0));
    return xchacha20poly1305(this.#key, nonce, this.#header);
  }

  seal(index: number, last: boolean, plain: Uint8Array): Uint8Array {
    if (index >= MOST_CHUNKS) throw new RangeError("a sealed file has at most 2^32 chunks");
    return this.#at(index, last).encrypt(plain);
  }

  open(index: number, last: boolean, sealed: Uint8Array): Uint8Array {
    try {
      return this.#at(index, last).decrypt(sealed);
    } catch {
      throw new SealError("damaged");
    }
  }

  wipe(): void {
    this.#key.fill(0);
  }
}

/** Length of the sealed file of a plaintext. */
export function sealedLength(plain: number, log2 = DEFAULT_LOG2): number {
  return HEADER + plain + TAG * Math.max(1, Math.ceil(plain / 2 ** log2));
}

/** Gathers bytes into pieces of one size, holding back the last. */
class Pieces {
  readonly #size: number;
  #held: Uint8Array[] = [];
  #length = 0;

  constructor(size: number) {
    this.#size = size;
  }

  /** All pieces that are known not to be the last. */
  *push(bytes: Uint8Array): Generator<Uint8Array> {
    let rest = bytes;
    while (this.#length + rest.length > this.#size) {
      const take = this.#size - this.#length;
      const piece = concat(...this.#held, rest.subarray(0, take));
      rest = rest.subarray(take);
      this.#held = [];
      this.#length = 0;
      yield piece;
    }
    if (rest.length > 0) {
      this.#held.push(rest.slice());
      this.#length += rest.length;
    }
  }

  last(): Uint8Array {
    const piece = concat(...this.#held);
    this.#held = [];
    return piece;
  }
}

/** Seals a stream. */
export class Sealer {
  readonly header: Uint8Array;
  readonly #cipher: Cipher;
  readonly #pieces: Pieces;
  #index = 0;

  constructor(partKey: Uint8Array, options: { readonly log2?: number; readonly prefix?: Uint8Array } = {}) {
    const log2 = options.log2 ?? DEFAULT_LOG2;
    const prefix = options.prefix ?? random(PREFIX);
    if (prefix.length !== PREFIX) throw new RangeError(`a nonce prefix has ${PREFIX} bytes`);
    const salt = concat(MAGIC, Uint8Array.of(1, 1, log2), prefix, Uint8Array.of(0, 0));
    const keys = keysOf(partKey, salt);
    this.header = concat(salt, keys.commitment);
    chunkSizeOf(this.header);
    this.#cipher = new Cipher(keys.file, this.header);
    this.#pieces = new Pieces(2 ** log2);
  }

  /** Sealed chunks that are complete. */
  *push(plain: Uint8Array): Generator<Uint8Array> {
    for (const piece of this.#pieces.push(plain)) yield this.#cipher.seal(this.#index++, false, piece);
  }

  /** The last chunk. */
  finish(): Uint8Array {
    const sealed = this.#cipher.seal(this.#index++, true, this.#pieces.last());
    this.#cipher.wipe();
    return sealed;
  }
}

/** Opens a stream. What it gives may be used only after {@link Opener.finish} has returned. */
export class Opener {
  readonly #partKey: Uint8Array;
  #head: Uint8Array = new Uint8Array();
  #cipher: Cipher | null = null;
  #pieces: Pieces | null = null;
  #index = 0;

  constructor(partKey: Uint8Array) {
    this.#partKey = partKey;
  }

  *push(sealed: Uint8Array): Generator<Uint8Array> {
    let rest = sealed;
    if (this.#pieces === null) {
      const missing = HEADER - this.#head.length;
      this.#head = concat(this.#head, rest.subarray(0, missing));
      rest = rest.subarray(missing);
      if (this.#head.length < HEADER) return;
      this.#begin();
    }
    if (this.#pieces === null || this.#cipher === null) return;
    for (const piece of this.#pieces.push(rest)) yield this.#cipher.open(this.#index++, false, piece);
  }

  #begin(): void {
    const size = chunkSizeOf(this.#head);
    const keys = keysOf(this.#partKey, this.#head.subarray(0, 32));
    if (!equalBytes(keys.commitment, this.#head.subarray(32, 64))) throw new SealError("wrong-key");
    this.#cipher = new Cipher(keys.file, this.#head);
    this.#pieces = new Pieces(size + TAG);
  }

  finish(): Uint8Array {
    if (this.#pieces === null || this.#cipher === null) {
      chunkSizeOf(this.#head);
      throw new SealError("truncated");
    }
    const piece = this.#pieces.last();
    if (piece.length < TAG + (this.#index > 0 ? 1 : 0)) throw new SealError("truncated");
    const plain = this.#cipher.open(this.#index, true, piece);
    this.#cipher.wipe();
    return plain;
  }
}

/** Seal bytes in memory. */
export function sealFile(
  partKey: Uint8Array,
  plain: Uint8Array,
  options: { readonly log2?: number; readonly prefix?: Uint8Array } = {},
): Uint8Array {
  const sealer = new Sealer(partKey, options);
  const chunks = [sealer.header, ...sealer.push(plain)];
  chunks.push(sealer.finish());
  return concat(...chunks);
}

/** Where the chunks of a sealed file lie. */
interface Layout {
  readonly size: number;
  readonly chunks: number;
  readonly plain: number;
}

function layoutOf(length: number, size: number): Layout {
  if (length < HEADER + TAG) throw new SealError("truncated");
  const body = length - HEADER;
  const chunks = Math.ceil(body / (size + TAG));
  const last = body - (chunks - 1) * (size + TAG);
  if (last < TAG + (chunks > 1 ? 1 : 0)) throw new SealError("truncated");
  if (chunks > MOST_CHUNKS) throw new SealError("truncated");
  return { size, chunks, plain: body - chunks * TAG };
}

/** A sealed file in memory, its header, length and key checked. */
function openLayout(partKey: Uint8Array, sealed: Uint8Array): { layout: Layout; cipher: Cipher } {
  const header = sealed.slice(0, HEADER);
  const layout = layoutOf(sealed.length, chunkSizeOf(header));
  const keys = keysOf(partKey, header.subarray(0, 32));
  if (!equalBytes(keys.commitment, header.subarray(32, 64))) throw new SealError("wrong-key");
  return { layout, cipher: new Cipher(keys.file, header) };
}

function chunkOf(sealed: Uint8Array, layout: Layout, index: number): Uint8Array {
  const start = HEADER + index * (layout.size + TAG);
  return sealed.subarray(start, Math.min(start + layout.size + TAG, sealed.length));
}

/** Open a sealed file in memory. */
export function openFile(partKey: Uint8Array, sealed: Uint8Array): Uint8Array {
  const { layout, cipher } = openLayout(partKey, sealed);
  const plain = new Uint8Array(layout.plain);
  for (let i = 0; i < layout.chunks; i++) {
    plain.set(cipher.open(i, i === layout.chunks - 1, chunkOf(sealed, layout, i)), i * layout.size);
  }
  cipher.wipe();
  return plain;
}

/** Bytes `from` to `until` (not included) of the plaintext, without opening the rest. */
export function openRange(partKey: Uint8Array, sealed: Uint8Array, from: number, until: number): Uint8Array {
  const { layout, cipher } = openLayout(partKey, sealed);
  const last = layout.chunks - 1;
  // The last chunk first: it says that the length is genuine.
  const end = cipher.open(last, true, chunkOf(sealed, layout, last));
  if (from < 0 || from > until || until > layout.plain) throw new SealError("range");
  const out = new Uint8Array(until - from);
  for (let i = Math.floor(from / layout.size); i * layout.size < until; i++) {
    const chunk = i === last ? end : cipher.open(i, false, chunkOf(sealed, layout, i));
    const start = i * layout.size;
    const piece = chunk.subarray(Math.max(0, from - start), Math.min(chunk.length, until - start));
    out.set(piece, Math.max(0, start - from));
  }
  cipher.wipe();
  return out;
}
