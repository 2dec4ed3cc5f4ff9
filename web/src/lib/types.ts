/**
 * What the pages work with. Hashes, addresses and ids are lower-case hex with `0x`; times are unix
 * seconds; CIDs are text.
 */

import type { Contract, FieldValue, Role, StatementKind } from "./acts/statements";
import type { Schemas } from "./api/wire";

export { ROLES } from "./acts/statements";
export type { Role } from "./acts/statements";

/** Bytes as lower-case hex with `0x`. */
export type Hex = `0x${string}`;

/** A reading of how far a long job is, in bytes. */
export interface Progress {
  readonly stage: "reading" | "sealing" | "sending" | "fetching" | "opening" | "checking" | "packing";
  readonly done: number;
  readonly total: number;
}
export type OnProgress = (progress: Progress) => void;

/** Where the contracts are. */
export interface Deployment {
  readonly chainId: number;
  readonly contracts: Readonly<Record<Contract, Hex>>;
}

/** What a node says about itself. */
export interface NodeCard {
  readonly institution: Hex;
  readonly name: string;
  readonly url: string;
  readonly version: string;
  readonly deployment: Deployment;
  /** The block in which the contracts were deployed; 0 where the node does not say. */
  readonly firstBlock: number;
}

/** What a wallet is at a node at this moment. */
export interface Who {
  readonly wallet: Hex;
  readonly registrar: boolean;
  /** It is the institution that runs this node. */
  readonly institution: boolean;
  readonly staff: { readonly institution: Hex; readonly role: Role | null; readonly active?: boolean } | null;
  /** The patient's commitment, if it is enrolled here. */
  readonly patient: Hex | null;
}

// ---- acts ----

export type ActProgress = Schemas["Progress"];

/** An act on its way to the chain. */
export interface ActView {
  readonly act: Hex;
  readonly name: string;
  readonly progress: ActProgress;
  readonly tx: Hex | null;
  readonly gas: number | null;
  readonly block: number | null;
  readonly error: string | null;
  /** What it is held for; null once it is carried. */
  readonly waiting: LowFee | null;
  /** The call that the person's own wallet is to send; null where the hospital carries it. */
  readonly ownWallet: OwnWalletCall | null;
}

/** Carry an act when the base fee has fallen so far, or at last at a time. */
export interface LowFee {
  /** The base fee of a unit of gas, wei. */
  readonly maxFeeWei: number;
  readonly until: number;
}

/** A transaction for a wallet outside of the app. */
export interface OwnWalletCall {
  readonly to: Hex;
  readonly data: Hex;
  readonly chainId: number;
  /** When the hospital sends it instead, unless the wallet has. */
  readonly relayAt: number;
}

/** When an approval is carried to the chain, and who pays. At once and by the hospital, if nothing is said. */
export interface ApprovalTerms {
  readonly when?: LowFee;
  readonly payer?: Schemas["Payer"];
}

/** What is about to be signed, so that a page can say it in plain words first. */
export interface SignatureAsk {
  /** The statement's type, or a message that is signed as text. */
  readonly kind: "SignIn" | "AuditReport" | StatementKind;
  /** Who signs: the wallet, or a record's own controller. */
  readonly signer: Hex;
  /** Whether a wallet outside of the app will show a window of its own. */
  readonly external: boolean;
  /** The statement's fields. */
  readonly fields: Readonly<Record<string, FieldValue>>;
}
/** Called before each signature. To answer `false` (or throw) stops the flow with `cancelled`. */
export type BeforeSign = (ask: SignatureAsk) => boolean | Promise<boolean>;

// ---- accounts on this device ----

/** How an account's keys are kept on this device. */
export type Protection =
  | { readonly kind: "passphrase"; readonly passphrase: string }
  | { readonly kind: "passkey" };

/** Keys that are kept, encrypted, in this browser. */
export interface Account {
  readonly id: string;
  readonly name: string;
  readonly address: Hex;
  readonly protection: Protection["kind"];
  /** `app`: the wallet key is in the app. `extension`: the wallet is outside, the sealing key here. */
  readonly wallet: "app" | "extension";
  readonly createdAt: number;
}

/** A browser wallet that announced itself (EIP-6963), or the one at `window.ethereum`. */
export interface ExternalWallet {
  readonly id: string;
  readonly name: string;
  /** A data: URI, or empty. */
  readonly icon: string;
  readonly rdns: string;
}

