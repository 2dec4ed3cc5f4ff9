/** Grants and requests: docs/formats.md, "Grant" and "Request". */

import { BadInput, Wrong } from "../errors";
import { PURPOSES, ROLES } from "../types";
import type { Hex, Recipient } from "../types";
import { fromHex } from "./bytes";
import * as c from "./cbor";
import { ascending } from "./disclosure";
import { keccak } from "./eip712";
import { DOCUMENT_BYTES, PART_NAME_BYTES, PARTS, REASON_BYTES } from "./limits";
import { checkPartName } from "./manifest";

const person = c.struct({ person: c.address });
const role = c.struct({ role: c.struct({ institution: c.address, role: c.oneOf(ROLES) }) });
const recipient: c.Shape<Recipient> = {
  read: (value, at) =>
    typeof value === "object" && value !== null && "role" in value ? role.read(value, at) : person.read(value, at),
  write: (value) => ("role" in value ? role.write(value) : person.write(value)),
};
const parts = c.list(c.textOf(PART_NAME_BYTES), PARTS);

export const grantShape = c.struct({
  format: c.literal(1),
  recipient,
  controller: c.address,
  commitment: c.hash,
  parts,
  purpose: c.oneOf(PURPOSES),
  from: c.uint,
  until: c.uint,
  request: c.nullable(c.hash),
  salt: c.hash,
});
const requestShape = c.struct({
  format: c.literal(1),
  requester: c.address,
  recipient,
  patient: c.hash,
  commitment: c.nullable(c.hash),
  parts,
  purpose: c.oneOf(PURPOSES),
  reason: c.textOf(REASON_BYTES),
  from: c.uint,
  until: c.uint,
  salt: c.hash,
});
export type GrantDocument = typeof grantShape extends c.Shape<infer T> ? T : never;
export type RequestDocument = typeof requestShape extends c.Shape<infer T> ? T : never;

interface Terms {
  readonly parts: readonly string[];
  readonly from: number;
  readonly until: number;
}

export function checkTerms(terms: Terms): void {
  if (terms.parts.length === 0) throw new Wrong("parts", "name at least one part", "invalid");
  terms.parts.forEach(checkPartName);
  if (!ascending(terms.parts)) throw new Wrong("parts", "each name once, in ascending order", "invalid");
  if (terms.from > terms.until) throw new Wrong("until", "the last second is before the first", "invalid");
}

export const grantCodec = c.codec("grant", grantShape, DOCUMENT_BYTES, checkTerms);
export const requestCodec = c.codec("request", requestShape, DOCUMENT_BYTES, checkTerms);

function idOf(salt: Hex, encoding: Uint8Array): Hex {
  return keccak(fromHex(salt, "salt", 32), fromHex(keccak(encoding), "digest", 32));
}
/** What stands on chain: keccak256(salt ‖ keccak256(encoding)). */
export const grantId = (grant: GrantDocument): Hex => idOf(grant.salt, grantCodec.encode(grant));
export const requestId = (request: RequestDocument): Hex => idOf(request.salt, requestCodec.encode(request));

/** Sorted, each once; refused where empty. */
export function sortedParts(names: readonly string[]): string[] {
  if (names.length === 0) throw new BadInput("parts", "choose at least one part");
  return [...new Set(names)].sort();
}
