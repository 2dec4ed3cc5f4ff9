/** What doctors, technicians and other staff do. */

import { ok } from "../api/http";
import { actOf, grantOf, invitationOf, patientOf, requestOf, versionOf } from "../api/views";
import type { Schemas } from "../api/wire";
import { BadInput, NodeError, Wrong } from "../errors";
import { address20, fromHex, hash32, hexOf, randomHex, toHex } from "../formats/bytes";
import { requestCodec, requestId, sortedParts } from "../formats/consent";
import type { RequestDocument } from "../formats/consent";
import { partKey } from "../formats/derive";
import { keyStatement, keyStatementCodec, newKeyStatement, saltedDigest, sealingKeyOf } from "../formats/key-statement";
import { authorStatement, checkAuthor, commitmentOf, manifestCodec, newManifest, recordsDomain } from "../formats/manifest";
import type { Manifest, Part } from "../formats/manifest";
import { REASON_BYTES } from "../formats/limits";
import { utf8 } from "../formats/bytes";
import { sealFile } from "../formats/sealed-file";
import { cidOf } from "../formats/cid";
import { ROLES } from "../types";
import type {
  ActView, Demographics, Draft, GrantLine, Hex, Invitation, NewPart, NewRequest, NewUpload, OnProgress, PatientLine, PatientsPage,
  RequestLine, Role, VersionView,
} from "../types";
import type { KeyRing } from "../keys/ring";
import { engineOf } from "../worker";
import { at, deadline, directory, now } from "./context";
import type { Context } from "./context";
import { DOCUMENT, GrantedRecord } from "./opened";
import { manifestKey, sealSecrets, toOwner } from "./secrets";

// ---- admission ----

/** The invitation that waits for this wallet, or null. */
export async function invitation(context: Context): Promise<Invitation | null> {
  const raw = await pendingInvitation(context);
  return raw === null ? null : invitationOf(raw);
}

async function pendingInvitation(context: Context): Promise<Schemas["Invitation"] | null> {
  try {
    return await ok(context.http.api.GET("/api/v1/registry/invitation"));
  } catch (error) {
    if (error instanceof NodeError && error.status === 404) return null;
    throw error;
  }
}

export async function acceptInvitation(context: Context): Promise<ActView> {
  const raw = await pendingInvitation(context);
  if (raw === null) throw new NodeError(404, "not_found", "No invitation waits for you here.", "Ask your hospital for one.");
  const { staff, institution, role, deadline: until } = invitationOf(raw);
  if (staff !== context.keys.address || institution !== context.card.institution) {
    throw new Wrong("invitation", "it is for somebody else");
  }
  const fields = { staff, institution, role: ROLES.indexOf(role) + 1, nonce: raw.nonce, deadline: until };
  const signature = await context.keys.sign(at(context), { kind: "AdmitStaff", fields });
  return actOf(await ok(context.http.api.POST("/api/v1/registry/invitation", { body: { signature } })));
}

/** State the sealing key; salted to the chain for staff and institutions. */
export async function stateKey(context: Context, name: string): Promise<ActView | null> {
  const { keys } = context;
  const me = await directory(context, keys.address);
  const statement = await signedStatement(context);
  const salt = randomHex(32);
  const onChain = me.active_institution || (me.staff?.active ?? false);
  const version = me.key_version + 1;
  const until = deadline();
  const fields = { wallet: keys.address, digest: saltedDigest(statement, salt), version, deadline: until };
  const anchor = onChain
    ? { version, deadline: until, signature: await keys.sign(at(context), { kind: "PublishKey", fields }) }
    : null;
  const person = { wallet: keys.address, name, statement: toHex(keyStatementCodec.encode(statement)), salt };
  const act = await ok(context.http.api.POST("/api/v1/keys", { body: { person, anchor } }));
  return act === null ? null : actOf(act);
}

async function signedStatement(context: Context) {
  const unsigned = newKeyStatement(context.keys.address, context.keys.sealingPublic, now());
  const signature = await context.keys.sign(at(context), keyStatement(unsigned));
  return { ...unsigned, signature: fromHex(signature, "signature") };
}

/** The card that a patient hands to a hospital, as text. */
export async function patientCard(context: Context): Promise<string> {
  const { keys } = context;
  const statement = toHex(keyStatementCodec.encode(await signedStatement(context)));
  const person = { wallet: keys.address, name: "", statement, salt: randomHex(32) };
  return JSON.stringify({ person, salt: keys.enrolmentSalt(context.card.institution) });
}

