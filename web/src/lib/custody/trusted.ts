/**
 * People whom a patient trusts in an emergency. The list is in the patient's sealed index; what they
 * may open are ordinary grants, one for each record, with purpose ETREAT.
 */

import { ok } from "../api/http";
import { grantOf } from "../api/views";
import { BadInput, NodeError } from "../errors";
import { randomHex, utf8 } from "../formats/bytes";
import { LABEL_BYTES } from "../formats/limits";
import { withGrant, withoutTrusted, withTrusted } from "../formats/patient-index";
import type { PatientIndex, TrustedEntry } from "../formats/patient-index";
import type { GrantLine, Hex, NewTrusted, OnProgress, TrustedDone, TrustedLine, VersionView } from "../types";
import { now, sealingKey } from "./context";
import type { Context } from "./context";
import { sealLetter } from "./letters";
import { OwnRecord } from "./opened";
import { current, grants, messageOf, nextIndex, prepare, readIndex, revoke, turning, versions } from "./patient";
import type { Prepared } from "./patient";

export const EMERGENCY = "ETREAT";
/** A trust that ends sooner is a mistake. */
const SHORTEST = 3600;

/** The parts of a record that a trusted person is to have: those whose names begin with a kind. */
export function partsFor(kinds: readonly string[], names: readonly string[]): readonly string[] {
  if (kinds.length === 0) return names;
  const of = (name: string): boolean => kinds.some((kind) => name === kind || name.startsWith(`${kind}-`));
  return names.filter(of);
}

/** The person's live grants of this kind. */
export function liveGrants(person: Hex, given: readonly GrantLine[], at_: number): readonly GrantLine[] {
  return given.filter(
    (grant) =>
      grant.stage === "given" && grant.until > at_ && grant.purpose === EMERGENCY && "person" in grant.recipient &&
      grant.recipient.person === person,
  );
}

/** A sealed record version that could be granted. */
export interface Open {
  readonly controller: Hex;
  readonly commitment: Hex;
  /** Names of its parts. */
  readonly parts: readonly string[];
  /** When it was entered into the record. */
  readonly addedAt: number;
}

const same = (a: readonly string[], b: readonly string[]): boolean => [...a].sort().join() === [...b].sort().join();

/** Whether a grant gives just what the entry says for a record's current version. */
function covers(grant: GrantLine, entry: NewTrusted, record: Open): boolean {
  const wanted = partsFor(entry.parts, record.parts);
  return grant.commitment === record.commitment && grant.until === entry.until && same(grant.parts, wanted);
}

/** What is to be done so that the grants are as the entry says. */
export interface Plan {
  readonly give: readonly Open[];
  readonly takeBack: readonly GrantLine[];
}

/** Compare an entry with the grants there are. Records entered after the entry was last changed count
 * only where the patient has said so. */
export function planFor(entry: TrustedEntry, records: readonly Open[], given: readonly GrantLine[], at_: number): Plan {
  const live = liveGrants(entry.wallet, given, at_);
  const meant = records.filter((r) => entry.later || r.addedAt <= entry.changedAt);
  const covered = (r: Open): boolean => live.some((grant) => covers(grant, entry, r));
  const wanted = entry.until > at_ ? meant.filter((r) => partsFor(entry.parts, r.parts).length > 0) : [];
  const right = (grant: GrantLine): boolean => wanted.some((r) => covers(grant, entry, r));
  return { give: wanted.filter((r) => !covered(r)), takeBack: live.filter((grant) => !right(grant)) };
}

/** Records whose current version stands on chain, with the names of their parts. */
async function sealedRecords(context: Context, index: PatientIndex): Promise<Open[]> {
  const views = (await versions(context)).filter((view) => view.stage === "committed");
  const found: Open[] = [];
  for (const entry of index.records) {
    const commitment = entry.versions.at(-1)?.commitment;
    const view = views.find((one) => one.controller === entry.controller && one.commitment === commitment);
    if (commitment === undefined || view === undefined || view.envelope === null) continue;
    const parts = await partNames(context, view);
    found.push({ controller: entry.controller, commitment, parts, addedAt: entry.addedAt });
  }
  return found;
}

/** A version's part names never change; they are asked for once. */
const known = new Map<Hex, readonly string[]>();

async function partNames(context: Context, view: VersionView): Promise<readonly string[]> {
  const before = known.get(view.commitment);
  if (before !== undefined) return before;
  const names = (await OwnRecord.open(context, view)).manifest.parts.map((part) => part.name);
  known.set(view.commitment, names);
  return names;
}

/** The people on the list, with what they may open now and what they lack. */
export async function trusted(context: Context): Promise<TrustedLine[]> {
  const [{ index }, given] = await Promise.all([readIndex(context), grants(context)]);
  if (index.trusted.length === 0) return [];
  const records = await sealedRecords(context, index);
  return index.trusted.map((entry) => {
    const plan = planFor(entry, records, given, now());
    const lacking = plan.give.map((r) => r.controller);
    return { ...entry, grants: liveGrants(entry.wallet, given, now()), lacking };
  });
}

function check(context: Context, entry: NewTrusted): void {
  if (entry.wallet === context.keys.address) throw new BadInput("wallet", "This is your own address.");
  if (entry.name.trim() === "") throw new BadInput("name", "Give the person a name.");
  if (utf8(entry.name).length > LABEL_BYTES) throw new BadInput("name", `at most ${LABEL_BYTES} bytes`);
  if (entry.until <= now() + SHORTEST) throw new BadInput("until", "The time has passed already.");
}

