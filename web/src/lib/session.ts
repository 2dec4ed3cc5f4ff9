/** Signing in with EIP-4361, and what a signed-in person can do. */

import { getAddress } from "viem/utils";

import { Http, ok } from "./api/http";
import type { Method } from "./api/http";
import { actOf, cardOf, directoryOf, whoOf } from "./api/views";
import type { Schemas } from "./api/wire";
import * as audit from "./custody/audit";
import type { Context } from "./custody/context";
import { directory } from "./custody/context";
import { openLetter, sealLetter } from "./custody/letters";
import { guestOf, links, revokeLink, share } from "./custody/links";
import { readReason } from "./custody/opened";
import * as patient from "./custody/patient";
import * as staff from "./custody/staff";
import * as trail from "./custody/trail";
import { NodeError, NotTaken, SteleError, Unreachable, Wrong } from "./errors";
import { fromHex, toHex } from "./formats/bytes";
import { sealingKeyOf } from "./formats/key-statement";
import { openAccount } from "./keys/accounts";
import { send } from "./keys/outside";
import type { KeyRing } from "./keys/ring";
import type {
  AuditFlows, GuestFlows, HospitalFlows, PatientFlows, RegistrarFlows, Session, StaffFlows, Unlocked,
} from "./surface";
import type { Account, ActProgress, ActView, BeforeSign, ExternalWallet, Hex, NodeCard, OwnWalletCall, Who } from "./types";

/** How often an act is asked for while it is followed, milliseconds. */
const FOLLOW = 1000;
/** A block comes no sooner than this, and it takes many until one is final. */
const SLOT = 12_000;
/** How often a node that is busy or restarts is asked again. */
const PATIENCE = 30;
const BUSY: readonly number[] = [429, 502, 503, 504];
const CHANNEL = "stele";

type EndReason = "signed_out" | "other_tab" | "expired";
/** Told to other tabs when an account signs out. */
interface TabMessage {
  readonly address: Hex;
}

/** Host and port of the node, as this page knows it. */
function hostOf(base: string): string {
  return base === "" ? globalThis.location.host : new URL(base).host;
}

/** The message of EIP-4361. The domain is this page's own idea of whom it talks to, so that a node
 * cannot have a message signed that another node would take. */
export function signInMessage(host: string, challenge: Schemas["Challenge"], wallet: Hex): string {
  if (challenge.domain !== host) {
    throw new Wrong("sign-in", `the server calls itself ${challenge.domain}, which is not ${host}`, "other_domain");
  }
  const { uri, nonce, issued_at: issued, expires_at: expires, chain_id: chain } = challenge;
  if (![uri, nonce, issued, expires].every((text) => /^[\x21-\x7e]+$/.test(text))) {
    throw new Wrong("sign-in", "the challenge is malformed");
  }
  return [
    `${host} wants you to sign in with your Ethereum account:`, getAddress(wallet), "", "Sign in to Stele.", "",
    `URI: ${uri}`, "Version: 1", `Chain ID: ${chain}`, `Nonce: ${nonce}`, `Issued At: ${issued}`,
    `Expiration Time: ${expires}`,
  ].join("\n");
}

/** A node that knows who is calling. */
interface Connected {
  readonly context: Context;
  readonly expiresAt: number;
  setWho(who: Who): void;
}

async function connect(http: Http, keys: KeyRing): Promise<Connected> {
  const card = await nodeCard(http);
  const challenge = await ok(http.api.POST("/api/v1/session/nonce"));
  if (challenge.chain_id !== card.deployment.chainId) throw new Wrong("sign-in", "the challenge is for another chain");
  const message = signInMessage(hostOf(http.base), challenge, keys.address);
  const signature = await keys.signMessage(message, "SignIn");
  const signed = await ok(http.api.POST("/api/v1/session", { body: { message, signature } }));
  http.token = signed.token;
  let who = whoOf(signed.who);
  const context: Context = { http, keys, card, who: () => who };
  return { context, expiresAt: signed.expires_at, setWho: (now) => (who = now) };
}

export async function nodeCard(http: Http): Promise<NodeCard> {
  return cardOf(await ok(http.api.GET("/api/v1/node")));
}

/** Whether the directory has this account's sealing key. */
async function keyStateOf(context: Context): Promise<Session["keyState"]> {
  const { person } = await directory(context, context.keys.address);
  if (person === null || person === undefined) return "missing";
  const at = context.card.deployment;
  const key = sealingKeyOf(fromHex(person.statement, "key statement"), context.keys.address, at);
  return toHex(key) === toHex(context.keys.sealingPublic) ? "stated" : "other";
}

