/** What a patient does: `crates/custody`'s client side, in the browser. */

import { ok } from "../api/http";
import type { components } from "../api/schema";
import { erasureOf, grantOf, requestOf, versionOf } from "../api/views";
import { BadInput, NodeError, Wrong } from "../errors";
import { fromHex, randomHex, toHex, utf8 } from "../formats/bytes";
import { grantCodec, grantId, sortedParts } from "../formats/consent";
import type { GrantDocument } from "../formats/consent";
import { partKey } from "../formats/derive";
import { disclose, disclosureCodec, partKeysCodec } from "../formats/disclosure";
import { sealTo } from "../formats/envelope";
import { LABEL_BYTES, REASON_BYTES } from "../formats/limits";
import {
  checkSealedIndex, decodeIndex, EMPTY_INDEX, encodeIndex, indexStatement, nextSealedIndex, sealedIndexCodec, withEntry,
  withGrant, withoutKeys,
} from "../formats/patient-index";
import type { IndexEntry, PatientIndex, SealedIndex } from "../formats/patient-index";
import { openFile, sealFile } from "../formats/sealed-file";
import { ZERO32 } from "../formats/bytes";
import type {
  Erasure, GrantLine, Hex, NewGrant, OnProgress, OpenedRecord, RecordLine, RequestLine, VersionView,
} from "../types";
import { at, deadline, now, sealingKey } from "./context";
import type { Context } from "./context";
import { OwnRecord } from "./opened";
import { toGrantee, toOwner } from "./secrets";

type Schemas = components["schemas"];
/** A flow that turns the index is tried again when another tab or device turned it first. */
const TRIES = 3;

/** A sealed index and what is in it. */
interface Held {
  readonly sealed: SealedIndex | null;
  readonly index: PatientIndex;
}

/** The patient's index, opened and checked. */
export async function readIndex(context: Context): Promise<Held> {
  const { sealed: bytes } = await ok(context.http.api.GET("/api/v1/index"));
  if (bytes === null || bytes === undefined) return { sealed: null, index: EMPTY_INDEX };
  const sealed = sealedIndexCodec.decode(fromHex(bytes, "index"));
  if (sealed.owner !== context.keys.address) throw new Wrong("index", "it is another patient's");
  checkSealedIndex(sealed, at(context));
  return { sealed, index: decodeIndex(openFile(context.keys.indexKey, sealed.sealed)) };
}

/** Seal and sign an index as the version after another. */
async function nextIndex(context: Context, index: PatientIndex, before: SealedIndex | null): Promise<Hex> {
  const { keys } = context;
  const plain = encodeIndex(index);
  const unsigned = nextSealedIndex(keys.address, before, sealFile(keys.indexKey, plain));
  plain.fill(0);
  const signature = fromHex(await keys.sign(at(context), indexStatement(unsigned)), "signature");
  return toHex(sealedIndexCodec.encode({ ...unsigned, signature }));
}

/** Do what turns the index; again with the newest index if somebody turned it meanwhile. */
async function turning<T>(context: Context, act: (held: Held) => Promise<T>): Promise<T> {
  let held = await readIndex(context);
  for (let attempt = 1; ; attempt++) {
    try {
      return await act(held);
    } catch (error) {
      if (!(error instanceof NodeError) || attempt === TRIES) throw error;
      const newer = await readIndex(context);
      if ((newer.sealed?.version ?? 0) === (held.sealed?.version ?? 0)) throw error;
      held = newer;
    }
  }
}

export async function inbox(context: Context): Promise<VersionView[]> {
  return (await ok(context.http.api.GET("/api/v1/pending"))).map(versionOf);
}

export async function versions(context: Context): Promise<VersionView[]> {
  return (await ok(context.http.api.GET("/api/v1/records"))).map(versionOf);
}

export const openRecord = (context: Context, view: VersionView, onProgress?: OnProgress): Promise<OwnRecord> =>
  OwnRecord.open(context, view, onProgress);

/** The opened record that a page hands back; it must be one of this library's. */
function own(record: OpenedRecord): OwnRecord {
  if (!(record instanceof OwnRecord)) throw new BadInput("record", "open the record first");
  return record;
}

