/** A browser wallet as extensions announce it (EIP-6963), with a real key that never enters the page. */
import type { BrowserContext } from "@playwright/test";
import { createWalletClient, http } from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { hexToString, isHex } from "viem/utils";

type TypedData = Parameters<ReturnType<typeof privateKeyToAccount>["signTypedData"]>[0];

export interface TestWallet {
  address: `0x${string}`;
  asked: string[];
  refuse: boolean;
}

/** With `rpc` the wallet has an Ethereum node of its own, and sends transactions. */
export async function announceWallet(context: BrowserContext, chainId: number, rpc = ""): Promise<TestWallet> {
  const account = privateKeyToAccount(generatePrivateKey());
  const wallet: TestWallet = { address: account.address, asked: [], refuse: false };
  await context.exposeBinding("steleTestWallet", async (_, method: string, params: unknown[]) => {
    wallet.asked.push(method);
    if (wallet.refuse && method !== "eth_chainId") throw new Error("User rejected the request.");
    switch (method) {
      case "eth_requestAccounts":
      case "eth_accounts":
        return [account.address];
      case "eth_chainId":
        return `0x${chainId.toString(16)}`;
      case "personal_sign": {
        const [message] = params as [string];
        return account.signMessage({ message: isHex(message) ? { raw: message } : message });
      }
      case "eth_signTypedData_v4": {
        const data = JSON.parse((params as [string, string])[1]) as TypedData;
        return account.signTypedData(data);
      }
      case "eth_sendTransaction": {
        const [{ to, data }] = params as [{ to: `0x${string}`; data: `0x${string}` }];
        return createWalletClient({ account, transport: http(rpc) }).sendTransaction({ to, data, chain: null });
      }
      default:
        throw new Error(`the test's wallet does not know ${method}: ${hexToString("0x")}`);
    }
  });
  await context.addInitScript(() => {
    const call = (globalThis as unknown as { steleTestWallet: (method: string, params: unknown[]) => Promise<unknown> }).steleTestWallet;
    const provider = {
      request: ({ method, params }: { method: string; params?: unknown[] }) => call(method, params ?? []),
      on: () => provider,
      removeListener: () => provider,
    };
    const info = { uuid: "3d1f6a2e-6e0e-4b7b-9d53-0c9f6f3a5e11", name: "Test Wallet", icon: "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'/>", rdns: "test.stele.wallet" };
    const announce = () => dispatchEvent(new CustomEvent("eip6963:announceProvider", { detail: Object.freeze({ info, provider }) }));
    addEventListener("eip6963:requestProvider", announce);
    announce();
  });
  return wallet;
}
