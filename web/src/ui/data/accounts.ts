/** Keys on this device, for the pages before and beside the session. */
import {
  type Account,
  accounts as store,
  type AuditReport,
  type ExternalWallet,
  type GuestFlows,
  node,
  openLink as openGuestLink,
  type ProofVerdict,
  type Protection,
  type RecoveryKit,
  type Session,
  type SignedReport,
  signIn as enter,
  type Unlocked,
  verifyProofFile,
  verifyReport,
} from "../../lib";

type Kind = Protection["kind"];

function protection(kind: Kind, passphrase: string): Protection {
  return kind === "passkey" ? { kind } : { kind, passphrase };
}

export const nodeCard = () => node();

export const accounts = () => store.list();

export const passkeysPossible = () => store.passkeysPossible();

let found: readonly ExternalWallet[] = [];

export const wallets = (): readonly ExternalWallet[] => found;

/** Wallets announce themselves; the list grows while the page is looked at. */
export function watchWallets(watch: () => void): () => void {
  return store.discover((now) => {
    found = now;
    watch();
  });
}

/** Sign in with keys that were opened for it; they do not stay open when that fails. */
async function session(unlocked: Unlocked): Promise<Session> {
  try {
    return await enter(unlocked);
  } catch (error) {
    unlocked.lock();
    throw error;
  }
}

/** The wallet of an account whose keys are in a browser extension. */
async function outside(account: Account) {
  if (account.wallet === "app") return undefined;
  for (const wallet of found) {
    const connected = await store.connect(wallet);
    if (connected.address === account.address) return connected;
  }
  return undefined;
}

export async function signIn(account: Account, passphrase: string): Promise<Session> {
  return session(await store.unlock(account.id, protection(account.protection, passphrase), await outside(account)));
}

/** Keys that were made in this form: whoever holds them signs in, or locks them. */
export interface Fresh {
  unlocked: Unlocked;
  kit: RecoveryKit;
}

export const enterFresh = (fresh: Fresh): Promise<Session> => enter(fresh.unlocked);

export const create = (name: string, kind: Kind, passphrase: string): Promise<Fresh> => store.create({ name, protection: protection(kind, passphrase) });

export async function fromKit(text: string, name: string, kind: Kind, passphrase: string): Promise<Session> {
  const { wallet, address } = store.readKit(text);
  const outer = wallet === "extension" ? await outside({ wallet, address } as Account) : undefined;
  return session(await store.importKit(text, { name, protection: protection(kind, passphrase), ...(outer ? { wallet: outer } : {}) }));
}

export async function fromKeyFile(file: string, filePassphrase: string, kind: Kind, passphrase: string): Promise<Session> {
  return session(await store.importKeyFile(file, filePassphrase, protection(kind, passphrase)));
}

/** Connect a wallet of the browser: sign in, or, when its second key is new here, hand that key over with its kit first. */
export async function enterWith(wallet: ExternalWallet, kind: Kind, passphrase: string): Promise<{ session: Session } | { fresh: Fresh }> {
  const connected = await store.connect(wallet);
  const known = (await store.list()).find((account) => account.address === connected.address);
  if (known) return { session: await session(await store.unlock(known.id, protection(known.protection, passphrase), connected)) };
  return { fresh: await store.create({ name: wallet.name, protection: protection(kind, passphrase), wallet: connected }) };
}

export const forget = (account: Account) => store.remove(account.id);

export async function kitOf(account: Account, passphrase: string): Promise<RecoveryKit> {
  const unlocked = await store.unlock(account.id, protection(account.protection, passphrase), await outside(account));
  const kit = store.kit(unlocked);
  unlocked.lock();
  return kit;
}

export const openLink = (fragment: string): GuestFlows => openGuestLink(fragment.replace(/^#/, ""));

export type Checked = { kind: "report"; signed: SignedReport; report: AuditReport } | { kind: "proof"; verdict: ProofVerdict };

/** An auditor's report or a proof file, whichever it is. */
export async function check(file: File): Promise<Checked> {
  if (/\.json$/i.test(file.name)) {
    const signed = JSON.parse(await file.text()) as SignedReport;
    return { kind: "report", signed, report: verifyReport(signed) };
  }
  return { kind: "proof", verdict: await verifyProofFile(file) };
}