/** The index entry that a version continues, or a new one. */
function entryFor(context: Context, index: PatientIndex, record: OwnRecord, label: string): IndexEntry {
  const { header } = record.manifest;
  const { key, salt, manifest } = record.secrets;
  const version = { commitment: record.commitment, salt, manifest, key };
  if (header.previous === null) {
    return {
      index: index.next, controller: context.keys.controller(index.next).address, institution: header.institution,
      addedAt: now(), label, erased: false, versions: [version],
    };
  }
  const known = index.records.find((r) => r.versions.at(-1)?.commitment === header.previous);
  if (known === undefined) throw new Wrong("record", "it corrects a version that is not the latest", "not_latest");
  return { ...known, versions: [...known.versions, version] };
}

/** Approve: sign the commit with the record's controller and enter the version into the index. */
export function approve(context: Context, opened: OpenedRecord, label: string): Promise<VersionView> {
  const record = own(opened);
  if (utf8(label).length > LABEL_BYTES) throw new BadInput("label", `at most ${LABEL_BYTES} bytes`);
  return turning(context, async ({ sealed, index }) => {
    const entry = entryFor(context, index, record, label);
    const controller = context.keys.controller(entry.index);
    const { header } = record.manifest;
    const until = deadline();
    const fields = {
      controller: controller.address, version: header.version, previous: header.previous ?? ZERO32,
      commitment: record.commitment, institution: header.institution, deadline: until,
    };
    const signature = await controller.sign(at(context), { kind: "Commit", fields });
    const next = await nextIndex(context, withEntry(index, entry), sealed);
    const body = { controller: controller.address, deadline: until, signature, index: next };
    const path = { record: record.view.record };
    return versionOf(await ok(context.http.api.POST("/api/v1/pending/{record}/approve", { params: { path }, body })));
  });
}

/** Refuse, with a reason for the author alone. */
export async function refuse(context: Context, view: VersionView, reason: string): Promise<VersionView> {
  const plain = utf8(reason);
  if (plain.length > REASON_BYTES) throw new BadInput("reason", `at most ${REASON_BYTES} bytes`);
  const author = await sealingKey(context, view.author);
  const bound = toOwner(at(context), view.commitment, view.author);
  const body = { reason: toHex(await sealTo(author, "reason", bound, plain)) };
  const path = { record: view.record };
  return versionOf(await ok(context.http.api.POST("/api/v1/pending/{record}/refuse", { params: { path }, body })));
}

const newest = (views: readonly VersionView[], controller: Hex): VersionView | null =>
  views.filter((v) => v.controller === controller).reduce<VersionView | null>(
    (best, v) => (best === null || v.version > best.version ? v : best), null,
  );

export async function records(context: Context): Promise<RecordLine[]> {
  const [{ index }, views] = await Promise.all([readIndex(context), versions(context)]);
  return index.records.map((entry) => ({
    index: entry.index,
    controller: entry.controller,
    institution: entry.institution,
    commitment: entry.versions.at(-1)?.commitment ?? null,
    label: entry.label,
    versions: entry.versions.length,
    addedAt: entry.addedAt,
    erased: entry.erased,
    view: newest(views, entry.controller),
  }));
}

export async function history(context: Context, record: RecordLine): Promise<VersionView[]> {
  const series = record.view?.series;
  const all = (await versions(context)).filter((v) => v.controller === record.controller || v.series === series);
  return all.sort((a, b) => a.version - b.version);
}

/** The version that a controller stands for now. */
export async function current(context: Context, controller: Hex): Promise<VersionView> {
  const view = newest(await versions(context), controller);
  if (view === null) throw new NodeError(404, "not_found", "This hospital does not hold that record.", "");
  return view;
}

function numberOf(index: PatientIndex, controller: Hex): number {
  const entry = index.records.find((r) => r.controller === controller);
  if (entry === undefined) throw new NodeError(404, "not_found", "There is no such record in your index.", "");
  return entry.index;
}

export async function requests(context: Context): Promise<RequestLine[]> {
  return (await ok(context.http.api.GET("/api/v1/requests"))).map(requestOf);
}

export async function grants(context: Context): Promise<GrantLine[]> {
  return (await ok(context.http.api.GET("/api/v1/grants"))).map(grantOf);
}