/** Name somebody, or change what was said; then grant what is lacking and take back what is too much. */
export async function trust(context: Context, fresh: NewTrusted, ownName: string, onProgress?: OnProgress): Promise<TrustedDone> {
  check(context, fresh);
  const key = await sealingKey(context, fresh.wallet);
  const entry: TrustedEntry = { ...fresh, name: fresh.name.trim(), changedAt: now() };
  const done = await settle(context, [[entry, key]], onProgress);
  await tell(context, entry, ownName, done.grants);
  return done;
}

/** Grant to everybody on the list what is lacking: after records were entered. */
export async function extend(context: Context, onProgress?: OnProgress): Promise<TrustedDone> {
  const { index } = await readIndex(context);
  const people: [TrustedEntry, Uint8Array][] = [];
  for (const entry of index.trusted) {
    if (entry.until > now()) people.push([entry, await sealingKey(context, entry.wallet)]);
  }
  return people.length === 0 ? { grants: [], acts: [] } : settle(context, people, onProgress);
}

/** Take somebody off the list, and every emergency grant back. The grants go first: they count. */
export async function distrust(context: Context, wallet: Hex, onProgress?: OnProgress): Promise<TrustedDone> {
  const back = liveGrants(wallet, await grants(context), now());
  const gone = await takeBack(context, back, onProgress);
  await turning(context, async (held) => {
    await putIndex(context, await nextIndex(context, withoutTrusted(held.index, wallet), held.sealed));
  });
  return gone;
}

async function takeBack(context: Context, back: readonly GrantLine[], onProgress?: OnProgress): Promise<TrustedDone> {
  const done: GrantLine[] = [];
  for (const grant of back) {
    done.push(await revoke(context, grant.grant));
    onProgress?.({ stage: "sending", done: done.length, total: back.length });
  }
  return { grants: done, acts: done.flatMap((line) => (line.revocation === null ? [] : [line.revocation])) };
}

const putIndex = (context: Context, index: Hex): Promise<unknown> =>
  context.http.json("PUT", "/api/v1/index", { index });

/** Make the grants of some entries what the entries say. One turn of the index holds all of it, so that
 * a wallet outside of the app asks once. */
async function settle(
  context: Context,
  people: readonly (readonly [TrustedEntry, Uint8Array])[],
  onProgress?: OnProgress,
): Promise<TrustedDone> {
  const [{ index: before }, given] = await Promise.all([readIndex(context), grants(context)]);
  const records = await sealedRecords(context, before);
  const made: Prepared[] = [];
  const back: GrantLine[] = [];
  for (const [entry, key] of people) {
    const plan = planFor(entry, records, given, now());
    back.push(...plan.takeBack);
    for (const record of plan.give) made.push(await prepareFor(context, entry, key, record));
  }
  const listed = ([entry]: (typeof people)[number]): boolean =>
    before.trusted.some((one) => one.wallet === entry.wallet && one.changedAt === entry.changedAt);
  if (made.length === 0 && back.length === 0 && people.every(listed)) return { grants: [], acts: [] };
  const index = await turning(context, async (held) => {
    const named = people.reduce((all, [entry]) => withTrusted(all, entry), held.index);
    const next = made.reduce((all, { document }) => withGrant(all, document), named);
    await putIndex(context, await nextIndex(context, next, held.sealed));
    return next;
  });
  const done: GrantLine[] = [];
  for (const one of made) {
    const message = await messageOf(context, index, one);
    done.push(grantOf(await ok(context.http.api.POST("/api/v1/grants", { body: { message } }))));
    onProgress?.({ stage: "sending", done: done.length, total: made.length });
  }
  const gone = await takeBack(context, back);
  return { grants: done, acts: [...done.flatMap((line) => (line.act === null ? [] : [line.act])), ...gone.acts] };
}

async function prepareFor(context: Context, entry: TrustedEntry, key: Uint8Array, record: Open): Promise<Prepared> {
  const opened = await OwnRecord.open(context, await current(context, record.controller));
  const { controller } = record;
  const parts = partsFor(entry.parts, record.parts);
  const wanted = { to: entry.wallet, controller, parts, purpose: EMERGENCY, until: entry.until } as const;
  return prepare(context, opened, wanted, { recipient: { person: entry.wallet }, keys: [[entry.wallet, key]] });
}

/** Told by a sealed letter where the hospital takes letters to that person; the grants stand without. */
async function tell(context: Context, entry: TrustedEntry, name: string, given: readonly GrantLine[]): Promise<void> {
  const bound = { thread: randomHex(32), id: randomHex(32) };
  const text = JSON.stringify({ v: 1, type: "trusted", name, relation: entry.relation, until: entry.until });
  try {
    const { sealed, sealedOwn } = await sealLetter(context, entry.wallet, text, bound);
    const body = { ...bound, to: entry.wallet, kind: "invitation", sealed, sealed_own: sealedOwn, grants: given.map((g) => g.grant) };
    await context.http.json("POST", "/api/v1/letters", body);
  } catch (error) {
    if (!(error instanceof NodeError)) throw error;
  }
}
