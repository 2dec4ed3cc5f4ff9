/** The keys of one person: wallet, sealing key, root secret. The same 97 bytes as in a key file. */

import { getAddress } from "viem/utils";

import { WalletError } from "../errors";
import { concat, hash32, random, toHex, wipe } from "../formats/bytes";
import { controllerKey, indexKey, purposeSecret } from "../formats/derive";
import { addressOf, askOf, digestOf, isPrivateKey, personalDigest, signDigest, typedData } from "../formats/eip712";
import type { Statement, TypedData } from "../formats/eip712";
import { openEnvelope, sealingPublic } from "../formats/envelope";
import type { Bound } from "../formats/envelope";
import type { BeforeSign, Deployment, Hex, SignatureAsk } from "../types";

/** Wallet (32), suite byte and sealing key (33), root secret (32). */
export const RING = 97;
/** The same without the wallet, which is outside of the app. */
export const SECRETS = 65;
const SUITE = 1;

/** A wallet outside of the app, as far as it is needed. */
export interface OutsideWallet {
  readonly address: Hex;
  signTypedData(data: TypedData): Promise<Hex>;
  signMessage(message: string): Promise<Hex>;
}

/** The controller of one record: signs what happens to it. */
export interface Controller {
  readonly address: Hex;
  sign(at: Deployment, statement: Statement): Promise<Hex>;
}

/** Keys in memory. {@link KeyRing.wipe} when they are not needed any more. */
export class KeyRing {
  readonly address: Hex;
  readonly #wallet: Uint8Array | null;
  readonly #outside: OutsideWallet | null;
  readonly #sealing: Uint8Array;
  readonly #root: Uint8Array;
  #wiped = false;
  /** Asked before each signature. */
  beforeSign: BeforeSign | null = null;

  private constructor(wallet: Uint8Array | OutsideWallet, sealing: Uint8Array, root: Uint8Array) {
    const own = wallet instanceof Uint8Array;
    this.#wallet = own ? wallet : null;
    this.#outside = own ? null : wallet;
    this.address = own ? addressOf(wallet) : wallet.address;
    this.#sealing = sealing;
    this.#root = root;
  }

  /** New keys; with `outside`, for a wallet that is not in the app. */
  static generate(outside?: OutsideWallet): KeyRing {
    const sealing = concat(Uint8Array.of(SUITE), random(32));
    if (outside !== undefined) return new KeyRing(outside, sealing, random(32));
    let wallet = random(32);
    // Fails for zero and for numbers above the group's order: about once in 2^128.
    while (!isPrivateKey(wallet)) wallet = random(32);
    return new KeyRing(wallet, sealing, random(32));
  }

  /** The ring in bytes that {@link KeyRing.toBytes} gave, or that a key file holds. */
  static fromBytes(bytes: Uint8Array, outside?: OutsideWallet): KeyRing {
    const damaged = (): WalletError =>
      new WalletError("damaged", "These are not the keys of an account.", "Check that the right file or code was given.");
    if (bytes.length !== (outside === undefined ? RING : SECRETS)) throw damaged();
    const secrets = bytes.slice(bytes.length - SECRETS);
    const [sealing, root] = [secrets.slice(0, 33), secrets.slice(33)];
    wipe(secrets);
    if (sealing[0] !== SUITE) throw damaged();
    if (outside !== undefined) return new KeyRing(outside, sealing, root);
    const wallet = bytes.slice(0, 32);
    if (!isPrivateKey(wallet)) throw damaged();
    return new KeyRing(wallet, sealing, root);
  }

  /** All secrets, to be encrypted at once and wiped. */
  toBytes(): Uint8Array {
    this.#alive();
    return concat(this.#wallet ?? new Uint8Array(), this.#sealing, this.#root);
  }

  /** Whether the wallet is outside of the app. */
  get external(): boolean {
    return this.#outside !== null;
  }

  get sealingPublic(): Uint8Array {
    this.#alive();
    return sealingPublic(this.#sealing);
  }

  get indexKey(): Uint8Array {
    this.#alive();
    return indexKey(this.#root);
  }

  /** The salt of the patient's commitment at an institution. */
  enrolmentSalt(institution: Hex): Hex {
    this.#alive();
    // The name is the address with its checksum, as it is usually written.
    return hash32(toHex(purposeSecret(this.#root, `enrolment/${getAddress(institution)}`)), "salt");
  }

  open(use: string, bound: Bound, envelope: Uint8Array): Promise<Uint8Array> {
    this.#alive();
    return openEnvelope(this.#sealing, use, bound, envelope);
  }

  /** Sign a statement with the wallet. */
  async sign(at: Deployment, statement: Statement): Promise<Hex> {
    this.#alive();
    await this.#ask(askOf(statement, this.address, this.external));
    const data = typedData(at, statement);
    if (this.#outside !== null) return this.#outside.signTypedData(data);
    return this.#signDigest(digestOf(data));
  }

  /** Sign a text with the wallet (`personal_sign`). */
  async signMessage(message: string, kind: "SignIn" | "AuditReport"): Promise<Hex> {
    this.#alive();
    await this.#ask({ kind, signer: this.address, external: this.external, fields: { message } });
    if (this.#outside !== null) return this.#outside.signMessage(message);
    return this.#signDigest(personalDigest(message));
  }

  /** The controller of record number `index`. */
  controller(index: number): Controller {
    this.#alive();
    const key = controllerKey(this.#root, index);
    const address = addressOf(key);
    wipe(key);
    return {
      address,
      sign: async (at, statement) => {
        await this.#ask(askOf(statement, address, false));
        this.#alive();
        const again = controllerKey(this.#root, index);
        const signature = signDigest(digestOf(typedData(at, statement)), again);
        wipe(again);
        return signature;
      },
    };
  }

  wipe(): void {
    wipe(this.#wallet, this.#sealing, this.#root);
    this.#wiped = true;
  }

  get wiped(): boolean {
    return this.#wiped;
  }

  #signDigest(digest: Hex): Hex {
    this.#alive();
    if (this.#wallet === null) throw new WalletError("no_wallet", "The wallet is not in the app.");
    return signDigest(digest, this.#wallet);
  }

  #alive(): void {
    if (this.#wiped) throw new WalletError("locked", "You have signed out.", "Sign in again.");
  }

  async #ask(ask: SignatureAsk): Promise<void> {
    if (this.beforeSign !== null && !(await this.beforeSign(ask))) {
      throw new WalletError("cancelled", "Nothing was signed.");
    }
  }
}