/** A grant's document for the current version of a record. */
function documentOf(record: OwnRecord, wanted: NewGrant): GrantDocument {
  const document: GrantDocument = {
    format: 1,
    recipient: { person: wanted.to },
    controller: wanted.controller,
    commitment: record.commitment,
    parts: sortedParts(wanted.parts),
    purpose: wanted.purpose,
    // Clocks differ: a grant from this second would not be live yet for a node that is behind.
    from: wanted.from ?? now() - 60,
    until: wanted.until,
    request: wanted.request ?? null,
    salt: randomHex(32),
  };
  if (document.until <= now()) throw new BadInput("until", "the access would end before it begins");
  return document;
}

/** What a recipient gets: part keys and the disclosure, sealed. */
async function envelopeFor(
  context: Context,
  record: OwnRecord,
  document: GrantDocument,
  recipient: Hex,
  key: Uint8Array,
): Promise<Schemas["Envelope"]> {
  const { key: recordKey, salt, manifest } = record.secrets;
  const disclosure = disclose(record.manifest, document.parts, salt, manifest);
  const keys = document.parts.map((name) => [name, partKey(recordKey, name)] as const);
  const bound = toGrantee(at(context), document.commitment, grantId(document), recipient);
  return {
    recipient,
    keys: toHex(await sealTo(key, "part-keys", bound, partKeysCodec.encode(keys))),
    disclosure: toHex(await sealTo(key, "disclosure", bound, disclosureCodec.encode(disclosure))),
  };
}

/** Grant; `key` is the recipient's where the directory does not know it (a guest). */
export async function grant(context: Context, wanted: NewGrant, key?: Uint8Array): Promise<GrantLine> {
  const recipientKey = key ?? (await sealingKey(context, wanted.to));
  const record = await OwnRecord.open(context, await current(context, wanted.controller));
  const document = documentOf(record, wanted);
  const envelope = await envelopeFor(context, record, document, wanted.to, recipientKey);
  const shown = disclose(record.manifest, document.parts, record.secrets.salt, record.secrets.manifest);
  return turning(context, async ({ sealed, index }) => {
    const controller = context.keys.controller(numberOf(index, wanted.controller));
    const fields = { controller: controller.address, id: grantId(document), expiry: document.until };
    const signature = await controller.sign(at(context), { kind: "Grant", fields });
    const message: Schemas["GrantMessage"] = {
      chain_id: at(context).chainId,
      consents: at(context).contracts.consents,
      home: context.card.institution,
      document: toHex(grantCodec.encode(document)),
      signature,
      envelopes: [envelope],
      // In the document's order, which is not the manifest's.
      parts: document.parts.map((name) => partRef(shown.parts, name)),
    };
    const next = await nextIndex(context, withGrant(index, document), sealed);
    return grantOf(await ok(context.http.api.POST("/api/v1/grants", { body: { message, index: next } })));
  });
}

function partRef(
  shown: readonly { readonly part: { readonly name: string; readonly cid: string } }[],
  name: string,
): Schemas["PartRef"] {
  const found = shown.find(({ part }) => part.name === name);
  if (found === undefined) throw new Wrong("part", `there is no part ${name}`, "no_such_part");
  return { name, cid: found.part.cid };
}

/** Take a grant back. */
export async function revoke(context: Context, id: Hex): Promise<GrantLine> {
  const { index } = await readIndex(context);
  const document = index.grants.find((g) => grantId(g) === id);
  if (document === undefined) throw new NodeError(404, "not_found", "There is no such grant in your index.", "");
  const controller = context.keys.controller(numberOf(index, document.controller));
  const fields = { controller: controller.address, id };
  const signature = await controller.sign(at(context), { kind: "Revoke", fields });
  const body = { controller: controller.address, grant: id, signature };
  const path = { grant: id };
  return grantOf(await ok(context.http.api.POST("/api/v1/grants/{grant}/revoke", { params: { path }, body })));
}

/** Erase a record: its keys and copies go, and its index entry says so. */
export async function erase(context: Context, record: RecordLine): Promise<Erasure> {
  const view = await current(context, record.controller);
  return turning(context, async ({ sealed, index }) => {
    const number = numberOf(index, record.controller);
    const controller = context.keys.controller(number);
    const until = deadline();
    const fields = { controller: controller.address, deadline: until };
    const signature = await controller.sign(at(context), { kind: "Erase", fields });
    const next = await nextIndex(context, withoutKeys(index, number), sealed);
    const body = { controller: controller.address, deadline: until, signature, index: next };
    const path = { record: view.record };
    return erasureOf(await ok(context.http.api.POST("/api/v1/records/{record}/erase", { params: { path }, body })));
  });
}
