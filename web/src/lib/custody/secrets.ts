/** What travels inside envelopes, and what each envelope is bound to. */

import { fromHex, toHex, ZERO32 } from "../formats/bytes";
import * as c from "../formats/cbor";
import { MANIFEST, partKey } from "../formats/derive";
import { sealTo } from "../formats/envelope";
import type { Bound } from "../formats/envelope";
import type { KeyRing } from "../keys/ring";
import type { Deployment, Hex } from "../types";

/** All that opens one record version. */
export interface VersionSecrets {
  readonly key: Uint8Array;
  readonly salt: Hex;
  readonly manifest: string;
}

const shape = c.tuple(c.blob(32, 32), c.hash, c.cid);
const secretsCodec = c.codec("envelope", shape, 1024);

/** An envelope for a record's own patient, author or institution. */
export const toOwner = (at: Deployment, commitment: Hex, recipient: Hex): Bound => ({
  chainId: at.chainId, contract: at.contracts.records, commitment, grant: ZERO32, recipient,
});

/** An envelope for a grant's recipient. */
export const toGrantee = (at: Deployment, commitment: Hex, grant: Hex, recipient: Hex): Bound => ({
  chainId: at.chainId, contract: at.contracts.consents, commitment, grant, recipient,
});

export async function openSecrets(keys: KeyRing, at: Deployment, commitment: Hex, envelope: Hex): Promise<VersionSecrets> {
  const bound = toOwner(at, commitment, keys.address);
  const plain = await keys.open("version", bound, fromHex(envelope, "envelope"));
  const [key, salt, manifest] = secretsCodec.decode(plain);
  return { key, salt, manifest };
}

export async function sealSecrets(to: Uint8Array, bound: Bound, secrets: VersionSecrets): Promise<Hex> {
  const plain = secretsCodec.encode([secrets.key, secrets.salt, secrets.manifest]);
  return toHex(await sealTo(to, "version", bound, plain));
}

export const manifestKey = (recordKey: Uint8Array): Uint8Array => partKey(recordKey, MANIFEST);