/** What a person prints and keeps. */
export interface RecoveryKit {
  readonly name: string;
  readonly address: Hex;
  readonly createdAt: number;
  /** What the QR code holds. Whoever has it has the keys. */
  readonly qr: string;
  /** The same, in groups to write down or type in. */
  readonly words: readonly string[];
}

// ---- records ----

export type Stage = Schemas["Stage"];

/** A record version as its patient or author sees it before opening it. */
export interface VersionView {
  readonly record: Hex;
  readonly series: Hex;
  readonly stage: Stage;
  readonly author: Hex;
  readonly institution: Hex;
  readonly patient: Hex;
  readonly version: number;
  readonly previous: Hex | null;
  readonly createdAt: number;
  readonly commitment: Hex;
  readonly manifest: string;
  readonly parts: readonly string[];
  readonly controller: Hex | null;
  readonly envelope: Hex | null;
  readonly act: Hex | null;
  readonly reason: Hex | null;
}

export interface PartInfo {
  readonly name: string;
  readonly mediaType: string;
  readonly size: number;
  readonly cid: string;
}

/** The words of a FHIR document, as far as a page shows them. All of it is text of others. */
export interface DocumentText {
  readonly title: string;
  readonly date: string;
  readonly patient: string;
  readonly author: string;
  readonly institution: string;
  readonly sections: readonly { readonly title: string; readonly text: string }[];
}

/** A record version that was opened and checked: CIDs, root, author's signature, commitment. */
export interface OpenedRecord {
  readonly view: VersionView;
  readonly author: Hex;
  readonly institution: Hex;
  readonly createdAt: number;
  readonly version: number;
  readonly commitment: Hex;
  readonly parts: readonly PartInfo[];
  /** The FHIR document, opened on first use. */
  document(): Promise<{ readonly text: DocumentText; readonly bundle: unknown }>;
  /** A part in the clear, checked against the CID that its author signed. */
  part(name: string, onProgress?: OnProgress): Promise<Blob>;
}

/** A record in the patient's own index. */
export interface RecordLine {
  readonly index: number;
  readonly controller: Hex;
  readonly institution: Hex;
  readonly commitment: Hex | null;
  readonly label: string;
  readonly versions: number;
  readonly addedAt: number;
  readonly erased: boolean;
  /** The newest version here, if this node has it. */
  readonly view: VersionView | null;
}

// ---- consent ----

export const PURPOSES = [
  "TREAT", "ETREAT", "BTG", "CAREMGT", "COC", "HPAYMT", "COVERAGE", "HOPERAT", "HQUALIMP", "HLEGAL",
  "HRESCH", "CLINTRCH", "PATRQT", "FAMRQT", "PWATRNY", "PUBHLTH",
] as const;
/** A code of HL7 v3 PurposeOfUse. */
export type Purpose = (typeof PURPOSES)[number];

export type Recipient = { readonly person: Hex } | { readonly role: RoleAt };

export interface GrantLine {
  readonly grant: Hex;
  readonly home: Hex;
  readonly stage: Schemas["GrantStage"];
  readonly act: Hex | null;
  readonly revocation: Hex | null;
  readonly recipient: Recipient;
  readonly controller: Hex;
  readonly commitment: Hex;
  readonly parts: readonly string[];
  readonly purpose: Purpose;
  readonly from: number;
  readonly until: number;
  readonly request: Hex | null;
  /** Whose record it is, where this node is the patient's own and says so. */
  readonly patient: Hex | null;
}

/** All who hold a role at an institution. */
export interface RoleAt {
  readonly institution: Hex;
  readonly role: Role;
}

export interface NewGrant {
  /** A person, or all who hold a role at the moment. */
  readonly to: Hex | RoleAt;
  readonly controller: Hex;
  readonly parts: readonly string[];
  readonly purpose: Purpose;
  readonly from?: number;
  readonly until: number;
  readonly request?: Hex;
}

export interface RequestLine {
  readonly id: Hex;
  readonly home: Hex;
  readonly requester: Hex;
  readonly recipient: Recipient;
  readonly patient: Hex;
  readonly commitment: Hex | null;
  readonly parts: readonly string[];
  readonly purpose: Purpose;
  readonly reason: string;
  readonly from: number;
  readonly until: number;
  readonly receivedAt: number;
  /** The grant that answers it. */
  readonly answer: Hex | null;
}

