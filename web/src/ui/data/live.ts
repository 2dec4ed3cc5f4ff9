/** Whether a permission still stands, asked of the chain itself; nothing is opened and nothing logged for it. */
import { decodeFunctionResult, encodeFunctionData, isHex, parseAbi } from "viem/utils";

import type { GrantLine } from "../../lib";
import { nodeCard } from "./accounts";

const ABI = parseAbi(["function isLive(address controller, bytes32 id) view returns (bool)"]);

export async function isLive({ controller, grant }: Pick<GrantLine, "controller" | "grant">): Promise<boolean> {
  const { deployment } = await nodeCard();
  const call = { to: deployment.contracts.consents, data: encodeFunctionData({ abi: ABI, functionName: "isLive", args: [controller, grant] }) };
  const answer = await fetch("/api/v1/chain", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "eth_call", params: [call, "latest"] }),
  });
  const body: unknown = await answer.json();
  const result = typeof body === "object" && body !== null && "result" in body ? body.result : null;
  if (!isHex(result)) throw new Error("the chain gave no answer");
  return decodeFunctionResult({ abi: ABI, functionName: "isLive", data: result });
}
