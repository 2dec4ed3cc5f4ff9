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

/** Keys that were opened a moment ago, so that nobody types the passphrase twice in a row. */
const open = new Map<string, Unlocked>();

async function session(unlocked: Unlocked): Promise<Session> {
  open.delete(unlocked.account.id);
  try {
    return await enter(unlocked);
  } catch (error) {
    open.set(unlocked.account.id, unlocked);
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
  const unlocked = open.get(account.id) ?? (await store.unlock(account.id, protection(account.protection, passphrase), await outside(account)));
  return session(unlocked);
}

export async function create(name: string, kind: Kind, passphrase: string): Promise<{ account: Account; kit: RecoveryKit }> {
  const { unlocked, kit } = await store.create({ name, protection: protection(kind, passphrase) });
  open.set(unlocked.account.id, unlocked);
  return { account: unlocked.account, kit };
}

function kept(unlocked: Unlocked): Account {
  open.set(unlocked.account.id, unlocked);
  return unlocked.account;
}

export async function fromKit(text: string, name: string, kind: Kind, passphrase: string): Promise<Account> {
  const { wallet, address } = store.readKit(text);
  const outer = wallet === "extension" ? await outside({ wallet, address } as Account) : undefined;
  return kept(await store.importKit(text, { name, protection: protection(kind, passphrase), ...(outer ? { wallet: outer } : {}) }));
}

export async function fromKeyFile(file: string, filePassphrase: string, kind: Kind, passphrase: string): Promise<Account> {
  return kept(await store.importKeyFile(file, filePassphrase, protection(kind, passphrase)));
}

/** Sign in with a wallet of the browser; a kit is made when its second key is new here. */
export async function enterWith(wallet: ExternalWallet, kind: Kind, passphrase: string): Promise<{ session: Session; kit: RecoveryKit | null }> {
  const connected = await store.connect(wallet);
  const known = (await store.list()).find((account) => account.address === connected.address);
  if (known) return { session: await session(await store.unlock(known.id, protection(known.protection, passphrase), connected)), kit: null };
  const { unlocked, kit } = await store.create({ name: wallet.name, protection: protection(kind, passphrase), wallet: connected });
  return { session: await session(unlocked), kit };
}

export const forget = (account: Account) => store.remove(account.id);

export async function kitOf(account: Account, passphrase: string): Promise<RecoveryKit> {
  const unlocked = await store.unlock(account.id, protection(account.protection, passphrase), await outside(account));
  const kit = store.kit(unlocked);
  unlocked.lock();
  return kit;
}

export async function keyFileOf(account: Account, passphrase: string): Promise<Blob> {
  const unlocked = await store.unlock(account.id, protection(account.protection, passphrase));
  const file = await store.keyFile(unlocked, passphrase);
  unlocked.lock();
  return file;
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
