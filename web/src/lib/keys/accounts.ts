/** The accounts of this browser: keys encrypted in IndexedDB, under a passphrase or a passkey. */

import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import { openDB } from "idb";
import type { DBSchema, IDBPDatabase } from "idb";

import { BadInput, WalletError } from "../errors";
import { random, toHex, utf8, wipe } from "../formats/bytes";
import type { Accounts, Unlocked } from "../surface";
import type { Account, Protection, RecoveryKit } from "../types";
import { engineOf } from "../worker";
import type { ScryptCost } from "../worker/engine";
import { openKeyFile, readKeyFile, writeKeyFile } from "./key-file";
import { kitOf, readKit } from "./kit";
import { connect, discover } from "./outside";
import type { ConnectedWallet } from "./outside";
import { makePasskey, passkeysPossible, usePasskey } from "./passkey";
import type { Passkey } from "./passkey";
import { KeyRing } from "./ring";

/** 128 MiB and about a second: what OWASP recommends for scrypt. */
const COST: ScryptCost = { N: 2 ** 17, r: 8, p: 1 };
const LEAST_PASSPHRASE = 8;
const LONGEST_NAME = 200;

/** How an account's key is made again. */
type Lock =
  | { readonly kind: "passphrase"; readonly salt: Uint8Array; readonly cost: ScryptCost }
  | ({ readonly kind: "passkey" } & Passkey);

interface Stored {
  readonly account: Account;
  readonly lock: Lock;
  readonly nonce: Uint8Array;
  readonly sealed: Uint8Array;
}

interface Schema extends DBSchema {
  accounts: { key: string; value: Stored & { readonly id: string } };
}

let database: Promise<IDBPDatabase<Schema>> | null = null;

function store(): Promise<IDBPDatabase<Schema>> {
  database ??= openDB<Schema>("stele", 1, {
    upgrade(db) {
      db.createObjectStore("accounts", { keyPath: "id" });
    },
    // A newer version of the app in another tab must be able to change the database.
    blocking() {
      void database?.then((db) => db.close());
      database = null;
    },
  });
  return database;
}

/** An account and its open keys. For this library; pages see {@link Unlocked}. */
export class OpenAccount implements Unlocked {
  readonly account: Account;
  readonly ring: KeyRing;

  constructor(account: Account, ring: KeyRing) {
    this.account = account;
    this.ring = ring;
  }

  lock(): void {
    this.ring.wipe();
  }
}

/** The open account that a page hands back. */
export function openAccount(unlocked: Unlocked): OpenAccount {
  if (!(unlocked instanceof OpenAccount)) throw new BadInput("account", "unlock the account first");
  return unlocked;
}

/** Bound to the seal: name and address cannot be exchanged. */
const associated = ({ address, name }: Account): Uint8Array => utf8(`stele account 1\n${address}\n${name}`);

async function newLock(protection: Protection, name: string): Promise<{ readonly lock: Lock; readonly key: Uint8Array }> {
  if (protection.kind === "passkey") {
    const { passkey, key } = await makePasskey(name);
    return { lock: { kind: "passkey", ...passkey }, key };
  }
  if (protection.passphrase.length < LEAST_PASSPHRASE) {
    throw new BadInput("passphrase", `at least ${LEAST_PASSPHRASE} characters`, "Four random words are easy to remember.");
  }
  const salt = random(16);
  const key = await (await engineOf()).scrypt(protection.passphrase.normalize("NFKC"), salt, COST);
  return { lock: { kind: "passphrase", salt, cost: COST }, key };
}

async function keyFor(lock: Lock, protection: Protection): Promise<Uint8Array> {
  if (lock.kind !== protection.kind) {
    throw new WalletError("wrong_passphrase", `This account is under a ${lock.kind}.`, `Use the ${lock.kind}.`);
  }
  if (lock.kind === "passkey") return usePasskey(lock);
  const passphrase = protection.kind === "passphrase" ? protection.passphrase : "";
  return (await engineOf()).scrypt(passphrase.normalize("NFKC"), lock.salt, lock.cost);
}

