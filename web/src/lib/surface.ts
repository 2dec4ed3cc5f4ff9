/** What a signed-in person can do, by role. `Session` gives them. */

import type {
  Account, ActView, AuditReport, BeforeSign, Demographics, DirectoryLine, Draft, EntryCheck, Erasure, GrantLine,
  Hex, Invitation, LinkLine, NewGrant, NewPart, NewRequest, NewUpload, NodeCard, OnProgress, OpenedGrant,
  OpenedRecord, PatientCardText, PatientLine, Purpose, RecordLine, RequestLine, Role, SignedReport, TrailEntry,
  VersionView, Who,
} from "./types";

/** A patient's own record. Every answer of the node is checked before it is returned. */
export interface PatientFlows {
  /** What to hand to a hospital to be enrolled there. Works before enrolment. */
  card(): Promise<PatientCardText>;
  /** Versions that wait for approval. */
  inbox(): Promise<readonly VersionView[]>;
  /** Open a version and check all of it. */
  open(view: VersionView, onProgress?: OnProgress): Promise<OpenedRecord>;
  approve(record: OpenedRecord, label: string): Promise<VersionView>;
  /** Refuse; the reason is sealed to the author alone. */
  refuse(view: VersionView, reason: string): Promise<VersionView>;
  /** The patient's index: all records, wherever they were made. */
  records(): Promise<readonly RecordLine[]>;
  /** All versions of a record that this node has, oldest first. */
  history(record: RecordLine): Promise<readonly VersionView[]>;
  requests(): Promise<readonly RequestLine[]>;
  grants(): Promise<readonly GrantLine[]>;
  grant(grant: NewGrant): Promise<GrantLine>;
  revoke(grant: Hex): Promise<GrantLine>;
  trail(): Promise<readonly TrailEntry[]>;
  /** Verify an entry's inclusion, and its checkpoint against the chain. */
  check(entry: TrailEntry): Promise<EntryCheck>;
  /** One zip: FHIR bundles, originals, proof bundles, the trail. */
  exportAll(onProgress?: OnProgress): Promise<Blob>;
  /** The proof bundle (`FILE.proof`) of a record's current version, showing `parts` only. */
  proof(record: RecordLine, parts: readonly string[]): Promise<Blob>;
  erase(record: RecordLine): Promise<Erasure>;
  /** Share by link: the guest's keys are in the URL's fragment, which no server sees. */
  share(share: {
    readonly controller: Hex;
    readonly parts: readonly string[];
    readonly purpose: Purpose;
    readonly email: string;
    readonly views: number;
    readonly until: number;
  }): Promise<{ readonly url: string; readonly link: LinkLine }>;
  links(): Promise<readonly LinkLine[]>;
  /** Revoke a link and its grant. */
  revokeLink(link: LinkLine): Promise<void>;
}

/** Doctors, technicians and other staff. */
export interface StaffFlows {
  /** The invitation that waits for this wallet, or null. */
  invitation(): Promise<Invitation | null>;
  acceptInvitation(): Promise<ActView>;
  /** State the sealing key: to the directory, and anchored on chain for active staff. */
  stateKey(name: string): Promise<ActView | null>;
  patients(): Promise<readonly PatientLine[]>;
  enrol(demographics: Demographics, card: PatientCardText): Promise<PatientLine>;
  /** Hand the file to the own hospital's node, which reads, seals and answers with a draft. The same
   * `key` repeats the same upload safely. */
  upload(upload: NewUpload, key: string, onProgress?: OnProgress): Promise<Draft>;
  /** Seal in the browser; the node sees ciphertext only. */
  uploadSealed(
    upload: { readonly patient: Hex; readonly parts: readonly NewPart[]; readonly corrects?: Hex },
    key: string,
    onProgress?: OnProgress,
  ): Promise<Draft>;
  drafts(): Promise<readonly Draft[]>;
  /** Check the draft against what was uploaded, sign it, and wait until a quorum holds it. */
  sign(draft: Draft): Promise<VersionView>;
  authored(): Promise<readonly VersionView[]>;
  /** Why a patient refused. */
  readRefusal(view: VersionView): Promise<string>;
  request(request: NewRequest): Promise<RequestLine>;
  requests(): Promise<readonly RequestLine[]>;
  /** Grants received. */
  grants(): Promise<readonly GrantLine[]>;
  open(grant: Hex, onProgress?: OnProgress): Promise<OpenedGrant>;
}

/** The registrar. */
export interface RegistrarFlows {
  setInstitution(institution: Hex, active: boolean): Promise<ActView>;
}

/** The institution that runs the node. */
export interface HospitalFlows {
  invite(staff: Hex, role: Role): Promise<Invitation>;
  setStaff(staff: Hex, role: Role, active: boolean): Promise<ActView>;
}

/** Auditors: everything is fetched and hashed here; the node is believed nothing. */
export interface AuditFlows {
  verify(
    span: { readonly institution: Hex; readonly node?: string; readonly from: number; readonly until: number },
    onProgress?: OnProgress,
  ): Promise<AuditReport>;
  signReport(report: AuditReport): Promise<SignedReport>;
  /** Make a checkpoint now and have it anchored. */
  anchor(): Promise<{ readonly size: number; readonly root: Hex; readonly act: ActView | null }>;
}

/** A guest who came by a link. */
export interface GuestFlows {
  /** Have a code sent to the e-mail that the patient named. Never tells whether it was. */
  sendCode(): Promise<void>;
  /** Sign in with the link's key and confirm with the code. */
  confirm(code: string): Promise<void>;
  open(onProgress?: OnProgress): Promise<OpenedGrant>;
  /** Wipe the keys. */
  close(): void;
}

/** Somebody who has signed in to a node. Ends when signed out here or in another tab. */
export interface Session {
  readonly address: Hex;
  readonly account: Account;
  readonly card: NodeCard;
  readonly who: Who;
  readonly expiresAt: number;
  readonly patient: PatientFlows;
  readonly staff: StaffFlows;
  readonly registrar: RegistrarFlows;
  readonly hospital: HospitalFlows;
  readonly audit: AuditFlows;
  /** Ask the node again what the wallet is now. */
  refresh(): Promise<Who>;
  directory(wallet: Hex): Promise<DirectoryLine>;
  act(id: Hex): Promise<ActView>;
  /** Follow an act until it is final or failed; each change is reported. */
  follow(id: Hex, onChange: (act: ActView) => void, signal?: AbortSignal): Promise<ActView>;
  /** Any other route of the node, as this person: JSON in and out. */
  json<T>(method: "GET" | "POST" | "PUT" | "DELETE", path: string, body?: unknown, signal?: AbortSignal): Promise<T>;
  /** Any other route that takes or gives bytes. */
  bytes(method: "GET" | "POST", path: string, body?: Blob, onProgress?: OnProgress): Promise<Blob>;
  /** Seal a text to somebody whose key the directory has, and to oneself (letters, reasons). */
  sealLetter(to: Hex, text: string): Promise<{ readonly sealed: Hex; readonly sealedOwn: Hex }>;
  openLetter(letter: { readonly from: Hex; readonly to: Hex; readonly sealed: Hex; readonly sealedOwn?: Hex }): Promise<string>;
  onBeforeSign(ask: BeforeSign | null): void;
  /** Called once when the session ends here, in another tab, or because the node forgot it. */
  onEnd(listener: (reason: "signed_out" | "other_tab" | "expired") => void): () => void;
  signOut(): Promise<void>;
}
