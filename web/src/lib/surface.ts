/** What a signed-in person can do, by role. `Session` gives them. */

import type { ConnectedWallet } from "./keys/outside";
import type {
  Account, ActView, ApprovalTerms, AuditReport, BeforeSign, Demographics, DirectoryLine, Draft, EntryCheck, Erasure,
  ExternalWallet, GrantLine, GuestLink, Hex, Invitation, LinkLine, NewGrant, NewPart, NewRequest, NewTrusted, NewUpload,
  NodeCard, OnProgress, OpenedGrant, OpenedRecord, OwnWalletCall, PatientCardText, PatientLine, PatientsPage, Protection, Purpose,
  RecordLine, RecoveryKit, RequestLine, Role, SignedReport, TrailEntry, TrustedDone, TrustedLine, VersionView, Who,
} from "./types";

/** A patient's own record. Every answer of the node is checked before it is returned. */
export interface PatientFlows {
  /** What to hand to a hospital to be enrolled there. Works before enrolment. */
  card(): Promise<PatientCardText>;
  /** Versions that wait for approval. */
  inbox(): Promise<readonly VersionView[]>;
  /** Open a version and check all of it. */
  open(view: VersionView, onProgress?: OnProgress): Promise<OpenedRecord>;
  approve(record: OpenedRecord, label: string, terms?: ApprovalTerms): Promise<VersionView>;
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
  revokeLink(link: LinkLine): Promise<GrantLine>;
  /** People trusted in an emergency: what each may open, and which records are lacking. */
  trusted(): Promise<readonly TrustedLine[]>;
  /** Name somebody or change what was said, and make the grants so. */
  trust(person: NewTrusted, onProgress?: OnProgress): Promise<TrustedDone>;
  /** Grant to everybody on the list what is lacking. */
  extendTrusted(onProgress?: OnProgress): Promise<TrustedDone>;
  /** Take every emergency grant of a person back, and the person off the list. */
  distrust(wallet: Hex, onProgress?: OnProgress): Promise<TrustedDone>;
}

/** Doctors, technicians and other staff. */
export interface StaffFlows {
  /** The invitation that waits for this wallet, or null. */
  invitation(): Promise<Invitation | null>;
  acceptInvitation(): Promise<ActView>;
  /** State the sealing key: to the directory, and anchored on chain for active staff. */
  stateKey(name: string): Promise<ActView | null>;
  /** Everybody, for names: a hospital of many thousands is better searched. */
  patients(): Promise<readonly PatientLine[]>;
  /** A page of those whose name, number or birth date match; everybody for an empty text. `after` is the `next` of the page before. */
  findPatients(wanted: string, after: string | null): Promise<PatientsPage>;
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
  confirm(code: string): Promise<GuestLink>;
  open(onProgress?: OnProgress): Promise<OpenedGrant>;
  /** Wipe the keys. */
  close(): void;
}

/** What a letter is bound to. */
export interface LetterBound {
  readonly thread: Hex;
  readonly id: Hex;
}

/** An account whose keys are open in memory. Pages hold it between unlocking and signing in. */
export interface Unlocked {
  readonly account: Account;
  /** Wipe the keys. Signing out does it too. */
  lock(): void;
}

