/** Keys under a passkey: the PRF extension of WebAuthn gives a secret that only the authenticator has. */

import { hkdf } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";

import { WalletError } from "../errors";
import { random, utf8, wipe } from "../formats/bytes";

/** What is kept of a passkey: nothing of it is secret. */
export interface Passkey {
  readonly credential: Uint8Array;
  readonly salt: Uint8Array;
}

const TIMEOUT = 120_000;
const INFO = utf8("stele/passkey/v1");

const buffer = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(bytes);

/** Passkeys belong to names: a browser refuses them to a page whose address is a bare number. */
const numbered = (host: string): boolean => /^[\d.]+$|^\[/.test(host);

/** Whether the browser knows passkeys that can hold keys, and gives them to this page. */
export async function passkeysPossible(): Promise<boolean> {
  if (typeof PublicKeyCredential === "undefined" || numbered(location.hostname)) return false;
  const known = PublicKeyCredential as unknown as {
    readonly getClientCapabilities?: () => Promise<Readonly<Record<string, boolean>>>;
  };
  if (known.getClientCapabilities === undefined) return PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable();
  const capabilities = await known.getClientCapabilities();
  return capabilities["extension:prf"] ?? true;
}

/** Make a passkey; gives what is kept and the key that it protects with. */
export async function makePasskey(name: string): Promise<{ readonly passkey: Passkey; readonly key: Uint8Array }> {
  const salt = random(32);
  const options: PublicKeyCredentialCreationOptions = {
    rp: { name: "Stele" },
    user: { id: buffer(random(16)), name, displayName: name },
    challenge: buffer(random(32)),
    pubKeyCredParams: [{ type: "public-key", alg: -7 }, { type: "public-key", alg: -8 }, { type: "public-key", alg: -257 }],
    authenticatorSelection: { residentKey: "preferred", userVerification: "required" },
    timeout: TIMEOUT,
    extensions: { prf: { eval: { first: buffer(salt) } } },
  };
  const made = await asked(() => navigator.credentials.create({ publicKey: options }));
  const passkey = { credential: new Uint8Array(made.rawId), salt };
  const results = made.getClientExtensionResults().prf;
  if (results?.enabled !== true && results?.results === undefined) {
    throw new WalletError("no_passkey", "This passkey cannot protect keys.", "Use a passphrase, or another authenticator.");
  }
  const first = results.results?.first;
  // Some authenticators give the secret only when the passkey is used.
  return { passkey, key: first === undefined ? await usePasskey(passkey) : keyOf(first, salt) };
}

/** The key that a passkey protects with. */
export async function usePasskey({ credential, salt }: Passkey): Promise<Uint8Array> {
  const options: PublicKeyCredentialRequestOptions = {
    challenge: buffer(random(32)),
    allowCredentials: [{ type: "public-key", id: buffer(credential) }],
    userVerification: "required",
    timeout: TIMEOUT,
    extensions: { prf: { eval: { first: buffer(salt) } } },
  };
  const used = await asked(() => navigator.credentials.get({ publicKey: options }));
  const first = used.getClientExtensionResults().prf?.results?.first;
  if (first === undefined) throw new WalletError("no_passkey", "The passkey gave no key.", "Use the recovery kit.");
  return keyOf(first, salt);
}

function keyOf(first: BufferSource, salt: Uint8Array): Uint8Array {
  const secret = first instanceof ArrayBuffer ? new Uint8Array(first) : new Uint8Array(first.buffer, first.byteOffset, first.byteLength);
  const key = hkdf(sha256, secret, salt, INFO, 32);
  wipe(secret);
  return key;
}

async function asked(ask: () => Promise<Credential | null>): Promise<PublicKeyCredential> {
  let credential: Credential | null;
  try {
    credential = await ask();
  } catch (cause) {
    const cancelled = cause instanceof DOMException && cause.name === "NotAllowedError";
    throw new WalletError(cancelled ? "cancelled" : "no_passkey", "The passkey was not used.", "Try again.", { cause });
  }
  if (credential === null) throw new WalletError("cancelled", "The passkey was not used.", "Try again.");
  return credential as PublicKeyCredential;
}
