/**
 * Canonical DAG-CBOR with declared shapes: what is read is checked field by field, encoded again,
 * and refused if the two encodings differ. There is no lenient mode.
 */

import * as dagCbor from "@ipld/dag-cbor";
import { CID } from "multiformats/cid";

import { Wrong } from "../errors";
import type { Hex } from "../types";
import { fromHex, toHex, utf8 } from "./bytes";

/** How a value stands in DAG-CBOR. */
export interface Shape<T> {
  read(value: unknown, at: string): T;
  write(value: T): unknown;
}

type Fields = Readonly<Record<string, Shape<unknown>>>;
type Read<S> = S extends Shape<infer T> ? T : never;
type Struct<F> = { readonly [K in keyof F]: Read<F[K]> };
type Tuple<S extends readonly unknown[]> = { readonly [K in keyof S]: Read<S[K]> };

const malformed = (at: string, reason: string): Wrong => new Wrong(at, reason, "malformed");

/** Bytes of one length, as hex. */
export function fixed(length: number): Shape<Hex> {
  return {
    read(value, at) {
      if (!(value instanceof Uint8Array) || value.length !== length) throw malformed(at, `not ${length} bytes`);
      return toHex(value);
    },
    write: (value) => fromHex(value, "value", length),
  };
}
export const address = fixed(20);
export const hash = fixed(32);

/** Bytes of any length up to a limit. */
export function blob(most: number, least = 0): Shape<Uint8Array> {
  return {
    read(value, at) {
      if (!(value instanceof Uint8Array)) throw malformed(at, "not bytes");
      if (value.length > most || value.length < least) throw malformed(at, `not ${least} to ${most} bytes`);
      return value;
    },
    write: (value) => value,
  };
}

/** An unsigned integer. Those above 2^53 - 1 occur nowhere and are refused. */
export const uint: Shape<number> = {
  read(value, at) {
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
      throw malformed(at, "not an unsigned integer below 2^53");
    }
    return value;
  },
  write: (value) => value,
};

export const flag: Shape<boolean> = {
  read(value, at) {
    if (typeof value !== "boolean") throw malformed(at, "not a boolean");
    return value;
  },
  write: (value) => value,
};

/** Text up to a number of bytes in UTF-8. */
export function textOf(most: number): Shape<string> {
  return {
    read(value, at) {
      if (typeof value !== "string") throw malformed(at, "not text");
      if (utf8(value).length > most) throw malformed(at, `longer than ${most} bytes`);
      return value;
    },
    write: (value) => value,
  };
}

/** One of some texts. */
export function oneOf<T extends string>(values: readonly T[]): Shape<T> {
  return {
    read(value, at) {
      const known = values.find((v) => v === value);
      if (known === undefined) throw malformed(at, "not a value that is known here");
      return known;
    },
    write: (value) => value,
  };
}

/** A constant. */
export function literal<T extends number | string>(expected: T): Shape<T> {
  return {
    read(value, at) {
      if (value !== expected) throw malformed(at, `not ${expected}; a newer release may read it`);
      return expected;
    },
    write: () => expected,
  };
}

/** A CID of the vault: version 1, raw or dag-pb, SHA-256. Text outside, a link inside. */
export const cid: Shape<string> = {
  read(value, at) {
    const link = CID.asCID(value);
    if (link === null) throw malformed(at, "not a CID");
    return checkCid(link, at).toString();
  },
  write: (value) => parseCid(value, "cid"),
};

function checkCid(link: CID, at: string): CID {
  const known =
    link.version === 1 && (link.code === 0x55 || link.code === 0x70) && link.multihash.code === 0x12 &&
    link.multihash.size === 32;
  if (!known) throw malformed(at, "not a CIDv1, raw or dag-pb, sha2-256");
  return link;
}

/** The CID in a text, as {@link cid} takes it. */
export function parseCid(text: string, at: string): CID {
  let link: CID;
  try {
    link = CID.parse(text);
  } catch {
    throw malformed(at, "not a CID");
  }
  return checkCid(link, at);
}

export function nullable<T>(shape: Shape<T>): Shape<T | null> {
  return {
    read: (value, at) => (value === null ? null : shape.read(value, at)),
    write: (value) => (value === null ? null : shape.write(value)),
  };
}

export function list<T>(shape: Shape<T>, most: number): Shape<readonly T[]> {
  return {
    read(value, at) {
      if (!Array.isArray(value)) throw malformed(at, "not a list");
      if (value.length > most) throw malformed(at, `more than ${most}`);
      return value.map((item, i) => shape.read(item, `${at}[${i}]`));
    },
    write: (value) => value.map((item) => shape.write(item)),
  };
}

/** A list with a shape for each place. */
export function tuple<const S extends readonly Shape<unknown>[]>(...shapes: S): Shape<Tuple<S>> {
  return {
    read(value, at) {
      if (!Array.isArray(value) || value.length !== shapes.length) throw malformed(at, `not ${shapes.length} items`);
      return shapes.map((shape, i) => shape.read(value[i], `${at}[${i}]`)) as Tuple<S>;
    },
    write: (value) => shapes.map((shape, i) => shape.write((value as readonly unknown[])[i])),
  };
}

/** A map with exactly these keys. */
export function struct<F extends Fields>(fields: F): Shape<Struct<F>> {
  const entries = Object.entries(fields);
  return {
    read(value, at) {
      if (typeof value !== "object" || value === null || Array.isArray(value) || CID.asCID(value) !== null) {
        throw malformed(at, "not a map");
      }
      const map = value as Record<string, unknown>;
      if (Object.keys(map).length !== entries.length) throw malformed(at, "other keys than are known here");
      const read = entries.map(([key, shape]) => {
        if (!Object.hasOwn(map, key)) throw malformed(at, `no ${key}`);
        return [key, shape.read(map[key], `${at}.${key}`)];
      });
      return Object.fromEntries(read) as Struct<F>;
    },
    write: (value) =>
      Object.fromEntries(entries.map(([key, shape]) => [key, shape.write((value as Record<string, unknown>)[key])])),
  };
}

/** A value's two ways. */
export interface Codec<T> {
  encode(value: T): Uint8Array;
  decode(bytes: Uint8Array): T;
}

/** A codec with a limit, and a check that every value passes before it is believed or written. */
export function codec<T>(what: string, shape: Shape<T>, limit: number, check: (value: T) => void = () => {}): Codec<T> {
  const encode = (value: T): Uint8Array => dagCbor.encode(shape.write(value));
  return {
    encode,
    decode(bytes) {
      if (bytes.length > limit) throw new Wrong(what, `longer than ${limit} bytes`, "too_large");
      const value = shape.read(parse(what, bytes), what);
      check(value);
      const again = encode(value);
      if (again.length !== bytes.length || again.some((byte, i) => byte !== bytes[i])) {
        throw new Wrong(what, "it is not in canonical form", "not_canonical");
      }
      return value;
    },
  };
}

function parse(what: string, bytes: Uint8Array): unknown {
  try {
    return dagCbor.decode(bytes);
  } catch (cause) {
    // Also a stack that overflowed on deep nesting.
    throw new Wrong(what, `it is no DAG-CBOR (${cause instanceof Error ? cause.message : "unknown"})`, "malformed");
  }
}

/** Decode without a shape, for what is only shown. */
export function decodeAny(what: string, bytes: Uint8Array, limit: number): unknown {
  if (bytes.length > limit) throw new Wrong(what, `longer than ${limit} bytes`, "too_large");
  return parse(what, bytes);
}