/** The accounts in this browser, and the wallets beside it. */
export interface Accounts {
  list(): Promise<readonly Account[]>;
  /** Whether passkeys can protect keys here (asked of the browser; an authenticator may still not). */
  passkeysPossible(): Promise<boolean>;
  /** New keys, encrypted here. The kit is shown once. With `wallet`, the wallet key stays outside and
   * only sealing key and root secret are made. */
  create(fresh: {
    readonly name: string;
    readonly protection: Protection;
    readonly wallet?: ConnectedWallet;
  }): Promise<{ readonly unlocked: Unlocked; readonly kit: RecoveryKit }>;
  /** `wallet` is needed for accounts whose wallet is outside. */
  unlock(id: string, protection: Protection, wallet?: ConnectedWallet): Promise<Unlocked>;
  /** From a recovery kit's QR code or typed groups. */
  importKit(
    text: string,
    fresh: { readonly name: string; readonly protection: Protection; readonly wallet?: ConnectedWallet },
  ): Promise<Unlocked>;
  /** What a kit's text is for, before anything is imported; throws what is wrong with it. */
  readKit(text: string): { readonly wallet: Account["wallet"]; readonly address: Hex };
  /** From a key file of the program `stele`. */
  importKeyFile(file: string, passphrase: string, protection: Protection): Promise<Unlocked>;
  /** Whose key file it is, without the passphrase; throws if it is none. */
  readKeyFile(file: string): { readonly name: string; readonly address: Hex };
  /** A key file for the program `stele`. For accounts whose wallet is in the app. */
  keyFile(unlocked: Unlocked, passphrase: string): Promise<Blob>;
  /** Show the kit again; asks for nothing more than an account that is unlocked. */
  kit(unlocked: Unlocked): RecoveryKit;
  /** Forget an account here. Without its kit its keys are lost. */
  remove(id: string): Promise<void>;
  /** Watch the wallets that announce themselves (EIP-6963). Returns how to stop. */
  discover(onChange: (wallets: readonly ExternalWallet[]) => void): () => void;
  /** Ask a wallet for its account. */
  connect(wallet: ExternalWallet): Promise<ConnectedWallet>;
}

/** Somebody who has signed in to a node. Ends when signed out here or in another tab. */
export interface Session {
  readonly address: Hex;
  readonly account: Account;
  readonly card: NodeCard;
  readonly who: Who;
  readonly expiresAt: number;
  /** Whether the directory has this account's sealing key: `stated`; not yet, as before the first
   * sign-in could state it: `missing`; or another one, made on another device: `other`. What is
   * sealed to the other one opens only with the recovery kit of that device. */
  readonly keyState: "stated" | "missing" | "other";
  readonly patient: PatientFlows;
  readonly staff: StaffFlows;
  readonly registrar: RegistrarFlows;
  readonly hospital: HospitalFlows;
  readonly audit: AuditFlows;
  /** Ask the node again what the wallet is now. */
  refresh(): Promise<Who>;
  directory(wallet: Hex): Promise<DirectoryLine>;
  act(id: Hex): Promise<ActView>;
  /** Have an act that waits for a low fee, or for the own wallet, carried by the hospital at once. */
  sendNow(act: Hex): Promise<ActView>;
  /** Have a wallet outside of the app send an act's transaction, and pay for it. */
  payOwn(act: Hex, call: OwnWalletCall, wallet: ExternalWallet): Promise<ActView>;
  /** Follow an act until it is final or failed; each change is reported. */
  follow(id: Hex, onChange: (act: ActView) => void, signal?: AbortSignal): Promise<ActView>;
  /** Wait until an act is in a block; final comes later. */
  settled(id: Hex, signal?: AbortSignal): Promise<ActView>;
  /** Any other route of the node, as this person: JSON in and out. */
  json<T>(method: "GET" | "POST" | "PUT" | "DELETE", path: string, body?: unknown, signal?: AbortSignal): Promise<T>;
  /** Any other route that takes or gives bytes. */
  bytes(method: "GET" | "POST", path: string, body?: Blob, onProgress?: OnProgress): Promise<Blob>;
  /** Seal a text to somebody whose key the directory has, and a copy to oneself. `thread` and `id` are
   * those of the letter, or of the slot and the appointment. */
  sealLetter(to: Hex, text: string, bound: LetterBound): Promise<{ readonly sealed: Hex; readonly sealedOwn: Hex }>;
  /** Open the caller's own envelope of a letter. */
  openLetter(letter: LetterBound & { readonly sealed: Hex }): Promise<string>;
  onBeforeSign(ask: BeforeSign | null): void;
  /** Called once when the session ends here, in another tab, or because the node forgot it. */
  onEnd(listener: (reason: "signed_out" | "other_tab" | "expired") => void): () => void;
  signOut(): Promise<void>;
}