export interface NewRequest {
  /** The patient's institution. */
  readonly home: Hex;
  readonly patient: Hex;
  readonly commitment?: Hex;
  readonly parts: readonly string[];
  readonly purpose: Purpose;
  readonly reason: string;
  readonly from?: number;
  readonly until: number;
  /** Whom the access is for; the asker if absent. */
  readonly recipient?: Recipient;
}

/** What the chain says of a grant and of the record version that it shares. */
export interface GrantStanding {
  /** Whether the grant is live at this moment. */
  readonly live: boolean;
  /** Whether the version is the one that stands, stood before a correction, or is not on chain. */
  readonly version: "current" | "corrected" | "unknown";
}

/** A grant that was opened and checked. */
export interface OpenedGrant {
  readonly grant: GrantLine;
  readonly author: Hex;
  readonly institution: Hex;
  readonly patient: Hex;
  readonly createdAt: number;
  readonly version: number;
  readonly parts: readonly PartInfo[];
  /** Parts of the record that stay hidden. */
  readonly hidden: number;
  /** The place of this opening in the log of the institution that served it. */
  readonly leaf: number;
  /** Ask the chain, through this node, whether permission and version stand there. */
  standing(): Promise<GrantStanding>;
  document(): Promise<{ readonly text: DocumentText; readonly bundle: unknown }>;
  part(name: string, onProgress?: OnProgress): Promise<Blob>;
}

/** How a trusted person stands to the patient: codes of HL7 v3 RoleCode and RoleClass. */
export const RELATIONS = ["SPS", "DOMPART", "PRN", "CHILD", "SIB", "GRPRN", "EXT", "FRND", "NBOR", "GUARD", "CAREGIVER"] as const;

/** Somebody who may open parts of the record in an emergency. */
export interface NewTrusted {
  readonly wallet: Hex;
  /** The patient's own word for the person. */
  readonly name: string;
  /** One of {@link RELATIONS}, or a newer one. */
  readonly relation: string;
  /** Beginnings of parts' names; all parts where there are none. */
  readonly parts: readonly string[];
  readonly until: number;
  /** Whether records that enter later are granted, too. */
  readonly later: boolean;
}

export interface TrustedLine extends NewTrusted {
  readonly changedAt: number;
  /** Live emergency grants to this person. */
  readonly grants: readonly GrantLine[];
  /** Controllers of sealed records that the person cannot open and should. */
  readonly lacking: readonly Hex[];
}

/** What became of granting to trusted people. */
export interface TrustedDone {
  readonly grants: readonly GrantLine[];
  /** Acts to follow. */
  readonly acts: readonly Hex[];
}

/** A guest's link as its patient sees it. */
export interface LinkLine {
  readonly id: Hex;
  readonly grant: Hex;
  readonly guest: Hex;
  readonly email: string;
  readonly views: number;
  readonly viewsUsed: number;
  readonly lastView: number | null;
  readonly expiresAt: number;
  readonly revoked: boolean;
}

/** What a guest is told once the code was right. */
export interface GuestLink {
  readonly hospital: string;
  readonly home: Hex;
  readonly viewsLeft: number;
  readonly expiresAt: number;
}

// ---- the trail ----

/** One line of a patient's trail. */
export interface TrailEntry {
  readonly institution: Hex;
  readonly leaf: number;
  /** What was done, in the log's words: `open`, `grant`, …; a newer node may know more. */
  readonly deed: string;
  readonly at: number;
  readonly actor: Hex;
  readonly record: Hex | null;
  readonly grant: Hex | null;
  readonly detail: string | null;
  readonly refusal: string | null;
  /** The checkpoint's size; 0 while the entry is too new for one. */
  readonly size: number;
  readonly root: Hex;
  readonly salt: Hex;
  readonly path: readonly Hex[];
  /** The entry as it was hashed. */
  readonly bytes: Uint8Array;
}

/** What "check it" found. */
export interface EntryCheck {
  /** `proven`: in a checkpoint that the chain holds. `signed`: in a checkpoint that the institution
   * signed and the chain does not hold yet. `waiting`: too new for a checkpoint. `wrong`: the proof
   * does not hold. */
  readonly state: "proven" | "signed" | "waiting" | "wrong";
  readonly size: number;
  readonly root: Hex;
  /** The newest checkpoint on chain, which covers it. */
  readonly anchor: { readonly size: number } | null;
  readonly reason: string | null;
}

// ---- patients and staff ----

export interface Demographics {
  readonly id: string;
  readonly id_system: string;
  readonly family: string;
  readonly given: readonly string[];
  readonly birth_date: string;
  readonly sex: "female" | "male" | "other" | "unknown";
}