function cardOf(card: string): Schemas["PatientCard"] {
  try {
    const { person, salt } = JSON.parse(card) as Schemas["PatientCard"];
    return {
      person: {
        wallet: address20(person.wallet, "wallet"), name: person.name,
        statement: hexOf(person.statement, "statement", (person.statement.length - 2) / 2), salt: hash32(person.salt, "salt"),
      },
      salt: hash32(salt, "salt"),
    };
  } catch {
    throw new BadInput("card", "This is no patient's card.", "Ask the patient to show the card in the app again.");
  }
}

/** Patients on one page when all of them are read. */
const ALL_AT_ONCE = 1000;

export async function findPatients(context: Context, wanted: string, after: string | null, limit?: number): Promise<PatientsPage> {
  const query = { ...(wanted === "" ? {} : { q: wanted }), ...(after === null ? {} : { after }), ...(limit === undefined ? {} : { limit }) };
  const page = await ok(context.http.api.GET("/api/v1/patients", { params: { query } }));
  return { patients: page.patients.map(patientOf), next: page.next ?? null };
}

/** Everybody, page by page. */
export async function patients(context: Context): Promise<PatientLine[]> {
  const all: PatientLine[] = [];
  let after: string | null = null;
  do {
    const page: PatientsPage = await findPatients(context, "", after, ALL_AT_ONCE);
    all.push(...page.patients);
    after = page.next;
  } while (after !== null);
  return all;
}

export async function enrol(context: Context, demographics: Demographics, card: string): Promise<PatientLine> {
  const body = { demographics: demographics as unknown as Record<string, never>, card: cardOf(card) };
  return patientOf(await ok(context.http.api.POST("/api/v1/patients", { body })));
}

// ---- making records ----

const draftOf = (raw: Schemas["DraftView"]): Draft & { readonly manifest: Manifest } => {
  const manifest = manifestCodec.decode(fromHex(raw.manifest, "manifest"));
  return {
    record: hash32(raw.record, "record"),
    patient: manifest.header.patient,
    parts: manifest.parts.map(({ name, media_type, size, cid }) => ({ name, mediaType: media_type, size, cid })),
    createdAt: manifest.header.created_at,
    version: manifest.header.version,
    expiresAt: raw.expires_at,
    manifest,
  };
};

/** Hand a file to the own hospital's node, which reads, seals and answers with a draft. */
export async function upload(context: Context, fresh: NewUpload, key: string, onProgress?: OnProgress): Promise<Draft> {
  const form = new FormData();
  form.append("patient", fresh.patient);
  form.append("title", fresh.title);
  form.append("report", fresh.report);
  if (fresh.modality !== undefined) form.append("modality", fresh.modality);
  if (fresh.bodyPart !== undefined) form.append("body_part", fresh.bodyPart);
  if (fresh.corrects !== undefined) form.append("corrects", fresh.corrects);
  form.append("file", fresh.file, fresh.fileName ?? "file");
  const headers = { "idempotency-key": key };
  return draftOf(await context.http.form<Schemas["DraftView"]>("/api/v1/uploads", form, headers, onProgress));
}

export async function drafts(context: Context): Promise<Draft[]> {
  return (await ok(context.http.api.GET("/api/v1/uploads"))).map(draftOf);
}

/** Sign a draft. Signing again, as after 503 `no_quorum`, repeats the signature that was made. */
export async function sign(context: Context, draft: Draft): Promise<VersionView> {
  const path = { draft: draft.record };
  const { signatures, sealed } = unfinished(context);
  const signature = signatures.get(draft.record) ?? (await signatureOf(context, draft));
  signatures.set(draft.record, signature);
  const body = { signature };
  const view = versionOf(await ok(context.http.api.POST("/api/v1/uploads/{draft}/signature", { params: { path }, body })));
  signatures.delete(draft.record);
  for (const [key, kept] of sealed) if (kept.draft?.record === draft.record) sealed.delete(key);
  return view;
}

/** The author's signature of a draft. The manifest is read, not believed: it must name this author and
 * patient, and the parts that were uploaded. */
async function signatureOf(context: Context, draft: Draft): Promise<Hex> {
  const path = { draft: draft.record };
  const raw = await ok(context.http.api.GET("/api/v1/uploads/{draft}", { params: { path } }));
  const { manifest, ...seen } = draftOf(raw);
  const { header } = manifest;
  if (header.author !== context.keys.address) throw new Wrong("draft", "it names another author");
  if (header.patient !== draft.patient || header.institution !== context.card.institution) {
    throw new Wrong("draft", "it names another patient or hospital");
  }
  const same = seen.parts.length === draft.parts.length && seen.parts.every((part, i) => part.cid === draft.parts[i]?.cid);
  if (!same) throw new Wrong("draft", "it is not the one that was uploaded");
  return authorSignature(context, manifest);
}

