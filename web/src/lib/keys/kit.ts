/** Recovery kits: what a person prints and keeps, as a QR code and as groups to type. */

import { sha256 } from "@noble/hashes/sha2.js";
import { base32nopad } from "@scure/base";

import { BadInput } from "../errors";
import { concat, toHex, utf8, wipe } from "../formats/bytes";
import { addressOf } from "../formats/eip712";
import type { Account, Hex, RecoveryKit } from "../types";
import { RING, SECRETS } from "./ring";

/** Upper-case letters and digits only: QR codes hold them densely. */
const PREFIX = "STELE1";
const GROUP = 5;
const CHECK = 4;
const ADDRESS = 20;

const checkOf = (body: Uint8Array): Uint8Array => sha256(concat(utf8("stele/kit/v1\0"), body)).slice(0, CHECK);

/** The secrets of a kit. For a wallet outside, its address stands before them. */
export interface KitContent {
  readonly wallet: Account["wallet"];
  readonly address: Hex;
  readonly secrets: Uint8Array;
}

export function kitOf(account: Account, secrets: Uint8Array): RecoveryKit {
  const body = account.wallet === "app" ? secrets : concat(addressBytes(account.address), secrets);
  const text = base32nopad.encode(concat(body, checkOf(body)));
  const words = text.match(new RegExp(`.{1,${GROUP}}`, "g")) ?? [];
  const { name, address, createdAt } = account;
  return { name, address, createdAt, qr: `${PREFIX}:${text}`, words };
}

const addressBytes = (address: Hex): Uint8Array =>
  Uint8Array.from({ length: ADDRESS }, (_, i) => Number.parseInt(address.slice(2 + 2 * i, 4 + 2 * i), 16));

/** Read a kit from its QR code or from typed groups. */
export function readKit(text: string): KitContent {
  const plain = text.toUpperCase().replace(/^\s*STELE1\s*:/, "").replace(/[\s-]/g, "");
  const bad = (reason: string): BadInput =>
    new BadInput("kit", reason, "Compare every group with the printed page; the letters O and I are never digits.");
  let bytes: Uint8Array;
  try {
    bytes = base32nopad.decode(plain);
  } catch {
    throw bad("This is no recovery kit, or a group was mistyped.");
  }
  const body = bytes.slice(0, -CHECK);
  const right = toHex(checkOf(body)) === toHex(bytes.subarray(-CHECK));
  wipe(bytes);
  if (!right) throw bad("A group was mistyped or is missing.");
  if (body.length === RING) return { wallet: "app", address: addressOf(body.subarray(0, 32)), secrets: body };
  if (body.length === ADDRESS + SECRETS) {
    return { wallet: "extension", address: toHex(body.slice(0, ADDRESS)), secrets: body.slice(ADDRESS) };
  }
  throw bad("This kit is of a kind that is not known here.");
}
