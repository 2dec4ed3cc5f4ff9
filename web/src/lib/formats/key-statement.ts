/** The statement that binds a public sealing key to a wallet: docs/formats.md, "Key statement". */

import { Wrong } from "../errors";
import type { Deployment, Hex } from "../types";
import { fromHex, toHex } from "./bytes";
import * as c from "./cbor";
import { checkSigned, digestOf, keccak, typedData } from "./eip712";
import type { Statement } from "./eip712";
import { checkSealingPublic } from "./envelope";
import { KEY_STATEMENT_BYTES, SEALING_KEY_BYTES, SIGNATURE_BYTES } from "./limits";

const shape = c.struct({
  format: c.literal(1),
  wallet: c.address,
  sealing_public: c.blob(SEALING_KEY_BYTES, 2),
  issued_at: c.uint,
  signature: c.blob(SIGNATURE_BYTES),
});
export type KeyStatement = typeof shape extends c.Shape<infer T> ? T : never;
export const keyStatementCodec = c.codec("key statement", shape, KEY_STATEMENT_BYTES);

export function keyStatement(statement: KeyStatement): Statement {
  const { wallet, sealing_public, issued_at } = statement;
  return { kind: "KeyStatement", fields: { wallet, sealingPublic: toHex(sealing_public), issuedAt: issued_at } };
}

export function newKeyStatement(wallet: Hex, sealingPublic: Uint8Array, issuedAt: number): KeyStatement {
  return { format: 1, wallet, sealing_public: sealingPublic, issued_at: issuedAt, signature: new Uint8Array() };
}

/** keccak256(salt ‖ keccak256(encoding)): what the Registry holds. */
export function saltedDigest(statement: KeyStatement, salt: Hex): Hex {
  const digest = keccak(keyStatementCodec.encode(statement));
  return keccak(fromHex(salt, "salt", 32), fromHex(digest, "digest", 32));
}

/** The key to seal to for a wallet, if the wallet signed the statement. */
export function sealingKeyOf(statement: Uint8Array, wallet: Hex, at: Deployment): Uint8Array {
  const read = keyStatementCodec.decode(statement);
  if (read.wallet !== wallet.toLowerCase()) throw new Wrong("key statement", "it is of another wallet");
  checkSigned("key statement", read.wallet, digestOf(typedData(at, keyStatement(read))), toHex(read.signature));
  return checkSealingPublic(read.sealing_public);
}