/** What was sealed under an idempotency key, and the node's answer once it came. */
interface SealedUpload {
  readonly draftText: string;
  readonly manifest: Blob;
  readonly parts: readonly Blob[];
  draft: Draft | null;
}

/** Uploads that were begun and not finished, by their keys; forgotten with the keys of their author. */
interface Unfinished {
  readonly sealed: Map<string, SealedUpload>;
  readonly signatures: Map<Hex, Hex>;
}

const begun = new WeakMap<KeyRing, Unfinished>();

function unfinished({ keys }: Context): Unfinished {
  const known = begun.get(keys) ?? { sealed: new Map(), signatures: new Map() };
  begun.set(keys, known);
  return known;
}

/** The author's signature: made here, or the one that went with a manifest that was sealed here. */
function authorSignature(context: Context, { header, root, author_signature }: Manifest): Promise<Hex> {
  if (author_signature.length === 0) return context.keys.sign(at(context), authorStatement(header, root));
  const signature = toHex(author_signature);
  checkAuthor(header, root, signature, recordsDomain(at(context)));
  return Promise.resolve(signature);
}

/** A part that was sealed here. */
interface SealedPart {
  readonly part: Part;
  readonly sealed: Blob;
}

async function sealParts(key: Uint8Array, parts: readonly NewPart[], onProgress?: OnProgress): Promise<SealedPart[]> {
  const engine = await engineOf();
  const sealed: SealedPart[] = [];
  for (const { name, mediaType, content } of parts) {
    const done = await engine.seal(content, partKey(key, name), onProgress);
    const part: Part = { name, media_type: mediaType, size: done.size, cid: done.cid, salt: randomHex(32) };
    sealed.push({ part, sealed: done.sealed });
  }
  return sealed;
}

/** The sealing key in a directory entry, if its wallet signed it. */
function keyIn(context: Context, person: Schemas["Person"]): { readonly wallet: Hex; readonly key: Uint8Array } {
  const wallet = address20(person.wallet, "wallet");
  return { wallet, key: sealingKeyOf(fromHex(person.statement, "key statement"), wallet, at(context)) };
}

/** What is sealed in the browser. */
interface Unsealed {
  readonly patient: Hex;
  readonly parts: readonly NewPart[];
  readonly corrects?: Hex;
}

/** Seal in the browser: the node sees ciphertext only. Trying again under the same key sends the same
 * bytes, so that the node knows the upload again. */
export async function uploadSealed(
  context: Context,
  fresh: Unsealed,
  key: string,
  onProgress?: OnProgress,
): Promise<Draft> {
  const { sealed } = unfinished(context);
  const kept = sealed.get(key) ?? (await seal(context, fresh, onProgress));
  sealed.set(key, kept);
  if (kept.draft !== null) return kept.draft;
  const form = new FormData();
  form.append("draft", kept.draftText);
  form.append("manifest", kept.manifest, "manifest");
  for (const part of kept.parts) form.append("part", part, "part");
  const headers = { "idempotency-key": key };
  const answer = await context.http.form<Schemas["DraftView"]>("/api/v1/uploads/sealed", form, headers, onProgress);
  kept.draft = draftOf(answer);
  return kept.draft;
}

/** Seal parts, manifest and envelopes. The signature of what comes back is in the manifest already. */
async function seal(context: Context, fresh: Unsealed, onProgress?: OnProgress): Promise<SealedUpload> {
  if (fresh.parts[0]?.name !== DOCUMENT) throw new BadInput("parts", `the first part is the ${DOCUMENT}`);
  const path = { patient: fresh.patient };
  const keys = await ok(context.http.api.GET("/api/v1/patients/{patient}/keys", { params: { path } }));
  const recordKey = fromHex(randomHex(32), "key");
  const sealed = await sealParts(recordKey, fresh.parts, onProgress);
  const manifest = await signedManifest(context, fresh, sealed.map((s) => s.part));
  const sealedManifest = sealFile(manifestKey(recordKey), manifestCodec.encode(manifest));
  const secrets = { key: recordKey, salt: randomHex(32), manifest: cidOf(sealedManifest) };
  const commitment = commitmentOf(secrets.salt, manifest.root, secrets.manifest);
  const envelope = (person: Schemas["Person"]): Promise<Hex> => {
    const to = keyIn(context, person);
    return sealSecrets(to.key, toOwner(at(context), commitment, to.wallet), secrets);
  };
  const draft = {
    patient: fresh.patient,
    corrects: fresh.corrects ?? null,
    commitment,
    to_patient: await envelope(keys.patient),
    to_institution: await envelope(keys.institution),
  };
  recordKey.fill(0);
  const parts = sealed.map((s) => s.sealed);
  return { draftText: JSON.stringify(draft), manifest: new Blob([sealedManifest.slice()]), parts, draft: null };
}