async function keep(name: string, ring: KeyRing, protection: Protection): Promise<OpenAccount> {
  const label = name.trim();
  if (label === "" || utf8(label).length > LONGEST_NAME) throw new BadInput("name", `1 to ${LONGEST_NAME} bytes`);
  const account: Account = {
    // One account for each wallet: importing again replaces what is there.
    id: ring.address,
    name: label,
    address: ring.address,
    protection: protection.kind,
    wallet: ring.external ? "extension" : "app",
    createdAt: Math.floor(Date.now() / 1000),
  };
  const { lock, key } = await newLock(protection, label);
  const nonce = random(24);
  const secrets = ring.toBytes();
  const sealed = xchacha20poly1305(key, nonce, associated(account)).encrypt(secrets);
  wipe(key, secrets);
  await (await store()).put("accounts", { id: account.id, account, lock, nonce, sealed });
  return new OpenAccount(account, ring);
}

async function load(id: string): Promise<Stored> {
  const stored = await (await store()).get("accounts", id);
  if (stored === undefined) throw new WalletError("no_account", "This account is not in this browser.", "Import its recovery kit.");
  return stored;
}

/** The wallet that an account outside of the app needs. */
function outsideFor(account: Pick<Account, "wallet" | "address">, wallet?: ConnectedWallet): ConnectedWallet | undefined {
  if (account.wallet === "app") return undefined;
  if (wallet === undefined) throw new WalletError("no_wallet", "This account's wallet is outside of the app.", "Connect it first.");
  if (wallet.address !== account.address) {
    throw new WalletError("other_account", "The wallet shows another account.", `Choose ${account.address} in the wallet.`);
  }
  return wallet;
}

async function unlock(id: string, protection: Protection, wallet?: ConnectedWallet): Promise<OpenAccount> {
  const { account, lock, nonce, sealed } = await load(id);
  const outside = outsideFor(account, wallet);
  const key = await keyFor(lock, protection);
  let secrets: Uint8Array;
  try {
    secrets = xchacha20poly1305(key, nonce, associated(account)).decrypt(sealed);
  } catch {
    throw new WalletError("wrong_passphrase", "That does not open this account.", "Try again, or use the recovery kit.");
  } finally {
    wipe(key);
  }
  const ring = KeyRing.fromBytes(secrets, outside);
  wipe(secrets);
  if (ring.address !== account.address) throw new WalletError("damaged", "The keys are of another account.");
  return new OpenAccount(account, ring);
}

function kit(unlocked: Unlocked): RecoveryKit {
  const { account, ring } = openAccount(unlocked);
  const secrets = ring.toBytes();
  const made = kitOf(account, secrets);
  wipe(secrets);
  return made;
}

/** The accounts of this browser. */
export const accounts: Accounts = {
  async list() {
    const all = await (await store()).getAll("accounts");
    return all.map((stored) => stored.account).sort((a, b) => b.createdAt - a.createdAt);
  },
  passkeysPossible,
  async create({ name, protection, wallet }) {
    if (wallet !== undefined && (await (await store()).get("accounts", wallet.address)) !== undefined) {
      throw new WalletError("other_account", "This wallet has an account here already.", "Unlock it instead.");
    }
    const unlocked = await keep(name, KeyRing.generate(wallet), protection);
    return { unlocked, kit: kit(unlocked) };
  },
  unlock,
  async importKit(text, { name, protection, wallet }) {
    const content = readKit(text);
    const ring = KeyRing.fromBytes(content.secrets, outsideFor(content, wallet));
    wipe(content.secrets);
    return keep(name, ring, protection);
  },
  readKit(text) {
    const { wallet, address, secrets } = readKit(text);
    wipe(secrets);
    return { wallet, address };
  },
  async importKeyFile(file, passphrase, protection) {
    const { name, address } = readKeyFile(file);
    const secrets = await openKeyFile(file, passphrase);
    const ring = KeyRing.fromBytes(secrets);
    wipe(secrets);
    if (ring.address !== address) throw new WalletError("damaged", "The file names another address than its keys have.");
    return keep(name.trim() === "" ? toHex(random(4)) : name, ring, protection);
  },
  readKeyFile,
  async keyFile(unlocked, passphrase) {
    const { account, ring } = openAccount(unlocked);
    return new Blob([await writeKeyFile(ring, account.name, passphrase)], { type: "application/json" });
  },
  kit,
  async remove(id) {
    await (await store()).delete("accounts", id);
  },
  discover,
  connect,
};