/** Sign in to a node; the page's own where none is named. The first sign-in states the sealing key. */
export async function signIn(
  unlocked: Unlocked,
  options: { readonly node?: string; readonly beforeSign?: BeforeSign } = {},
): Promise<Session> {
  const { account, ring } = openAccount(unlocked);
  ring.beforeSign = options.beforeSign ?? null;
  const connected = await connect(new Http(options.node ?? ""), ring);
  let keyState = await keyStateOf(connected.context);
  if (keyState === "missing") {
    const who = connected.context.who();
    // Anyone who signs in can read the directory: a patient's or guest's name is not for it.
    await staff.stateKey(connected.context, who.staff !== null || who.institution ? account.name : "");
    keyState = "stated";
  }
  return new Live(account, ring, connected, keyState);
}

/** Somebody who came by a link; `fragment` is what follows `#` in it. */
export function openLink(fragment: string, node = ""): GuestFlows {
  return guestOf(fragment, node, async (http, keys) => (await connect(http, keys)).context);
}

/** Loaded when somebody looks at it. */
const people = () => import("./custody/trusted");

class Live implements Session {
  readonly account: Account;
  readonly keyState: Session["keyState"];
  readonly #ring: KeyRing;
  readonly #connected: Connected;
  readonly #channel: BroadcastChannel;
  readonly #listeners = new Set<(reason: EndReason) => void>();
  #ended = false;

  constructor(account: Account, ring: KeyRing, connected: Connected, keyState: Session["keyState"]) {
    this.account = account;
    this.keyState = keyState;
    this.#ring = ring;
    this.#connected = connected;
    connected.context.http.onForgotten = () => this.#end("expired");
    this.#channel = new BroadcastChannel(CHANNEL);
    this.#channel.onmessage = ({ data }: MessageEvent<TabMessage>) => {
      if (data.address === this.address) this.#end("other_tab");
    };
    // A test's process must be able to end.
    (this.#channel as { unref?: () => void }).unref?.();
  }

