/** Keys: accounts under a passphrase, recovery kits, key files, wallets outside, signing in. */

import "fake-indexeddb/auto";

import { beforeEach, describe, expect, it } from "vitest";

import { accounts, BadInput, WalletError } from "../src/lib";
import type { ExternalWallet } from "../src/lib";
import { fromHex, random, toHex } from "../src/lib/formats/bytes";
import { addressOf, digestOf, personalDigest, signDigest, signerOf, typedData } from "../src/lib/formats/eip712";
import type { TypedData } from "../src/lib/formats/eip712";
import { OpenAccount, openAccount } from "../src/lib/keys/accounts";
import { readKit } from "../src/lib/keys/kit";
import { connect, discover } from "../src/lib/keys/outside";
import { KeyRing } from "../src/lib/keys/ring";
import { signInMessage } from "../src/lib/session";
import type { Deployment, Hex } from "../src/lib/types";

const passphrase = { kind: "passphrase", passphrase: "four random words here" } as const;
const address = (byte: string): Hex => `0x${byte.repeat(20)}`;
const at: Deployment = {
  chainId: 31337,
  contracts: { registry: address("01"), records: address("02"), consents: address("03"), log: address("04") },
};
const revoke = { kind: "Revoke", fields: { controller: address("05"), id: `0x${"06".repeat(32)}` } } as const;

/** A wallet with a real key that announces itself as EIP-6963 says. */
function wallet(name: string, chain = at.chainId, refuse = false) {
  const key = random(32);
  const own = addressOf(key);
  const asked: string[] = [];
  let current = 1;
  const provider = {
    request({ method, params = [] }: { method: string; params?: readonly unknown[] }): Promise<unknown> {
      asked.push(method);
      if (refuse && /sign/i.test(method)) return Promise.reject(Object.assign(new Error("no"), { code: 4001 }));
      const first = String(params[0]);
      switch (method) {
        case "eth_requestAccounts": return Promise.resolve([own]);
        case "eth_chainId": return Promise.resolve(`0x${current.toString(16)}`);
        case "wallet_switchEthereumChain":
          current = Number((params[0] as { chainId: string }).chainId);
          return current === chain ? Promise.resolve(null) : Promise.reject(Object.assign(new Error("?"), { code: 4902 }));
        case "personal_sign":
          return Promise.resolve(signDigest(personalDigest(Buffer.from(first.slice(2), "hex").toString()), key));
        case "eth_signTypedData_v4": {
          const data = JSON.parse(String(params[1])) as TypedData;
          expect(Object.keys(data.types)).toContain("EIP712Domain");
          const types = Object.fromEntries(Object.entries(data.types).filter(([name]) => name !== "EIP712Domain"));
          return Promise.resolve(signDigest(digestOf({ ...data, types }), key));
        }
        default: return Promise.reject(new Error(`unknown method ${method}`));
      }
    },
  };
  const info = { uuid: crypto.randomUUID(), name, icon: "data:image/svg+xml,<svg/>", rdns: "org.example" };
  const announce = (): void => {
    globalThis.dispatchEvent(Object.assign(new Event("eip6963:announceProvider"), { detail: { info, provider } }));
  };
  return { own, asked, announce, info };
}

// Node has no window; its own event target stands in for it.
const events = new EventTarget();
Object.assign(globalThis, {
  addEventListener: events.addEventListener.bind(events),
  removeEventListener: events.removeEventListener.bind(events),
  dispatchEvent: events.dispatchEvent.bind(events),
});

async function connected(made: ReturnType<typeof wallet>) {
  let found: readonly ExternalWallet[] = [];
  const stop = discover((all) => (found = all));
  made.announce();
  stop();
  const one = found.find((w) => w.id === made.info.uuid);
  if (one === undefined) throw new Error("the wallet was not found");
  return connect(one);
}

beforeEach(async () => {
  for (const { id } of await accounts.list()) await accounts.remove(id);
});

