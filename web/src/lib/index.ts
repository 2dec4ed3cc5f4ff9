/**
 * Stele in the browser, without any page: formats, keys, the node's API and what people do with it.
 * Pages import from here only.
 */

export * from "./errors";
export * from "./surface";
export * from "./types";
export { SENTENCES } from "./acts/statements";
export type { Wire } from "./api/wire";
export { accounts } from "./keys/accounts";
export type { ConnectedWallet } from "./keys/outside";
export { openLink, signIn } from "./session";
export { node, verifyProofFile, verifyReport } from "./verify";
