/** What a patient does: `crates/custody`'s client side, in the browser. */

import { ok } from "../api/http";
import { erasureOf, grantOf, requestOf, versionOf } from "../api/views";
import type { Schemas } from "../api/wire";
import { BadInput, NodeError, Wrong } from "../errors";
import { address20, fromHex, randomHex, toHex, utf8 } from "../formats/bytes";
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
  ApprovalTerms, Erasure, GrantLine, Hex, NewGrant, OnProgress, OpenedRecord, Recipient, RecordLine, RequestLine, VersionView,
} from "../types";
import { at, deadline, now, sealingKey } from "./context";
import type { Context } from "./context";
import { OwnRecord } from "./opened";
import { toGrantee, toOwner } from "./secrets";

/** A flow that turns the index is tried again when another tab or device turned it first. */
const TRIES = 3;
/** What is left of a signature when the wait for a low fee ends, seconds. */
const AFTER_WAIT = 1800;
/** How long a person may take to have the own wallet send it, seconds. */
const OWN_WALLET = 7200;

/** A sealed index and what is in it. */
export interface Held {
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
export async function nextIndex(context: Context, index: PatientIndex, before: SealedIndex | null): Promise<Hex> {
  const { keys } = context;
  const plain = encodeIndex(index);
  const unsigned = nextSealedIndex(keys.address, before, sealFile(keys.indexKey, plain));
  plain.fill(0);
  const signature = fromHex(await keys.sign(at(context), indexStatement(unsigned)), "signature");
  return toHex(sealedIndexCodec.encode({ ...unsigned, signature }));
}

/** Do what turns the index; again with the newest index if somebody turned it meanwhile. */
export async function turning<T>(context: Context, act: (held: Held) => Promise<T>): Promise<T> {
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

/** Until when the signature can be used: a wallet takes a while, a low fee longer. */
function deadlineOf({ when, payer }: ApprovalTerms): number {
  const latest = Math.max(deadline(), (when?.until ?? 0) + AFTER_WAIT);
  return payer === "self" ? Math.max(latest, now() + OWN_WALLET) : latest;
}

/** Approve: sign the commit with the record's controller and enter the version into the index. */
export function approve(
  context: Context,
  opened: OpenedRecord,
  label: string,
  terms: ApprovalTerms = {},
): Promise<VersionView> {
  const record = own(opened);
  if (utf8(label).length > LABEL_BYTES) throw new BadInput("label", `at most ${LABEL_BYTES} bytes`);
  return turning(context, async ({ sealed, index }) => {
    const entry = entryFor(context, index, record, label);
    const controller = context.keys.controller(entry.index);
    const { header } = record.manifest;
    const until = deadlineOf(terms);
    const fields = {
      controller: controller.address, version: header.version, previous: header.previous ?? ZERO32,
      commitment: record.commitment, institution: header.institution, deadline: until,
    };
    const signature = await controller.sign(at(context), { kind: "Commit", fields });
    const next = await nextIndex(context, withEntry(index, entry), sealed);
    const when = terms.when && { max_fee_wei: terms.when.maxFeeWei, until: terms.when.until };
    const body = {
      controller: controller.address, deadline: until, signature, index: next,
      ...(when ? { when } : {}), ...(terms.payer === undefined ? {} : { payer: terms.payer }),
    };
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

/** Whom a grant is for, and with which key each of them opens it. */
interface Recipients {
  readonly recipient: Recipient;
  readonly keys: readonly (readonly [wallet: Hex, key: Uint8Array])[];
}

/** `key` is the recipient's where the directory does not know it (a guest). */
async function recipientsOf(context: Context, to: NewGrant["to"], key?: Uint8Array): Promise<Recipients> {
  if (typeof to === "string") return { recipient: { person: to }, keys: [[to, key ?? (await sealingKey(context, to))]] };
  const path = `/api/v1/staff?institution=${to.institution}&role=${to.role}`;
  const staff = await context.http.json<readonly Schemas["StaffView"][]>("GET", path);
  if (staff.length === 0) {
    throw new BadInput("to", "Nobody there holds this role and has a key.", "Choose a person, or another role.");
  }
  const keys: [Hex, Uint8Array][] = [];
  for (const { wallet } of staff) {
    const address = address20(wallet, "wallet");
    keys.push([address, await sealingKey(context, address)]);
  }
  return { recipient: { role: to }, keys };
}

/** A grant's document for the current version of a record. */
function documentOf(record: OwnRecord, wanted: NewGrant, recipient: Recipient): GrantDocument {
  const document: GrantDocument = {
    format: 1,
    recipient,
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

/** A grant, ready to be sent once the controller has signed it. */
export interface Prepared {
  readonly document: GrantDocument;
  readonly envelopes: readonly Schemas["Envelope"][];
  readonly parts: readonly Schemas["PartRef"][];
}

export async function prepare(context: Context, record: OwnRecord, wanted: NewGrant, to: Recipients): Promise<Prepared> {
  const document = documentOf(record, wanted, to.recipient);
  const envelopes: Schemas["Envelope"][] = [];
  for (const [wallet, key] of to.keys) envelopes.push(await envelopeFor(context, record, document, wallet, key));
  const shown = disclose(record.manifest, document.parts, record.secrets.salt, record.secrets.manifest);
  // In the document's order, which is not the manifest's.
  return { document, envelopes, parts: document.parts.map((name) => partRef(shown.parts, name)) };
}

/** The grant as the node takes it, signed by the record's controller. */
export async function messageOf(context: Context, index: PatientIndex, made: Prepared): Promise<Schemas["GrantMessage"]> {
  const { document, envelopes, parts } = made;
  const controller = context.keys.controller(numberOf(index, document.controller));
  const fields = { controller: controller.address, id: grantId(document), expiry: document.until };
  const signature = await controller.sign(at(context), { kind: "Grant", fields });
  return {
    chain_id: at(context).chainId,
    consents: at(context).contracts.consents,
    home: context.card.institution,
    document: toHex(grantCodec.encode(document)),
    signature,
    envelopes: [...envelopes],
    parts: [...parts],
  };
}

/** Grant; `key` is the recipient's where the directory does not know it (a guest). */
export async function grant(context: Context, wanted: NewGrant, key?: Uint8Array): Promise<GrantLine> {
  const to = await recipientsOf(context, wanted.to, key);
  const record = await OwnRecord.open(context, await current(context, wanted.controller));
  const made = await prepare(context, record, wanted, to);
  return turning(context, async ({ sealed, index }) => {
    const message = await messageOf(context, index, made);
    const next = await nextIndex(context, withGrant(index, made.document), sealed);
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
