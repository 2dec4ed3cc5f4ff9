/** Manifests, commitments, histories: docs/formats.md, "Manifest". */

import { Wrong } from "../errors";
import type { Deployment, Hex } from "../types";
import { fromHex, randomHex, utf8, ZERO32 } from "./bytes";
import * as c from "./cbor";
import { cidBytes } from "./cid";
import { checkSigned, digestOf, keccak, typedDataFor } from "./eip712";
import type { Statement } from "./eip712";
import { MANIFEST_BYTES, MEDIA_TYPE_BYTES, PART_NAME_BYTES, PARTS, SIGNATURE_BYTES } from "./limits";
import { leafHash, pathOf, rootOf } from "./merkle";

export const headerShape = c.struct({
  version: c.uint,
  previous: c.nullable(c.hash),
  created_at: c.uint,
  author: c.address,
  institution: c.address,
  patient: c.hash,
  parts: c.uint,
  salt: c.hash,
});
export const partShape = c.struct({
  name: c.textOf(PART_NAME_BYTES),
  media_type: c.textOf(MEDIA_TYPE_BYTES),
  size: c.uint,
  cid: c.cid,
  salt: c.hash,
});
const manifestShape = c.struct({
  format: c.literal(1),
  header: headerShape,
  parts: c.list(partShape, PARTS),
  root: c.hash,
  author_signature: c.blob(SIGNATURE_BYTES),
});

type Read<S> = S extends c.Shape<infer T> ? T : never;
export type Header = Read<typeof headerShape>;
export type Part = Read<typeof partShape>;
export type Manifest = Read<typeof manifestShape>;
/** A deployment's contract as a signing domain. */
export interface Domain {
  readonly chainId: number;
  readonly contract: Hex;
}
export const recordsDomain = (at: Deployment): Domain => ({ chainId: at.chainId, contract: at.contracts.records });

const headerCodec = c.codec("header", headerShape, MANIFEST_BYTES);
const partCodec = c.codec("part", partShape, MANIFEST_BYTES);
export const headerLeaf = (header: Header): Hex => leafHash(headerCodec.encode(header));
export const partLeaf = (part: Part): Hex => leafHash(partCodec.encode(part));
const leavesOf = (header: Header, parts: readonly Part[]): Hex[] => [headerLeaf(header), ...parts.map(partLeaf)];

export const manifestCodec = c.codec("manifest", manifestShape, MANIFEST_BYTES, checkManifest);

/** Refuse a part name other than 1 to 64 of `a-z 0-9 . _ -` that begins with a letter or digit. */
export function checkPartName(name: string): void {
  if (!/^[a-z0-9][a-z0-9._-]{0,63}$/.test(name)) {
    throw new Wrong("part name", "use 1 to 64 of a-z 0-9 . _ - and begin with a letter or digit", "invalid");
  }
}

export function checkPart(part: Part): void {
  checkPartName(part.name);
  // RFC 6838, section 4.2: restricted names; no parameters.
  if (!/^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*$/.test(part.media_type)) {
    throw new Wrong("media type", "write it as type/subtype, without parameters", "invalid");
  }
}

export function checkHeader(header: Header): void {
  const invalid = (reason: string): Wrong => new Wrong("header", reason, "invalid");
  if (header.parts === 0 || header.parts > PARTS) throw invalid(`a record has 1 to ${PARTS} parts`);
  if (header.version === 0) throw invalid("the first version is 1");
  if (header.version === 1 && header.previous !== null) throw invalid("version 1 has no previous version");
  if (header.version > 1 && header.previous === null) throw invalid("a correction names the commitment before it");
  if (header.previous === ZERO32) throw invalid("zero is not a commitment");
}

function checkManifest(manifest: Manifest): void {
  checkHeader(manifest.header);
  if (manifest.header.parts !== manifest.parts.length) {
    throw new Wrong("manifest", "the header counts another number of parts", "invalid");
  }
  manifest.parts.forEach(checkPart);
  if (new Set(manifest.parts.map((part) => part.name)).size !== manifest.parts.length) {
    throw new Wrong("manifest", "a part's name is there twice", "invalid");
  }
  if (rootOf(leavesOf(manifest.header, manifest.parts)) !== manifest.root) {
    throw new Wrong("manifest", "its parts do not hash to its root", "wrong_root");
  }
}

/** What an author signs. */
export function authorStatement(header: Header, root: Hex): Statement {
  const { patient, author, institution, version } = header;
  const fields = {
    root, previous: header.previous ?? ZERO32, patient, author, institution, version, createdAt: header.created_at,
  };
  return { kind: "AuthorStatement", fields };
}

export function checkAuthor(header: Header, root: Hex, signature: Hex, domain: Domain): void {
  const digest = digestOf(typedDataFor(domain, authorStatement(header, root)));
  checkSigned("author statement", header.author, digest, signature);
}

/** An unsigned manifest. */
export function newManifest(fresh: {
  readonly corrects: { readonly version: number; readonly commitment: Hex } | null;
  readonly createdAt: number;
  readonly author: Hex;
  readonly institution: Hex;
  readonly patient: Hex;
  readonly parts: readonly Part[];
}): Manifest {
  const header: Header = {
    version: (fresh.corrects?.version ?? 0) + 1,
    previous: fresh.corrects?.commitment ?? null,
    created_at: fresh.createdAt,
    author: fresh.author,
    institution: fresh.institution,
    patient: fresh.patient,
    parts: fresh.parts.length,
    salt: randomHex(32),
  };
  const manifest: Manifest = {
    format: 1,
    header,
    parts: fresh.parts,
    root: rootOf(leavesOf(header, fresh.parts)),
    author_signature: new Uint8Array(),
  };
  checkManifest(manifest);
  return manifest;
}

export const manifestLeaves = (manifest: Manifest): Hex[] => leavesOf(manifest.header, manifest.parts);
export const manifestPath = (manifest: Manifest, leaf: number): Hex[] => pathOf(manifestLeaves(manifest), leaf);

export function partOf<T extends { readonly name: string }>(parts: readonly T[], name: string): T {
  const part = parts.find((p) => p.name === name);
  if (part === undefined) throw new Wrong("part", `there is no part ${JSON.stringify(name)}`, "no_such_part");
  return part;
}

/** keccak256(salt ‖ root ‖ CID): all that the chain holds of a version. */
export function commitmentOf(salt: Hex, root: Hex, manifestCid: string): Hex {
  return keccak(fromHex(salt, "salt", 32), fromHex(root, "root", 32), cidBytes(manifestCid));
}

/** A patient's commitment at an institution. */
export function patientCommitment(salt: Hex, institution: Hex, wallet: Hex): Hex {
  const tag = fromHex(keccak(utf8("stele.patient.v1")), "tag", 32);
  return keccak(fromHex(salt, "salt", 32), tag, fromHex(institution, "institution", 20), fromHex(wallet, "wallet", 20));
}