describe("accounts", () => {
  it("keeps keys encrypted and opens them with the right passphrase alone", async () => {
    const { unlocked } = await accounts.create({ name: "Maria", protection: passphrase });
    const ring = toHex(openAccount(unlocked).ring.toBytes());
    const stored = JSON.stringify(await dump(), (_, v: unknown) => (v instanceof Uint8Array ? toHex(v) : v));
    for (let from = 2; from + 16 <= ring.length; from += 16) expect(stored).not.toContain(ring.slice(from, from + 16));
    expect(stored).not.toContain(passphrase.passphrase);
    const again = await accounts.unlock(unlocked.account.id, passphrase);
    expect(toHex(openAccount(again).ring.toBytes())).toBe(ring);
    const wrong = { ...passphrase, passphrase: "four random words hers" };
    await expect(accounts.unlock(unlocked.account.id, wrong)).rejects.toThrow(expect.objectContaining({ code: "wrong_passphrase" }));
    await expect(accounts.unlock("nobody", passphrase)).rejects.toThrow(expect.objectContaining({ code: "no_account" }));
    await expect(accounts.create({ name: "x", protection: { ...passphrase, passphrase: "short" } })).rejects.toThrow(BadInput);
    await expect(accounts.create({ name: " ", protection: passphrase })).rejects.toThrow(BadInput);
  });

  it("notices that a stored name was exchanged", async () => {
    const { unlocked } = await accounts.create({ name: "Maria", protection: passphrase });
    await rename(unlocked.account.id, "Mallory");
    await expect(accounts.unlock(unlocked.account.id, passphrase)).rejects.toThrow(expect.objectContaining({ code: "wrong_passphrase" }));
  });

  it("wipes keys", () => {
    const ring = KeyRing.generate();
    ring.wipe();
    expect(() => ring.toBytes()).toThrow(expect.objectContaining({ code: "locked" }));
    expect(() => ring.sealingPublic).toThrow(WalletError);
    expect(() => ring.controller(0)).toThrow(WalletError);
  });

  it("signs nothing when the person says no", async () => {
    const ring = KeyRing.generate();
    ring.beforeSign = () => false;
    await expect(ring.sign(at, revoke)).rejects.toThrow(expect.objectContaining({ code: "cancelled" }));
    await expect(ring.controller(3).sign(at, revoke)).rejects.toThrow(expect.objectContaining({ code: "cancelled" }));
    ring.beforeSign = null;
    expect(signerOf(digestOf(typedData(at, revoke)), await ring.sign(at, revoke))).toBe(ring.address);
  });

  /** All that is in the database. */
  async function dump(): Promise<unknown[]> {
    return withStore("readonly", (store) => store.getAll());
  }
  async function rename(id: string, name: string): Promise<void> {
    const stored = (await withStore("readonly", (store) => store.get(id))) as { account: { name: string } };
    await withStore("readwrite", (store) => store.put({ ...stored, account: { ...stored.account, name } }));
  }
  function withStore<T>(mode: IDBTransactionMode, act: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const opening = indexedDB.open("stele");
      opening.onsuccess = () => {
        const request = act(opening.result.transaction("accounts", mode).objectStore("accounts"));
        request.onsuccess = () => {
          opening.result.close();
          resolve(request.result);
        };
        request.onerror = () => reject(new Error("the database failed"));
      };
    });
  }
});

describe("recovery kits", () => {
  it("restore an account from the QR code and from typed groups", async () => {
    const { unlocked, kit } = await accounts.create({ name: "Maria", protection: passphrase });
    const ring = toHex(openAccount(unlocked).ring.toBytes());
    await accounts.remove(unlocked.account.id);
    const other = { kind: "passphrase", passphrase: "another device's words" } as const;
    const scanned = await accounts.importKit(kit.qr, { name: "Maria", protection: other });
    expect(toHex(openAccount(scanned).ring.toBytes())).toBe(ring);
    const typed = readKit(kit.words.join("-").toLowerCase());
    expect([typed.wallet, typed.address, toHex(typed.secrets)]).toEqual(["app", unlocked.account.address, ring]);
    // QR codes hold upper-case letters, digits and the colon densely.
    expect(kit.qr).toMatch(/^[0-9A-Z:]+$/);
  });

  it("refuse a mistyped group", async () => {
    const { kit } = await accounts.create({ name: "Maria", protection: passphrase });
    for (let i = 0; i < kit.words.length; i++) {
      const words = kit.words.map((word, j) => (i === j ? word.replace(/^./, (c) => (c === "A" ? "B" : "A")) : word));
      expect(() => accounts.readKit(words.join(" "))).toThrow(BadInput);
    }
    expect(() => accounts.readKit(kit.words.slice(1).join(" "))).toThrow(BadInput);
    expect(() => accounts.readKit("hello")).toThrow(BadInput);
  });
});

describe("key files", () => {
  it("are written and read", async () => {
    const { unlocked } = await accounts.create({ name: "Asha Rao", protection: passphrase });
    const ring = toHex(openAccount(unlocked).ring.toBytes());
    const file = await (await accounts.keyFile(unlocked, "demo")).text();
    expect(accounts.readKeyFile(file)).toEqual({ name: "Asha Rao", address: unlocked.account.address });
    await expect(accounts.importKeyFile(file, "wrong", passphrase)).rejects.toThrow(expect.objectContaining({ code: "wrong_passphrase" }));
    const other = file.replace('"Asha Rao"', '"Mallory X"');
    await expect(accounts.importKeyFile(other, "demo", passphrase)).rejects.toThrow(expect.objectContaining({ code: "wrong_passphrase" }));
    const read = await accounts.importKeyFile(file, "demo", passphrase);
    expect(toHex(openAccount(read).ring.toBytes())).toBe(ring);
  });

  it("refuses what is no key file, or asks for too much", async () => {
    for (const text of ["", "{}", "null", "[]", "x".repeat(20_000), '{"stele_key":2}', '{"stele_key":1,"public":null}']) {
      expect(() => accounts.readKeyFile(text)).toThrow(BadInput);
    }
    const { unlocked } = await accounts.create({ name: "A", protection: passphrase });
    const file = await (await accounts.keyFile(unlocked, "demo")).text();
    expect(() => accounts.readKeyFile(file.replace('"memory_kib": 65536', '"memory_kib": 99999999'))).toThrow(/memory/);
  });
});

