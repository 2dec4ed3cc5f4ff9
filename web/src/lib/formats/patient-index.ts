/** The patient's index: docs/formats.md, "Patient index". */

import { Wrong } from "../errors";
import type { Deployment, Hex } from "../types";
import { toHex, ZERO32 } from "./bytes";
import * as c from "./cbor";
import { grantId, grantShape } from "./consent";
import type { GrantDocument } from "./consent";
import { checkTerms } from "./consent";
import { checkSigned, digestOf, keccak, typedData } from "./eip712";
import type { Statement } from "./eip712";
import {
  INDEX_BYTES, INDEX_ENROLMENTS, INDEX_GRANTS, INDEX_RECORDS, INDEX_TRUSTED, LABEL_BYTES, PART_NAME_BYTES, PARTS,
  RELATION_BYTES, SIGNATURE_BYTES, VERSIONS,
} from "./limits";

const version = c.tuple(c.hash, c.hash, c.cid, c.blob(32, 32));
const record = c.tuple(
  c.uint, c.address, c.address, c.uint, c.textOf(LABEL_BYTES), c.flag, c.list(version, VERSIONS),
);
const enrolment = c.tuple(c.address, c.hash, c.hash);
const trusted = c.tuple(
  c.address, c.textOf(LABEL_BYTES), c.textOf(RELATION_BYTES), c.list(c.textOf(PART_NAME_BYTES), PARTS), c.uint, c.flag,
  c.uint,
);
const items = [
  c.literal(1),
  c.uint,
  c.list(record, INDEX_RECORDS),
  c.list(grantShape, INDEX_GRANTS),
  c.list(enrolment, INDEX_ENROLMENTS),
] as const;
const plainShape = c.tuple(...items);
const trustingShape = c.tuple(...items, c.list(trusted, INDEX_TRUSTED));
type Plain = typeof plainShape extends c.Shape<infer T> ? T : never;
type Trusting = typeof trustingShape extends c.Shape<infer T> ? T : never;
/** With trusted people there is a sixth item; without, indexes stay as they were. */
const indexShape: c.Shape<Plain | Trusting> = {
  read: (value, at) =>
    Array.isArray(value) && value.length > items.length ? trustingShape.read(value, at) : plainShape.read(value, at),
  write: (value) => (value.length > items.length ? trustingShape.write(value as Trusting) : plainShape.write(value as Plain)),
};
const wire = c.codec("patient index", indexShape, INDEX_BYTES);

export interface IndexVersion {
  readonly commitment: Hex;
  readonly salt: Hex;
  readonly manifest: string;
  readonly key: Uint8Array;
}
export interface IndexEntry {
  readonly index: number;
  readonly controller: Hex;
  readonly institution: Hex;
  readonly addedAt: number;
  readonly label: string;
  readonly erased: boolean;
  readonly versions: readonly IndexVersion[];
}
export interface Enrolment {
  readonly institution: Hex;
  readonly salt: Hex;
  readonly patient: Hex;
}
/** Somebody whom the patient trusts in an emergency, as the patient's client keeps it. */
export interface TrustedEntry {
  readonly wallet: Hex;
  readonly name: string;
  readonly relation: string;
  /** Beginnings of parts' names; all parts where there are none. */
  readonly parts: readonly string[];
  readonly until: number;
  /** Whether records that are entered later are granted, too. */
  readonly later: boolean;
  readonly changedAt: number;
}
/** Everything about a patient's records, in the clear. A value: changes make a new one. */
export interface PatientIndex {
  /** The number of the patient's next record; never goes back. */
  readonly next: number;
  readonly records: readonly IndexEntry[];
  readonly grants: readonly GrantDocument[];
  readonly enrolments: readonly Enrolment[];
  readonly trusted: readonly TrustedEntry[];
}
export const EMPTY_INDEX: PatientIndex = { next: 0, records: [], grants: [], enrolments: [], trusted: [] };

function by<T>(key: (item: T) => string | number): (a: T, b: T) => number {
  return (a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0);
}

export function encodeIndex(index: PatientIndex): Uint8Array {
  checkIndex(index);
  const records = [...index.records].sort(by((r) => r.index));
  const grants = index.grants.map((grant) => ({ id: grantId(grant), grant })).sort(by((g) => g.id));
  const plain: Plain = [
    1,
    index.next,
    records.map((r) => [
      r.index, r.controller, r.institution, r.addedAt, r.label, r.erased,
      r.versions.map((v) => [v.commitment, v.salt, v.manifest, v.key] as const),
    ] as const),
    grants.map((g) => g.grant),
    [...index.enrolments].sort(by((e) => e.institution)).map((e) => [e.institution, e.salt, e.patient] as const),
  ];
  if (index.trusted.length === 0) return wire.encode(plain);
  const people = [...index.trusted].sort(by((t) => t.wallet));
  return wire.encode([
    ...plain,
    people.map((t) => [t.wallet, t.name, t.relation, t.parts, t.until, t.later, t.changedAt] as const),
  ]);
}