export interface PatientLine {
  readonly patient: Hex;
  /** Who writes letters and asks for appointments. */
  readonly wallet: Hex;
  readonly demographics: Demographics;
  readonly enrolledAt: number;
  readonly act: Hex;
}

/** A page of patients, and where to go on. */
export interface PatientsPage {
  readonly patients: readonly PatientLine[];
  readonly next: string | null;
}

/** What a patient hands to a hospital to be enrolled, as one line of text (also for a QR code). */
export type PatientCardText = string;

export interface Person {
  readonly wallet: Hex;
  readonly name: string;
}

export interface DirectoryLine {
  readonly wallet: Hex;
  readonly name: string | null;
  readonly activeInstitution: boolean;
  readonly staff: { readonly institution: Hex; readonly role: Role | null; readonly active: boolean } | null;
  readonly hasKey: boolean;
}

export interface Invitation {
  readonly staff: Hex;
  readonly institution: Hex;
  readonly role: Role;
  readonly deadline: number;
}

export interface NewUpload {
  readonly patient: Hex;
  readonly title: string;
  readonly report: string;
  readonly file: Blob;
  readonly fileName?: string;
  /** DICOM modality code of a PNG or JPEG, for example `DX`. */
  readonly modality?: string;
  readonly bodyPart?: string;
  /** The record id of the version that this one corrects. */
  readonly corrects?: Hex;
}

/** A part of a record that is sealed in the browser. */
export interface NewPart {
  readonly name: string;
  readonly mediaType: string;
  readonly content: Blob;
}

/** What waits for its author's signature. */
export interface Draft {
  readonly record: Hex;
  readonly patient: Hex;
  readonly parts: readonly PartInfo[];
  readonly createdAt: number;
  readonly version: number;
  readonly expiresAt: number;
}

export interface Erasure {
  readonly controller: Hex;
  readonly act: Hex;
  readonly cids: readonly string[];
  readonly done: boolean;
  readonly statements: readonly { readonly holder: string; readonly cid: string; readonly at: number }[];
  readonly missing: readonly string[];
  readonly orderedAt: number;
}

// ---- audit ----

/** One anchored checkpoint of an institution, as checked in the browser. */
export interface CheckpointCheck {
  readonly size: number;
  readonly root: Hex;
  readonly block: number;
  readonly at: number;
  readonly tx: Hex;
  /** Whether the log that the node serves hashes to this root at this size; null where it serves
   * another institution's log, and the chain alone could be checked. */
  readonly holds: boolean | null;
}

export interface AuditReport {
  readonly institution: Hex;
  readonly name: string;
  readonly chainId: number;
  readonly log: Hex;
  readonly from: number;
  readonly until: number;
  readonly checkedAt: number;
  /** Everything was checked and holds; never so for another institution's log, of which only the
   * seals on chain can be looked at. */
  readonly holds: boolean;
  /** Whether entries could be checked at all: `false` for another institution's log. */
  readonly whole: boolean;
  /** Entries whose digests were fetched and hashed into the roots. */
  readonly entries: number;
  readonly checkpoints: readonly CheckpointCheck[];
  /** The last signed checkpoint that the node serves. */
  readonly latest: { readonly size: number; readonly root: Hex; readonly signer: Hex } | null;
  readonly problems: readonly string[];
}

export interface SignedReport {
  readonly report: AuditReport;
  /** The report as canonical JSON: exactly what was signed. */
  readonly text: string;
  readonly signer: Hex;
  /** `personal_sign` of the text. */
  readonly signature: Hex;
}

// ---- proof files ----

/** One fact that only the chain can confirm. */
export interface ChainFact {
  readonly kind: "committed" | "institution" | "staff" | "enrolled" | "grant" | "checkpoint" | "transaction";
  /** The wallet, grant, transaction or commitment that it is about. */
  readonly about: Hex;
  readonly holds: boolean;
  /** What the chain says besides. */
  readonly note: "erased_since" | "corrected_since" | "revoked_since" | null;
}

/** What a proof file proves. */
export interface ProofVerdict {
  readonly holds: boolean;
  readonly author: Hex;
  readonly institution: Hex;
  readonly createdAt: number;
  readonly version: number;
  readonly commitment: Hex;
  readonly parts: readonly string[];
  readonly hidden: number;
  /** Log entries whose inclusion is proven. */
  readonly logEntries: number;
  readonly facts: readonly ChainFact[];
}
