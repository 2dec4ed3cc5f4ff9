/** Key files of the program `stele`: Argon2id and XChaCha20-Poly1305, the public half bound in. */

import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";

import { BadInput, WalletError } from "../errors";
import { address20, concat, fromHex, random, toHex, utf8, wipe } from "../formats/bytes";
import type { Hex } from "../types";
import { engineOf } from "../worker";
import type { Argon2Cost } from "../worker/engine";
import { RING } from "./ring";
import type { KeyRing } from "./ring";

const LARGEST = 16 * 1024;
/** RFC 9106, section 4, second recommended option. */
const STRONG: Argon2Cost = { memory_kib: 64 * 1024, passes: 3, lanes: 4 };
/** Above this a file would be an attack on the reader's memory. */
const MOST: Argon2Cost = { memory_kib: 1024 * 1024, passes: 16, lanes: 16 };

interface File {
  readonly stele_key: number;
  readonly public: { readonly name: string; readonly address: string; readonly sealing_public: string };
  readonly kdf: Argon2Cost;
  readonly salt: string;
  readonly nonce: string;
  readonly sealed: string;
}

/** What a file may turn out to be. */
type Claimed = { readonly [K in keyof File]?: File[K] extends object ? Partial<File[K]> : unknown };

/** The public half as the bytes that the seal is bound to. */
function associated(half: File["public"]): Uint8Array {
  return concat(
    utf8("stele key file 1\n"), fromHex(half.address, "address", 20), utf8(half.sealing_public), utf8("\n"), utf8(half.name),
  );
}

const bare = (bytes: Uint8Array): string => toHex(bytes).slice(2);

function parse(text: string): File {
  const bad = (why: string): BadInput =>
    new BadInput("file", `This is no key file that the app reads: ${why}.`, "Choose the file that ends in .key.");
  if (text.length > LARGEST) throw bad("it is too long");
  let file: Claimed;
  try {
    file = (JSON.parse(text) ?? {}) as Claimed;
  } catch {
    throw bad("it is no JSON");
  }
  if (file.stele_key !== 1) throw bad("it is of another format");
  const half = file.public;
  const texts = [half?.name, half?.address, half?.sealing_public, file.salt, file.nonce, file.sealed];
  if (texts.some((t) => typeof t !== "string")) throw bad("a field is missing");
  const costs = [file.kdf?.memory_kib, file.kdf?.passes, file.kdf?.lanes];
  if (!costs.every((n) => Number.isSafeInteger(n) && Number(n) > 0)) throw bad("its key derivation is not described");
  const read = file as File;
  const { memory_kib, passes, lanes } = read.kdf;
  if (memory_kib > MOST.memory_kib || passes > MOST.passes || lanes > MOST.lanes) {
    throw bad("its key derivation asks for too much memory or time");
  }
  return read;
}

/** Whose key file it is. */
export function readKeyFile(text: string): { readonly name: string; readonly address: Hex } {
  const { name, address } = parse(text).public;
  return { name, address: address20(address, "address") };
}

/** The secrets in a key file. */
export async function openKeyFile(text: string, passphrase: string): Promise<Uint8Array> {
  const file = parse(text);
  const hex = (value: string, what: string): Uint8Array => fromHex(`0x${value}`, what);
  const engine = await engineOf();
  const key = await engine.argon2id(passphrase, hex(file.salt, "salt"), file.kdf);
  try {
    const cipher = xchacha20poly1305(key, fromHex(`0x${file.nonce}`, "nonce", 24), associated(file.public));
    return cipher.decrypt(hex(file.sealed, "secrets"));
  } catch {
    throw new WalletError("wrong_passphrase", "The passphrase does not open this file.", "Or the file was changed.");
  } finally {
    wipe(key);
  }
}

/** A key file of an account whose wallet is in the app. */
export async function writeKeyFile(ring: KeyRing, name: string, passphrase: string): Promise<string> {
  const secrets = ring.toBytes();
  if (secrets.length !== RING) {
    wipe(secrets);
    throw new WalletError("no_wallet", "This account's wallet is outside of the app.", "Keep its recovery kit instead.");
  }
  const half = { name, address: ring.address, sealing_public: bare(ring.sealingPublic) };
  const [salt, nonce] = [random(16), random(24)];
  const engine = await engineOf();
  const key = await engine.argon2id(passphrase, salt, STRONG);
  const sealed = xchacha20poly1305(key, nonce, associated(half)).encrypt(secrets);
  wipe(key, secrets);
  const file: File = {
    stele_key: 1, public: half, kdf: STRONG, salt: bare(salt), nonce: bare(nonce), sealed: bare(sealed),
  };
  return `${JSON.stringify(file, null, 2)}\n`;
}
