/** EIP-712 statements as typed data, and secp256k1 signatures of them. */

import { secp256k1 } from "@noble/curves/secp256k1.js";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { hashTypedData } from "viem/utils";

import { DOMAIN, STATEMENTS } from "../acts/statements";
import type { FieldValue, StatementFields, StatementKind } from "../acts/statements";
import { BadInput, Wrong } from "../errors";
import type { Deployment, Hex, SignatureAsk } from "../types";
import { concat, fromHex, toHex, utf8 } from "./bytes";
import { SIGNATURE_BYTES } from "./limits";

/** A statement: its kind and, by name, the fields of that kind. */
export type Statement = {
  readonly [Kind in StatementKind]: { readonly kind: Kind; readonly fields: StatementFields[Kind] };
}[StatementKind];

/** A statement as wallets take it (`eth_signTypedData_v4`). */
export interface TypedData {
  readonly domain: {
    readonly name: string;
    readonly version: string;
    readonly chainId: number;
    readonly verifyingContract: Hex;
  };
  readonly types: Record<string, readonly { readonly name: string; readonly type: string }[]>;
  readonly primaryType: string;
  readonly message: Record<string, FieldValue>;
}

/** The typed data of a statement at a deployment. */
export function typedData(at: Deployment, statement: Statement): TypedData {
  const contract = at.contracts[STATEMENTS[statement.kind].contract];
  return typedDataFor({ chainId: at.chainId, contract }, statement);
}

/** The same for a contract that the caller names. */
export function typedDataFor(
  domain: { readonly chainId: number; readonly contract: Hex },
  statement: Statement,
): TypedData {
  const { fields } = STATEMENTS[statement.kind];
  const values: Readonly<Record<string, FieldValue | undefined>> = statement.fields;
  const message = Object.fromEntries(
    fields.map(({ name }) => {
      const value = values[name];
      if (value === undefined) throw new BadInput(name, `${statement.kind} needs ${name}`);
      return [name, value];
    }),
  );
  return {
    domain: { ...DOMAIN, chainId: domain.chainId, verifyingContract: domain.contract },
    types: { [statement.kind]: fields },
    primaryType: statement.kind,
    message,
  };
}

/** The digest that is signed. */
export function digestOf(data: TypedData): Hex {
  return hashTypedData({
    domain: { ...data.domain, chainId: BigInt(data.domain.chainId) },
    types: data.types,
    primaryType: data.primaryType,
    message: data.message,
  });
}

export function keccak(...parts: Uint8Array[]): Hex {
  return toHex(keccak_256(concat(...parts)));
}

/** The digest of `personal_sign` (EIP-191, version 0x45). */
export function personalDigest(message: string): Hex {
  const bytes = utf8(message);
  return keccak(utf8(`\x19Ethereum Signed Message:\n${bytes.length}`), bytes);
}

/** Sign a digest: `r ‖ s ‖ v`, low `s`, `v` 27 or 28. */
export function signDigest(digest: Hex, key: Uint8Array): Hex {
  const signed = secp256k1.sign(fromHex(digest, "digest", 32), key, { prehash: false, format: "recovered" });
  // The library puts the recovery bit first.
  return toHex(concat(signed.slice(1), Uint8Array.of(27 + (signed[0] ?? 0))));
}

/** The address of a private key. */
export function addressOf(key: Uint8Array): Hex {
  return addressOfPublic(secp256k1.getPublicKey(key, false));
}

function addressOfPublic(point: Uint8Array): Hex {
  return toHex(keccak_256(point.subarray(1)).subarray(12));
}

/** Whether bytes are a private key: a number from 1 to n - 1. */
export const isPrivateKey = (key: Uint8Array): boolean => secp256k1.utils.isValidSecretKey(key);

/** Who signed a digest; null if the signature is not a canonical one by a key. */
export function signerOf(digest: Hex, signature: Hex): Hex | null {
  const bytes = fromHex(signature, "signature");
  const v = bytes[64];
  if (bytes.length !== 65 || (v !== 27 && v !== 28)) return null;
  try {
    const parsed = secp256k1.Signature.fromBytes(bytes.subarray(0, 64), "compact");
    if (parsed.hasHighS()) return null;
    const point = parsed.addRecoveryBit(v - 27).recoverPublicKey(fromHex(digest, "digest", 32));
    return addressOfPublic(point.toBytes(false));
  } catch {
    return null;
  }
}

/** Refuse a statement that its signer's own key did not sign. */
export function checkSigned(what: string, signer: Hex, digest: Hex, signature: Hex): void {
  if (signature.length > 2 + 2 * SIGNATURE_BYTES) throw new Wrong(what, "the signature is too long", "too_large");
  if (signerOf(digest, signature) !== signer.toLowerCase()) {
    throw new Wrong(what, `it is not signed by ${signer}`, "wrong_signature");
  }
}

/** A statement as it is shown before it is signed. */
export function askOf(statement: Statement, signer: Hex, external: boolean): SignatureAsk {
  return { kind: statement.kind, signer, external, fields: statement.fields };
}
