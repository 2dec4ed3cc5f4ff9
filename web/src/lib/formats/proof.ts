/** Proof bundles: docs/formats.md, "Proof bundle". */

import { sha256 } from "@noble/hashes/sha2.js";

import { Wrong } from "../errors";
import type { Hex } from "../types";
import { concat, fromHex, utf8 } from "./bytes";
import * as c from "./cbor";
import { checkTerms, grantShape } from "./consent";
import { checkDisclosure, disclosureShape, verifyDisclosure } from "./disclosure";
import { LOG_ENTRY_BYTES, PART_NAME_BYTES, PATH_HASHES, PROOF_BYTES, PROOF_LOG_ENTRIES, PROOF_TRANSACTIONS } from "./limits";
import { leafHash, rootFromPath } from "./merkle";

const logProofShape = c.struct({
  institution: c.address,
  entry: c.blob(LOG_ENTRY_BYTES),
  salt: c.hash,
  leaf: c.uint,
  size: c.uint,
  root: c.hash,
  path: c.list(c.hash, PATH_HASHES),
});
export type LogProof = typeof logProofShape extends c.Shape<infer T> ? T : never;

const bundleShape = c.struct({
  format: c.literal(1),
  chain_id: c.uint,
  contracts: c.struct({ registry: c.address, records: c.address, consents: c.address, log: c.address }),
  controller: c.address,
  commitment: c.hash,
  disclosure: disclosureShape,
  grants: c.list(grantShape, PROOF_LOG_ENTRIES),
  log: c.list(logProofShape, PROOF_LOG_ENTRIES),
  transactions: c.list(c.struct({ what: c.textOf(PART_NAME_BYTES), hash: c.hash }), PROOF_TRANSACTIONS),
});
export type ProofBundle = typeof bundleShape extends c.Shape<infer T> ? T : never;

export const proofCodec = c.codec("proof bundle", bundleShape, PROOF_BYTES, (bundle) => {
  bundle.grants.forEach(checkTerms);
  if (bundle.grants.some((grant) => grant.controller !== bundle.controller)) {
    throw new Wrong("proof bundle", "a grant is of another record", "invalid");
  }
  checkDisclosure(bundle.disclosure);
});

/** The data of an entry's leaf: SHA-256("stele/log-entry/v1\0" ‖ salt ‖ entry). */
export function entryDigest(salt: Hex, entry: Uint8Array): Uint8Array {
  return sha256(concat(utf8("stele/log-entry/v1\0"), fromHex(salt, "salt", 32), entry));
}
export const entryLeaf = (salt: Hex, entry: Uint8Array): Hex => leafHash(entryDigest(salt, entry));

/** Refuse a log entry whose proof does not lead to its root. */
export function checkLogProof(proof: LogProof): void {
  if (rootFromPath(entryLeaf(proof.salt, proof.entry), proof.leaf, proof.size, proof.path) !== proof.root) {
    throw new Wrong(`log entry ${proof.leaf}`, "its proof does not lead to the root", "wrong_proof");
  }
}

/** Check all of a bundle that needs no chain. */
export function verifyProof(bundle: ProofBundle): { readonly parts: readonly string[]; readonly hidden: number } {
  const domain = { chainId: bundle.chain_id, contract: bundle.contracts.records };
  const shown = verifyDisclosure(bundle.disclosure, bundle.commitment, domain);
  bundle.log.forEach(checkLogProof);
  return { parts: shown.parts.map((part) => part.name), hidden: shown.hidden };
}

