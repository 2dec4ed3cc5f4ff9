/**
 * The patient that a DICOM file names. Read to the end of the patient's group and no further; the
 * same odd files are read as in `crates/clinical/src/dicom`.
 */
import { Inflate } from "fflate";

import { decodeText } from "./character-set";
import type { FilePatient } from "./compare";

const UNDEFINED = 0xffffffff;
const SHORT = new Set("AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split(" "));
const LONG = new Set("OB OD OF OL OV OW SQ SV UC UN UR UT UV".split(" "));
const DEFLATED = "1.2.840.10008.1.2.1.99";
const BIG_ENDIAN = "1.2.840.10008.1.2.2";
const IMPLICIT = "1.2.840.10008.1.2";
const ITEM = 0xfffee000;
const ITEM_END = 0xfffee00d;
const SEQUENCE_END = 0xfffee0dd;
const TRANSFER_SYNTAX = 0x00020010;
const CHARACTER_SET = 0x00080005;
const PATIENT_END = 0x00110000;
const DEPTH = 16;
/** Most bytes of a text. */
const TEXT = 16 * 1024;
const OTHER_IDS = 16;
/** Most bytes of a deflated data set that are inflated, and how many are taken at a time. */
const START = 1 << 20;
const STEP = 1 << 14;

/** The file is no DICOM file, or is damaged before its patient. */
export class NoDicom extends Error {}

interface Encoding {
  readonly explicit: boolean;
  readonly little: boolean;
}

interface Head {
  readonly tag: number;
  readonly length: number;
  readonly encoding: Encoding;
  readonly undefinedFragments: boolean;
}

function letters(bytes: Uint8Array, from: number, to: number): string {
  return String.fromCharCode(...bytes.subarray(from, to));
}

/** Whether an element of a known VR begins here, little endian. */
function beginsExplicit(bytes: Uint8Array, at: number): boolean {
  const vr = letters(bytes, at + 4, at + 6);
  return SHORT.has(vr) || (LONG.has(vr) && bytes[at + 6] === 0 && bytes[at + 7] === 0);
}

class Walk {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = at;
  }

  /** Whether nothing is left, or zeros alone. */
  get ended(): boolean {
    const zeros = (bytes: Uint8Array) => bytes.every((byte) => byte === 0);
    if (!zeros(this.#bytes.subarray(this.at, this.at + 8))) return false;
    if (zeros(this.#bytes.subarray(this.at))) return true;
    throw new NoDicom("zeros stand between its elements");
  }

  /** Steps over so many bytes and gives them. */
  take(length: number): Uint8Array {
    const end = this.at + length;
    if (end > this.#bytes.length) throw new NoDicom("an element is longer than the file");
    const taken = this.#bytes.subarray(this.at, end);
    this.at = end;
    return taken;
  }

  #short(at: number, little: boolean): number {
    return this.#view.getUint16(at, little);
  }

  head(encoding: Encoding): Head {
    const { little } = encoding;
    const at = this.at;
    this.take(8);
    const tag = this.#short(at, little) * 0x10000 + this.#short(at + 2, little);
    const vr = letters(this.#bytes, at + 4, at + 6);
    if (tag >= 0xfffe0000 || !encoding.explicit || !/^[A-Z]{2}$/.test(vr)) {
      const length = this.#view.getUint32(at + 4, little);
      return { tag, length, encoding: { explicit: false, little }, undefinedFragments: false };
    }
    if (SHORT.has(vr)) return { tag, length: this.#short(at + 6, little), encoding, undefinedFragments: false };
    this.take(4);
    // An unknown element of undefined length holds implicit VRs, little endian.
    const inside = vr === "UN" ? { explicit: false, little: true } : encoding;
    const undefinedFragments = vr === "OB" || vr === "OW";
    return { tag, length: this.#view.getUint32(at + 8, little), encoding: inside, undefinedFragments };
  }

  /** Steps over a value, whatever it is made of. */
  skip(head: Head, depth = 0): void {
    if (head.length !== UNDEFINED) {
      this.take(head.length);
      return;
    }
    if (depth === DEPTH) throw new NoDicom("sequences are nested too deeply");
    for (;;) {
      const item = this.head({ ...head.encoding, explicit: false });
      if (item.tag === SEQUENCE_END) return;
      if (item.tag !== ITEM) throw new NoDicom("a sequence holds something else than items");
      if (item.length !== UNDEFINED) this.take(item.length);
      else if (head.undefinedFragments) throw new NoDicom("a fragment has no length");
      else this.#skipItem(head.encoding, depth);
    }
  }

  #skipItem(said: Encoding, depth: number): void {
    const encoding = this.really(said);
    for (;;) {
      const inside = this.head(encoding);
      if (inside.tag === ITEM_END) return;
      if (inside.tag >= 0xfffe0000) throw new NoDicom("an item ends that never began");
      this.skip(inside, depth + 1);
    }
  }

  /** Some programs write explicit elements where implicit ones are due. */
  really(said: Encoding): Encoding {
    return !said.explicit && said.little && beginsExplicit(this.#bytes, this.at) ? { explicit: true, little: true } : said;
  }
}

/** Where the header begins, or nothing for a data set without one. */
function headerAt(bytes: Uint8Array): number | null {
  if (letters(bytes, 128, 132) === "DICM") return 132;
  if (letters(bytes, 0, 4) === "DICM" && bytes[4] === 2) return 4;
  return bytes[0] === 2 && bytes[1] === 0 && beginsExplicit(bytes, 0) ? 0 : null;
}

/** How a data set without a header is written, if these bytes begin one. */
function sniff(bytes: Uint8Array, at: number): Encoding | null {
  const [a, b] = [bytes[at], bytes[at + 1]];
  if (a === 0 && b === 8 && SHORT.has(letters(bytes, at + 4, at + 6))) return { explicit: true, little: false };
  if (a !== 8 || b !== 0) return null;
  const encoding = { explicit: beginsExplicit(bytes, at), little: true };
  const walk = new Walk(bytes, at);
  let last = -1;
  try {
    for (let i = 0; i < 3; i += 1) {
      const head = walk.head(encoding);
      if (head.tag <= last || head.tag >= 0x7fe10000) return null;
      if (head.length === UNDEFINED) return last < 0 ? null : encoding;
      walk.take(head.length);
      last = head.tag;
    }
  } catch {
    return null;
  }
  return encoding;
}

/** Whether the bytes begin as a DICOM file does, with or without preamble and header. */
export function isDicom(bytes: Uint8Array): boolean {
  return headerAt(bytes) !== null || sniff(bytes, 0) !== null;
}

/** As much of a deflated data set as the patient's group may take. */
function inflatedStart(deflated: Uint8Array): Uint8Array {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const inflate = new Inflate((chunk) => {
    chunks.push(chunk);
    length += chunk.length;
  });
  try {
    for (let at = 0; at < deflated.length && length < START; at += STEP) {
      inflate.push(deflated.subarray(at, at + STEP), at + STEP >= deflated.length);
    }
  } catch {
    if (length === 0) throw new NoDicom("its data set does not inflate");
  }
  const start = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    start.set(chunk, at);
    at += chunk.length;
  }
  return start;
}

/** The data set's bytes, where it begins in them and how it is written. */
function open(bytes: Uint8Array): { readonly data: Uint8Array; readonly at: number; readonly encoding: Encoding } {
  const start = headerAt(bytes);
  let syntax = "";
  let at = 0;
  if (start !== null) {
    const walk = new Walk(bytes, start);
    while (bytes[walk.at] === 2 && bytes[walk.at + 1] === 0) {
      const head = walk.head({ explicit: true, little: true });
      const value = walk.take(head.length);
      if (head.tag === TRANSFER_SYNTAX) syntax = letters(value, 0, value.length).replaceAll(/[\0 ]/g, "");
    }
    at = walk.at;
  }
  if (!syntax) {
    const encoding = sniff(bytes, at);
    if (!encoding) throw new NoDicom("neither a header nor a data set begins it");
    return { data: bytes, at, encoding };
  }
  if (syntax === DEFLATED) {
    return { data: inflatedStart(bytes.subarray(at)), at: 0, encoding: { explicit: true, little: true } };
  }
  const said = { explicit: syntax !== IMPLICIT, little: syntax !== BIG_ENDIAN };
  return { data: bytes, at, encoding: new Walk(bytes, at).really(said) };
}

/** The patient that a DICOM file names. */
export function filePatient(bytes: Uint8Array): FilePatient {
  const { data, at, encoding } = open(bytes);
  const walk = new Walk(data, at);
  const values = new Map<number, Uint8Array>();
  while (!walk.ended) {
    const head = walk.head(encoding);
    if (head.tag >= PATIENT_END) break;
    const start = walk.at;
    walk.skip(head);
    values.set(head.tag, data.subarray(start, walk.at));
  }
  const declared = values.get(CHARACTER_SET) ?? new Uint8Array();
  const set = letters(declared, 0, Math.min(declared.length, 256));
  const text = (tag: number) => {
    const value = values.get(tag);
    return !value || value.length > TEXT ? "" : decodeText(set, value).replaceAll(/^[\s\0]+|[\s\0]+$/g, "");
  };
  const others = text(0x00101000).split("\\").map((id) => id.trim());
  return {
    id: text(0x00100020),
    issuer: text(0x00100021),
    other_ids: others.filter(Boolean).slice(0, OTHER_IDS),
    name: text(0x00100010),
    birth_date: text(0x00100030),
    sex: text(0x00100040),
  };
}