describe("wallets outside", () => {
  it("announce themselves, sign statements and messages, and switch the network", async () => {
    const outside = wallet("Test wallet");
    const one = await connected(outside);
    const { unlocked, kit } = await accounts.create({ name: "Nikos", protection: passphrase, wallet: one });
    expect([unlocked.account.wallet, unlocked.account.address]).toEqual(["extension", outside.own]);
    const { ring } = openAccount(unlocked);
    const asked: boolean[] = [];
    ring.beforeSign = (ask) => asked.push(ask.external) > 0;
    expect(signerOf(digestOf(typedData(at, revoke)), await ring.sign(at, revoke))).toBe(outside.own);
    expect(signerOf(personalDigest("hello"), await ring.signMessage("hello", "SignIn"))).toBe(outside.own);
    expect(asked).toEqual([true, true]);
    expect(outside.asked).toContain("wallet_switchEthereumChain");
    expect(accounts.readKit(kit.qr)).toEqual({ wallet: "extension", address: outside.own });
    await expect(accounts.unlock(outside.own, passphrase)).rejects.toThrow(expect.objectContaining({ code: "no_wallet" }));
    const stranger = await connected(wallet("Another"));
    await expect(accounts.unlock(outside.own, passphrase, stranger)).rejects.toThrow(expect.objectContaining({ code: "other_account" }));
    const back = await accounts.unlock(outside.own, passphrase, one);
    expect(toHex(openAccount(back).ring.sealingPublic)).toBe(toHex(ring.sealingPublic));
    await expect(accounts.keyFile(unlocked, "demo")).rejects.toThrow(WalletError);
  });

  it("may refuse, or not know the network", async () => {
    const no = await connected(wallet("Refuses", at.chainId, true));
    const { unlocked } = await accounts.create({ name: "N", protection: passphrase, wallet: no });
    await expect(openAccount(unlocked).ring.signMessage("x", "SignIn")).rejects.toThrow(expect.objectContaining({ code: "cancelled" }));
    const far = await connected(wallet("Elsewhere", 5));
    const other = await accounts.create({ name: "M", protection: passphrase, wallet: far });
    await expect(openAccount(other.unlocked).ring.sign(at, revoke)).rejects.toThrow(/network/);
  });

  it("what announces nonsense is passed over", () => {
    let found: readonly ExternalWallet[] = [];
    const stop = discover((all) => (found = all));
    for (const detail of [null, {}, { info: {} }, { info: { uuid: "1", name: "x" }, provider: {} }]) {
      globalThis.dispatchEvent(Object.assign(new Event("eip6963:announceProvider"), { detail }));
    }
    const evil = { info: { uuid: "2", name: "y", icon: "https://example.org/track.png", rdns: "" }, provider: { request: () => Promise.resolve() } };
    globalThis.dispatchEvent(Object.assign(new Event("eip6963:announceProvider"), { detail: evil }));
    stop();
    expect(found).toEqual([{ id: "2", name: "y", icon: "", rdns: "" }]);
  });
});

describe("signing in", () => {
  const challenge = {
    domain: "hospital.example", uri: "https://hospital.example", chain_id: 31337, nonce: "abcdef0123456789",
    issued_at: "2026-01-01T00:00:00Z", expires_at: "2026-01-01T00:05:00Z",
  };
  it("names the host that the page is on, and no other", () => {
    const message = signInMessage("hospital.example", challenge, "0x7e5f4552091a69125d5dfcb7b8c2659029395bdf");
    expect(message).toBe(
      "hospital.example wants you to sign in with your Ethereum account:\n0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf\n\n" +
        "Sign in to Stele.\n\nURI: https://hospital.example\nVersion: 1\nChain ID: 31337\nNonce: abcdef0123456789\n" +
        "Issued At: 2026-01-01T00:00:00Z\nExpiration Time: 2026-01-01T00:05:00Z",
    );
    expect(() => signInMessage("phishing.example", challenge, address("01"))).toThrow(/calls itself/);
    const bent = { ...challenge, nonce: "x\nURI: https://elsewhere.example" };
    expect(() => signInMessage("hospital.example", bent, address("01"))).toThrow(/malformed/);
  });
});

it("an account is what this library made", () => {
  const account = { id: "x", name: "x", address: address("01"), protection: "passphrase", wallet: "app", createdAt: 0 } as const;
  expect(() => openAccount({ account, lock: () => {} })).toThrow(BadInput);
  expect(openAccount(new OpenAccount(account, KeyRing.generate())).account).toBe(account);
  expect(fromHex("0x00", "x")).toHaveLength(1);
});