export function decodeIndex(bytes: Uint8Array): PatientIndex {
  const [, next, records, grants, enrolments, people] = wire.decode(bytes);
  if (people?.length === 0) throw new Wrong("patient index", "it is not in canonical form", "not_canonical");
  const index: PatientIndex = {
    next,
    records: records.map(([number, controller, institution, addedAt, label, erased, versions]) => ({
      index: number, controller, institution, addedAt, label, erased,
      versions: versions.map(([commitment, salt, manifest, key]) => ({ commitment, salt, manifest, key })),
    })),
    grants,
    enrolments: enrolments.map(([institution, salt, patient]) => ({ institution, salt, patient })),
    trusted: (people ?? []).map(([wallet, name, relation, parts, until, later, changedAt]) => ({
      wallet, name, relation, parts, until, later, changedAt,
    })),
  };
  checkIndex(index);
  const increasing = (keys: readonly (string | number)[]): boolean =>
    keys.every((key, i) => i === 0 || (keys[i - 1] ?? key) < key);
  if (
    !increasing(index.records.map((r) => r.index)) || !increasing(index.grants.map(grantId)) ||
    !increasing(index.enrolments.map((e) => e.institution)) || !increasing(index.trusted.map((t) => t.wallet))
  ) {
    throw new Wrong("patient index", "it is not in canonical form", "not_canonical");
  }
  return index;
}

function checkIndex(index: PatientIndex): void {
  index.grants.forEach(checkTerms);
  for (const entry of index.records) {
    if (entry.index >= index.next) throw new Wrong("patient index", "a record has the next number or a later one");
    if (entry.erased && entry.versions.length > 0) throw new Wrong("patient index", "an erased record has versions");
  }
}

/** With a record's entry added or continued. */
export function withEntry(index: PatientIndex, entry: IndexEntry): PatientIndex {
  const known = index.records.find((r) => r.index === entry.index);
  const merged = known === undefined ? entry : mergeEntry(known, entry);
  return {
    ...index,
    next: Math.max(index.next, entry.index + 1),
    records: [...index.records.filter((r) => r.index !== entry.index), merged].sort(by((r) => r.index)),
  };
}

function mergeEntry(known: IndexEntry, other: IndexEntry): IndexEntry {
  if (known.controller !== other.controller) {
    throw new Wrong("patient index", `two records have the number ${known.index}`, "contradiction");
  }
  if (known.erased || other.erased) return { ...known, erased: true, versions: [], label: "" };
  const [shorter, longer] =
    known.versions.length <= other.versions.length ? [known.versions, other.versions] : [other.versions, known.versions];
  if (shorter.some((v, i) => v.commitment !== longer[i]?.commitment)) {
    throw new Wrong("patient index", `record ${known.index} has two histories`, "contradiction");
  }
  return { ...known, versions: longer, label: known.label === "" ? other.label : known.label };
}

export function withGrant(index: PatientIndex, grant: GrantDocument): PatientIndex {
  const id = grantId(grant);
  return { ...index, grants: [...index.grants.filter((g) => grantId(g) !== id), grant] };
}

/** With a trusted person added or changed. */
export function withTrusted(index: PatientIndex, person: TrustedEntry): PatientIndex {
  return { ...index, trusted: [...index.trusted.filter((t) => t.wallet !== person.wallet), person] };
}

export function withoutTrusted(index: PatientIndex, wallet: Hex): PatientIndex {
  return { ...index, trusted: index.trusted.filter((t) => t.wallet !== wallet) };
}

/** Without a record's keys, salts, label and grants, for good. */
export function withoutKeys(index: PatientIndex, number: number): PatientIndex {
  const entry = index.records.find((r) => r.index === number);
  if (entry === undefined) return index;
  const gone: IndexEntry = { ...entry, erased: true, versions: [], label: "" };
  return {
    ...index,
    records: index.records.map((r) => (r.index === number ? gone : r)),
    grants: index.grants.filter((grant) => grant.controller !== entry.controller),
  };
}

const sealedShape = c.struct({
  format: c.literal(1),
  owner: c.address,
  version: c.uint,
  previous: c.nullable(c.hash),
  merged: c.nullable(c.hash),
  sealed: c.blob(INDEX_BYTES),
  signature: c.blob(SIGNATURE_BYTES),
});
export type SealedIndex = typeof sealedShape extends c.Shape<infer T> ? T : never;

export const sealedIndexCodec = c.codec("sealed index", sealedShape, INDEX_BYTES, (index) => {
  if (index.version === 0) throw new Wrong("sealed index", "the first version is 1", "invalid");
  if ((index.version === 1) !== (index.previous === null)) {
    throw new Wrong("sealed index", "exactly version 1 names no version before it", "invalid");
  }
});

/** keccak256 of the encoding with an empty signature, as the next version names it. */
export const sealedIndexHash = (index: SealedIndex): Hex =>
  keccak(sealedIndexCodec.encode({ ...index, signature: new Uint8Array() }));

/** The version after `before`, unsigned. */
export function nextSealedIndex(owner: Hex, before: SealedIndex | null, sealed: Uint8Array): SealedIndex {
  return {
    format: 1,
    owner,
    version: (before?.version ?? 0) + 1,
    previous: before === null ? null : sealedIndexHash(before),
    merged: null,
    sealed,
    signature: new Uint8Array(),
  };
}

export function indexStatement(index: SealedIndex): Statement {
  const { owner, version: number } = index;
  const fields = {
    owner, version: number, previous: index.previous ?? ZERO32, merged: index.merged ?? ZERO32,
    digest: keccak(index.sealed),
  };
  return { kind: "IndexStatement", fields };
}

export function checkSealedIndex(index: SealedIndex, at: Deployment): void {
  checkSigned("index", index.owner, digestOf(typedData(at, indexStatement(index))), toHex(index.signature));
}
