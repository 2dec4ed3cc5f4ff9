/** What anyone can check without signing in: proof files and signed audit reports. */

import { Http } from "./api/http";
import { Wrong } from "./errors";
import { address20 } from "./formats/bytes";
import { checkSigned, personalDigest } from "./formats/eip712";
import { proofCodec, verifyProof } from "./formats/proof";
import { nodeCard } from "./session";
import type { AuditReport, NodeCard, ProofVerdict, SignedReport } from "./types";

/** What a node says about itself; for pages that nobody has signed in to. */
export const node = (base = ""): Promise<NodeCard> => nodeCard(new Http(base));

/** Verify a signed audit report: that its signer signed exactly its text. */
export function verifyReport(signed: SignedReport): AuditReport {
  const report = JSON.parse(signed.text) as AuditReport;
  checkSigned("audit report", address20(signed.signer, "signer"), personalDigest(signed.text), signed.signature);
  return report;
}

/** Verify a proof file: by itself, and what the chain says, asked through this node. */
export async function verifyProofFile(file: Blob, base = ""): Promise<ProofVerdict> {
  const bundle = proofCodec.decode(new Uint8Array(await file.arrayBuffer()));
  const http = new Http(base);
  const { deployment, firstBlock } = await nodeCard(http);
  const { registry, records, consents, log } = deployment.contracts;
  const here =
    bundle.chain_id === deployment.chainId && bundle.contracts.registry === registry &&
    bundle.contracts.records === records && bundle.contracts.consents === consents && bundle.contracts.log === log;
  // A bundle can be right about contracts of somebody's own.
  if (!here) throw new Wrong("proof", "it is of another deployment of the contracts");
  const { parts, hidden } = verifyProof(bundle);
  const { ChainReader } = await import("./chain/reader");
  const { header } = bundle.disclosure;
  const facts = await new ChainReader(http, deployment).confirm(bundle, firstBlock);
  return {
    holds: facts.every((fact) => fact.holds),
    author: header.author,
    institution: header.institution,
    createdAt: header.created_at,
    version: header.version,
    commitment: bundle.commitment,
    parts,
    hidden,
    logEntries: bundle.log.length,
    facts,
  };
}
