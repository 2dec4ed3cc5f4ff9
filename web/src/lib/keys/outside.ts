/** Wallets outside of the app: EIP-6963 discovery, EIP-1193 requests. */

import { getAddress } from "viem/utils";

import { DOMAIN_TYPE } from "../acts/statements";
import { WalletError } from "../errors";
import { address20, fromHex, hash32, toHex, utf8 } from "../formats/bytes";
import type { TypedData } from "../formats/eip712";
import type { ExternalWallet, Hex, OwnWalletCall } from "../types";
import type { OutsideWallet } from "./ring";

interface Provider {
  request(question: { readonly method: string; readonly params?: readonly unknown[] }): Promise<unknown>;
}

interface Announcement {
  readonly info: { readonly uuid: string; readonly name: string; readonly icon: string; readonly rdns: string };
  readonly provider: Provider;
}

const REJECTED = 4001;
const UNKNOWN_CHAIN = 4902;
/** The longest name or icon that a wallet may announce. */
const NAME = 100;
const ICON = 256 * 1024;

/** A wallet and its account. */
export type ConnectedWallet = OutsideWallet & { readonly wallet: ExternalWallet };

const providers = new Map<string, Provider>();

/** Watch the wallets that announce themselves; also the one at `window.ethereum`, if none does. */
export function discover(onChange: (wallets: readonly ExternalWallet[]) => void): () => void {
  const found = new Map<string, ExternalWallet>();
  const tell = (): void => onChange([...found.values()]);
  const heard = (event: Event): void => {
    const announced = readAnnouncement((event as CustomEvent<unknown>).detail);
    if (announced === null) return;
    providers.set(announced.wallet.id, announced.provider);
    found.set(announced.wallet.id, announced.wallet);
    tell();
  };
  globalThis.addEventListener("eip6963:announceProvider", heard);
  globalThis.dispatchEvent(new Event("eip6963:requestProvider"));
  // Older wallets announce nothing; give the others a moment first.
  const timer = setTimeout(() => {
    const old = (globalThis as { readonly ethereum?: Provider }).ethereum;
    if (found.size > 0 || old === undefined) {
      tell();
      return;
    }
    providers.set("window.ethereum", old);
    found.set("window.ethereum", { id: "window.ethereum", name: "Browser wallet", icon: "", rdns: "" });
    tell();
  }, 200);
  return () => {
    clearTimeout(timer);
    globalThis.removeEventListener("eip6963:announceProvider", heard);
  };
}

function readAnnouncement(detail: unknown): { readonly wallet: ExternalWallet; readonly provider: Provider } | null {
  const { info, provider } = (detail ?? {}) as Partial<Announcement>;
  const text = (value: unknown, most: number): string => (typeof value === "string" && value.length <= most ? value : "");
  if (info === undefined || typeof provider?.request !== "function") return null;
  const id = text(info.uuid, NAME);
  const name = text(info.name, NAME);
  const icon = text(info.icon, ICON);
  if (id === "" || name === "") return null;
  const wallet = { id, name, icon: /^data:image\//.test(icon) ? icon : "", rdns: text(info.rdns, NAME) };
  return { wallet, provider };
}

/** Ask a wallet for its account. */
export async function connect(wallet: ExternalWallet): Promise<ConnectedWallet> {
  const provider = providers.get(wallet.id);
  if (provider === undefined) throw new WalletError("no_wallet", "That wallet is not there any more.", "Reload the page.");
  const accounts = await ask(provider, "eth_requestAccounts", []);
  const [first] = Array.isArray(accounts) ? (accounts as unknown[]) : [];
  if (typeof first !== "string") throw new WalletError("no_wallet", "The wallet shows no account.", "Unlock it and try again.");
  const address = address20(first, "account");
  return {
    wallet,
    address,
    signMessage: (message) => signature(provider, "personal_sign", [toHex(utf8(message)), getAddress(address)]),
    async signTypedData(data) {
      await switchChain(provider, data.domain.chainId);
      return signature(provider, "eth_signTypedData_v4", [getAddress(address), typedDataText(data)]);
    },
  };
}

/** Have a wallet send a transaction; the person sees what it costs there, and says yes or no. */
export async function send(wallet: ExternalWallet, call: OwnWalletCall): Promise<Hex> {
  const provider = providers.get(wallet.id);
  if (provider === undefined) throw new WalletError("no_wallet", "That wallet is not there any more.", "Reload the page.");
  const { address } = await connect(wallet);
  await switchChain(provider, call.chainId);
  const transaction = { from: getAddress(address), to: getAddress(call.to), data: call.data, value: "0x0" };
  return hash32(await ask(provider, "eth_sendTransaction", [transaction]), "transaction");
}

/** The JSON that wallets take: with the domain's own type, and integers as text. */
export function typedDataText(data: TypedData): string {
  const types = { EIP712Domain: DOMAIN_TYPE, ...data.types };
  return JSON.stringify({ ...data, types }, (_, value: unknown) => (typeof value === "bigint" ? value.toString() : value));
}

async function signature(provider: Provider, method: string, params: readonly unknown[]): Promise<Hex> {
  const signed = fromHex(await ask(provider, method, params), "signature");
  // Some wallets write the recovery bit as 0 or 1.
  const v = signed[64];
  if (signed.length === 65 && (v === 0 || v === 1)) signed[64] = v + 27;
  return toHex(signed);
}

/** Wallets sign typed data for the chain that they are on. */
async function switchChain(provider: Provider, chainId: number): Promise<void> {
  const wanted = `0x${chainId.toString(16)}`;
  const current = await ask(provider, "eth_chainId", []);
  if (typeof current === "string" && Number(current) === chainId) return;
  await ask(provider, "wallet_switchEthereumChain", [{ chainId: wanted }]);
}

async function ask(provider: Provider, method: string, params: readonly unknown[]): Promise<unknown> {
  try {
    return await provider.request({ method, params });
  } catch (cause) {
    const { code, message } = (cause ?? {}) as { readonly code?: unknown; readonly message?: unknown };
    if (code === REJECTED) throw new WalletError("cancelled", "The wallet was told not to sign.", "", { cause });
    if (code === UNKNOWN_CHAIN) {
      throw new WalletError("no_wallet", "The wallet does not know this network.", "Add the hospital's network to the wallet.", { cause });
    }
    throw new WalletError("no_wallet", `The wallet answered: ${typeof message === "string" ? message : "an error"}`, "", { cause });
  }
}
