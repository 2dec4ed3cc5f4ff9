/** Export: the patient takes everything along, with what proves it. */

import { Zip, ZipPassThrough } from "fflate";

import { ok } from "../api/http";
import type { Schemas } from "../api/wire";
import { fromHex, hash32, utf8 } from "../formats/bytes";
import { grantCodec } from "../formats/consent";
import { disclose } from "../formats/disclosure";
import { proofCodec, verifyProof } from "../formats/proof";
import type { ProofBundle } from "../formats/proof";
import type { OnProgress, RecordLine, TrailEntry } from "../types";
import { at } from "./context";
import type { Context } from "./context";
import { OwnRecord } from "./opened";
import { current, records } from "./patient";
import { logProofOf, trail } from "./trail";

type Evidence = Schemas["Evidence"];

/** A bundle of what a node handed over about a version, showing `parts`; verified before it is given. */
function bundleOf(context: Context, record: OwnRecord, controller: RecordLine["controller"], evidence: Evidence, parts: readonly string[]): ProofBundle {
  const { chainId, contracts } = at(context);
  const { salt, manifest } = record.secrets;
  const bundle: ProofBundle = {
    format: 1,
    chain_id: chainId,
    contracts: {
      registry: contracts.registry, records: contracts.records, consents: contracts.consents, log: contracts.log,
    },
    controller,
    commitment: record.commitment,
    disclosure: disclose(record.manifest, parts, salt, manifest),
    grants: evidence.grants.map((grant) => grantCodec.decode(fromHex(grant, "grant"))),
    log: evidence.log.filter((entry) => entry.size > 0).map(logProofOf),
    transactions: evidence.transactions.map(({ what, hash }) => ({ what, hash: hash32(hash, "transaction") })),
  };
  verifyProof(bundle);
  return bundle;
}

async function proofOf(context: Context, record: OwnRecord, line: RecordLine, parts: readonly string[]): Promise<Uint8Array> {
  const path = { record: record.view.record };
  const evidence = await ok(context.http.api.GET("/api/v1/records/{record}/evidence", { params: { path } }));
  return proofCodec.encode(bundleOf(context, record, line.controller, evidence, parts));
}

/** The proof bundle (`FILE.proof`) of a record's current version. */
export async function proof(context: Context, line: RecordLine, parts: readonly string[]): Promise<Blob> {
  const record = await OwnRecord.open(context, await current(context, line.controller));
  const bytes = await proofOf(context, record, line, parts);
  return new Blob([bytes.slice()], { type: "application/octet-stream" });
}

/** Writes a zip piece by piece, without compressing: images are compressed already. */
class Archive {
  readonly #chunks: Uint8Array<ArrayBuffer>[] = [];
  readonly #zip: Zip;
  readonly #done: Promise<void>;

  constructor() {
    let settle: { resolve: () => void; reject: (error: Error) => void };
    this.#done = new Promise((resolve, reject) => {
      settle = { resolve, reject };
    });
    this.#zip = new Zip((error, chunk, last) => {
      if (error !== null) settle.reject(error);
      this.#chunks.push(chunk.slice());
      if (last) settle.resolve();
    });
  }

  async add(name: string, content: Blob | Uint8Array): Promise<void> {
    const entry = new ZipPassThrough(name);
    this.#zip.add(entry);
    const blob = content instanceof Blob ? content : new Blob([content.slice()]);
    for (let from = 0; from < blob.size; from += 1 << 20) {
      entry.push(new Uint8Array(await blob.slice(from, from + (1 << 20)).arrayBuffer()));
    }
    entry.push(new Uint8Array(), true);
  }

  async finish(): Promise<Blob> {
    this.#zip.end();
    await this.#done;
    return new Blob(this.#chunks, { type: "application/zip" });
  }
}

const EXTENSIONS: Readonly<Record<string, string>> = {
  "application/fhir+json": "json", "application/json": "json", "application/dicom": "dcm", "application/pdf": "pdf",
  "image/png": "png", "image/jpeg": "jpg", "text/plain": "txt",
};

/** A part's file name: its own name says nothing of the folder it will be unpacked in. */
function fileName(name: string, mediaType: string): string {
  const extension = EXTENSIONS[mediaType] ?? "bin";
  return name.endsWith(`.${extension}`) ? name : `${name}.${extension}`;
}

const json = (value: unknown): Uint8Array =>
  utf8(`${JSON.stringify(value, (_, v: unknown) => (v instanceof Uint8Array ? `0x${Array.from(v, (b) => b.toString(16).padStart(2, "0")).join("")}` : v), 2)}\n`);

const README = `This is everything that your record holds at this hospital.

records/N/document.json   the report as a FHIR R4 document Bundle
records/N/...             the originals: images and other parts
records/N/record.proof    proves author, time and content against the chain: stele record verify record.proof
index.json                your list of records
trail.json                who touched them, each entry with its proof
`;

/** Everything as one zip. Records that this node does not hold are named in the index only. */
export async function exportAll(context: Context, onProgress?: OnProgress): Promise<Blob> {
  const archive = new Archive();
  await archive.add("README.txt", utf8(README));
  const lines = await records(context);
  const here = lines.filter((line) => !line.erased && line.view !== null);
  for (const [done, line] of here.entries()) {
    onProgress?.({ stage: "packing", done, total: here.length });
    await addRecord(context, archive, line);
  }
  const entries: readonly TrailEntry[] = await trail(context);
  await archive.add("index.json", json(lines.map(({ view, ...line }) => ({ ...line, here: view !== null }))));
  await archive.add("trail.json", json(entries));
  onProgress?.({ stage: "packing", done: here.length, total: here.length });
  return archive.finish();
}

async function addRecord(context: Context, archive: Archive, line: RecordLine): Promise<void> {
  const record = await OwnRecord.open(context, await current(context, line.controller));
  const folder = `records/${line.index + 1}`;
  const names = record.parts.map((part) => part.name);
  for (const part of record.parts) {
    await archive.add(`${folder}/${fileName(part.name, part.mediaType)}`, await record.part(part.name));
  }
  await archive.add(`${folder}/record.proof`, await proofOf(context, record, line, names));
}
