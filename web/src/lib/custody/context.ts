/** What every flow needs: who, with which node, with which keys. */

import { ok } from "../api/http";
import type { Http } from "../api/http";
import type { Schemas } from "../api/wire";
import { address20, fromHex } from "../formats/bytes";
import { saltedDigest, sealingKeyOf, keyStatementCodec } from "../formats/key-statement";
import { NodeError, Wrong } from "../errors";
import type { KeyRing } from "../keys/ring";
import type { Deployment, Hex, NodeCard, Who } from "../types";

/** How long a signature that is made here may still be carried to the chain, seconds. */
const DEADLINE = 1800;

export interface Context {
  readonly http: Http;
  readonly keys: KeyRing;
  readonly card: NodeCard;
  /** What the wallet was when last asked. */
  who(): Who;
}

export const at = (context: Context): Deployment => context.card.deployment;
/** Now, unix seconds. */
export const now = (): number => Math.floor(Date.now() / 1000);
export const deadline = (): number => now() + DEADLINE;

type Directory = Schemas["DirectoryView"];

export const directory = (context: Context, wallet: Hex): Promise<Directory> =>
  ok(context.http.api.GET("/api/v1/directory/{wallet}", { params: { path: { wallet } } }));

/** To which key to seal for a wallet: signed by it and, where it anchored one, the one on chain. */
export async function sealingKey(context: Context, wallet: Hex): Promise<Uint8Array> {
  const view = await directory(context, wallet);
  const person = view.person;
  if (person === null || person === undefined) {
    throw new NodeError(404, "not_found", "This person has not signed in yet and has no key to seal to.", "");
  }
  const statement = fromHex(person.statement, "key statement");
  const key = sealingKeyOf(statement, address20(wallet, "wallet"), at(context));
  if (view.key_version > 0) {
    const anchored = saltedDigest(keyStatementCodec.decode(statement), person.salt as Hex);
    // A key that was anchored must be the one that is used.
    if (anchored !== view.key_digest.toLowerCase()) throw new Wrong("key", "it is not the one anchored on chain");
  }
  return key;
}