  get #context(): Context { return this.#connected.context; }
  get address(): Hex { return this.#ring.address; }
  get card(): NodeCard { return this.#context.card; }
  get who(): Who { return this.#context.who(); }
  get expiresAt(): number { return this.#connected.expiresAt; }

  get patient(): PatientFlows {
    const c = this.#context;
    return {
      card: () => staff.patientCard(c),
      inbox: () => patient.inbox(c),
      open: (view, onProgress) => patient.openRecord(c, view, onProgress),
      approve: (record, label, terms) => patient.approve(c, record, label, terms),
      refuse: (view, reason) => patient.refuse(c, view, reason),
      records: () => patient.records(c),
      history: (record) => patient.history(c, record),
      requests: () => patient.requests(c),
      grants: () => patient.grants(c),
      grant: (wanted) => patient.grant(c, wanted),
      revoke: (grant) => patient.revoke(c, grant),
      trail: () => trail.trail(c),
      check: (entry) => trail.check(c, entry),
      exportAll: async (onProgress) => (await import("./custody/export")).exportAll(c, onProgress),
      proof: async (record, parts) => (await import("./custody/export")).proof(c, record, parts),
      erase: (record) => patient.erase(c, record),
      share: (wanted) => share(c, wanted),
      links: () => links(c),
      revokeLink: (link) => revokeLink(c, link),
      trusted: async () => (await people()).trusted(c),
      trust: async (fresh, onProgress) => (await people()).trust(c, fresh, this.account.name, onProgress),
      extendTrusted: async (onProgress) => (await people()).extend(c, onProgress),
      distrust: async (wallet, onProgress) => (await people()).distrust(c, wallet, onProgress),
    };
  }

  get staff(): StaffFlows {
    const c = this.#context;
    return {
      invitation: () => staff.invitation(c),
      acceptInvitation: () => staff.acceptInvitation(c),
      stateKey: (name) => staff.stateKey(c, name),
      patients: () => staff.patients(c),
      findPatients: (wanted, after) => staff.findPatients(c, wanted, after),
      enrol: (demographics, card) => staff.enrol(c, demographics, card),
      upload: (fresh, key, onProgress) => staff.upload(c, fresh, key, onProgress),
      uploadSealed: (fresh, key, onProgress) => staff.uploadSealed(c, fresh, key, onProgress),
      drafts: () => staff.drafts(c),
      sign: (draft) => staff.sign(c, draft),
      authored: () => staff.authored(c),
      readRefusal: (view) => readReason(c, view),
      request: (wanted) => staff.request(c, wanted),
      requests: () => patient.requests(c),
      grants: () => staff.received(c),
      open: (grant) => staff.open(c, grant),
    };
  }

  get registrar(): RegistrarFlows {
    return { setInstitution: (institution, active) => staff.setInstitution(this.#context, institution, active) };
  }

  get hospital(): HospitalFlows {
    const c = this.#context;
    return {
      invite: (wallet, role) => staff.invite(c, wallet, role),
      setStaff: (wallet, role, active) => staff.setStaff(c, wallet, role, active),
    };
  }

  get audit(): AuditFlows {
    const c = this.#context;
    return {
      verify: (span, onProgress) => audit.verify(c, span, onProgress),
      signReport: (report) => audit.signReport(c, report),
      async anchor() {
        const { size, root, act } = await ok(c.http.api.POST("/api/v1/log/anchor"));
        return { size, root: root as Hex, act: act === null || act === undefined ? null : actOf(act) };
      },
    };
  }

  async refresh(): Promise<Who> {
    const who = whoOf(await ok(this.#context.http.api.GET("/api/v1/session")));
    this.#connected.setWho(who);
    return who;
  }

  async directory(wallet: Hex) {
    return directoryOf(wallet, await directory(this.#context, wallet));
  }

  async act(id: Hex): Promise<ActView> {
    return actOf(await ok(this.#context.http.api.GET("/api/v1/acts/{id}", { params: { path: { id } } })));
  }

  async sendNow(id: Hex): Promise<ActView> {
    return actOf(await this.json("POST", `/api/v1/acts/${id}/send-now`, {}));
  }

  async payOwn(id: Hex, call: OwnWalletCall, wallet: ExternalWallet): Promise<ActView> {
    const { deployment } = this.card;
    const contracts: readonly string[] = Object.values(deployment.contracts);
    if (call.chainId !== deployment.chainId || !contracts.includes(call.to)) {
      throw new Wrong("transaction", "it is for another contract than Stele's", "other_deployment");
    }
    const tx = await send(wallet, call);
    for (let failures = 1; ; failures++) {
      try {
        return actOf(await this.json("POST", `/api/v1/acts/${id}/sent`, { tx }));
      } catch (error) {
        // The hospital's Ethereum node hears of it a moment after the wallet's.
        const early = error instanceof NodeError && (error.status === 404 || BUSY.includes(error.status));
        if (!early || failures === PATIENCE) throw error;
        await new Promise((resolve) => setTimeout(resolve, FOLLOW));
      }
    }
  }

  follow(id: Hex, onChange: (act: ActView) => void, signal?: AbortSignal): Promise<ActView> {
    return this.#until(["final"], id, onChange, signal);
  }

  settled(id: Hex, signal?: AbortSignal): Promise<ActView> {
    return this.#until(["included", "final"], id, () => {}, signal);
  }

  async #until(
    ends: readonly ActProgress[],
    id: Hex,
    onChange: (act: ActView) => void,
    signal?: AbortSignal,
  ): Promise<ActView> {
    let before = "";
    for (;;) {
      signal?.throwIfAborted();
      const act = await this.#patiently(() => this.act(id));
      if (act.progress !== before) onChange(act);
      before = act.progress;
      if (ends.includes(act.progress)) return act;
      if (act.progress === "withdrawn") return act;
      if (act.progress === "failed") throw new NotTaken(act.name, act.error ?? "no reason given");
      await new Promise((resolve) => setTimeout(resolve, act.progress === "included" ? SLOT : FOLLOW));
    }
  }

  /** Ask again while the node is busy, restarts or cannot be reached. */
  async #patiently<T>(ask: () => Promise<T>): Promise<T> {
    for (let failures = 1; ; failures++) {
      try {
        return await ask();
      } catch (error) {
        const passing = error instanceof Unreachable || (error instanceof NodeError && BUSY.includes(error.status));
        if (!passing || failures === PATIENCE) throw error;
        const wait = error instanceof NodeError ? (error.retryAfter ?? 1) : 1;
        await new Promise((resolve) => setTimeout(resolve, wait * FOLLOW));
      }
    }
  }

  json<T>(method: Method, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
    return this.#context.http.json<T>(method, path, body, signal);
  }

  bytes(...[method, path, body, onProgress]: Parameters<Session["bytes"]>): Promise<Blob> {
    return this.#context.http.blob(method, path, body, onProgress);
  }

  sealLetter(...[to, text, bound]: Parameters<Session["sealLetter"]>) {
    return sealLetter(this.#context, to, text, bound);
  }

  openLetter(letter: Parameters<Session["openLetter"]>[0]): Promise<string> {
    return openLetter(this.#context, letter);
  }

  onBeforeSign(ask: BeforeSign | null): void {
    this.#ring.beforeSign = ask;
  }

  onEnd(listener: (reason: EndReason) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async signOut(): Promise<void> {
    if (this.#ended) return;
    const message: TabMessage = { address: this.address };
    this.#channel.postMessage(message);
    try {
      await ok(this.#context.http.api.DELETE("/api/v1/session"));
    } catch (error) {
      // The keys go whether or not the node could be told.
      if (!(error instanceof SteleError)) throw error;
    } finally {
      this.#end("signed_out");
    }
  }

  #end(reason: EndReason): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#ring.wipe();
    this.#connected.context.http.token = null;
    this.#channel.close();
    for (const listener of this.#listeners) listener(reason);
  }
}