async function signedManifest(
  context: Context,
  fresh: { readonly patient: Hex; readonly corrects?: Hex },
  parts: readonly Part[],
): Promise<Manifest> {
  const unsigned = newManifest({
    corrects: fresh.corrects === undefined ? null : await corrected(context, fresh.corrects),
    createdAt: now(),
    author: context.keys.address,
    institution: context.card.institution,
    patient: fresh.patient,
    parts,
  });
  const signature = await context.keys.sign(at(context), authorStatement(unsigned.header, unsigned.root));
  return { ...unsigned, author_signature: fromHex(signature, "signature") };
}

async function corrected(context: Context, record: Hex): Promise<{ readonly version: number; readonly commitment: Hex }> {
  const view = (await authored(context)).find((v) => v.record === record);
  if (view === undefined) throw new BadInput("corrects", "this is no version that you made");
  return { version: view.version, commitment: view.commitment };
}

export async function authored(context: Context): Promise<VersionView[]> {
  return (await ok(context.http.api.GET("/api/v1/authored"))).map(versionOf);
}

// ---- access ----

export async function request(context: Context, wanted: NewRequest): Promise<RequestLine> {
  if (utf8(wanted.reason).length > REASON_BYTES) throw new BadInput("reason", `at most ${REASON_BYTES} bytes`);
  const document: RequestDocument = {
    format: 1,
    requester: context.keys.address,
    recipient: wanted.recipient ?? { person: context.keys.address },
    patient: wanted.patient,
    commitment: wanted.commitment ?? null,
    parts: sortedParts(wanted.parts),
    purpose: wanted.purpose,
    reason: wanted.reason,
    from: wanted.from ?? now() - 60,
    until: wanted.until,
    salt: randomHex(32),
  };
  const encoded = requestCodec.encode(document);
  requestCodec.decode(encoded);
  const until = deadline();
  const fields = { id: requestId(document), requester: context.keys.address, deadline: until };
  const signature = await context.keys.sign(at(context), { kind: "Request", fields });
  const body = { home: wanted.home, document: toHex(encoded), deadline: until, signature };
  return requestOf(await ok(context.http.api.POST("/api/v1/requests", { body })));
}

export async function received(context: Context): Promise<GrantLine[]> {
  const mine = (line: GrantLine): boolean =>
    !("person" in line.recipient) || line.recipient.person === context.keys.address;
  return (await ok(context.http.api.GET("/api/v1/grants"))).map(grantOf).filter(mine);
}

export async function open(context: Context, grant: Hex): Promise<GrantedRecord> {
  const served = await ok(context.http.api.POST("/api/v1/grants/{grant}/open", { params: { path: { grant } } }));
  return GrantedRecord.open(context, grant, served);
}

// ---- the institution and the registrar ----

export async function invite(context: Context, staff: Hex, role: Role): Promise<Invitation> {
  const { staff_nonce: nonce } = await directory(context, staff);
  const institution = context.keys.address;
  const until = deadline();
  const fields = { staff, institution, role: ROLES.indexOf(role) + 1, nonce, deadline: until };
  const signature = await context.keys.sign(at(context), { kind: "AdmitStaff", fields });
  const body = { staff, institution, role, nonce, deadline: until, signature };
  return invitationOf(await ok(context.http.api.POST("/api/v1/registry/staff", { body })));
}

const statusOf = (active: boolean): number => (active ? 1 : 2);

export async function setStaff(context: Context, staff: Hex, role: Role, active: boolean): Promise<ActView> {
  const { staff_nonce: nonce } = await directory(context, staff);
  const fields = {
    staff, institution: context.keys.address, role: ROLES.indexOf(role) + 1, status: statusOf(active), nonce,
    deadline: deadline(),
  };
  const signatures = [await context.keys.sign(at(context), { kind: "SetStaff", fields })];
  const body = { act: { act: "set_staff", ...fields }, signatures };
  return actOf(await context.http.json<Schemas["ActView"]>("POST", `/api/v1/registry/staff/${staff}`, body));
}

export async function setInstitution(context: Context, institution: Hex, active: boolean): Promise<ActView> {
  const { institution_nonce: nonce } = await directory(context, institution);
  const fields = { institution, status: statusOf(active), nonce, deadline: deadline() };
  const signatures = [await context.keys.sign(at(context), { kind: "SetInstitution", fields })];
  const body = { act: { act: "set_institution", ...fields }, signatures };
  return actOf(await context.http.json<Schemas["ActView"]>("POST", "/api/v1/registry/institutions", body));
}

