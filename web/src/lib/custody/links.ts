/** Sharing by link: the guest's keys travel in the URL's fragment, which no server sees. */

import { base64urlnopad } from "@scure/base";

import { Http } from "../api/http";
import type { Schemas } from "../api/wire";
import { BadInput, WalletError } from "../errors";
import { address20, concat, fromHex, hash32, toHex, utf8 } from "../formats/bytes";
import { sha256 } from "@noble/hashes/sha2.js";
import { KeyRing, RING } from "../keys/ring";
import type { GuestFlows } from "../surface";
import type { GrantLine, Hex, LinkLine, NewGrant, Purpose } from "../types";
import type { Context } from "./context";
import { grant as give, revoke } from "./patient";
import { open } from "./staff";

const FORMAT = 1;
const CHECK = 4;

const linkOf = (raw: Schemas["LinkView"]): LinkLine => ({
  id: hash32(raw.link, "link"),
  grant: hash32(raw.grant, "grant"),
  guest: address20(raw.guest, "guest"),
  email: raw.email,
  views: raw.views,
  viewsUsed: raw.used,
  lastView: raw.last_view ?? null,
  expiresAt: raw.expires_at,
  revoked: raw.revoked,
});

/** What a link's fragment holds: the grant, the link's id and the guest's keys. */
interface Ticket {
  readonly grant: Hex;
  readonly link: Hex;
  readonly ring: KeyRing;
}

const checkOf = (bytes: Uint8Array): Uint8Array => sha256(concat(utf8("stele/link/v1\0"), bytes)).slice(0, CHECK);

function fragmentOf({ grant, link, ring }: Ticket): string {
  const keys = ring.toBytes();
  const bytes = concat(Uint8Array.of(FORMAT), fromHex(grant, "grant", 32), fromHex(link, "link", 32), keys);
  const fragment = base64urlnopad.encode(concat(bytes, checkOf(bytes)));
  keys.fill(0);
  return fragment;
}

function readFragment(fragment: string): Ticket {
  const bad = (): BadInput =>
    new BadInput("link", "This link is incomplete.", "Open it again from the message that it came with.");
  let bytes: Uint8Array;
  try {
    bytes = base64urlnopad.decode(fragment.replace(/^#/, ""));
  } catch {
    throw bad();
  }
  const [body, check] = [bytes.subarray(0, -CHECK), bytes.subarray(-CHECK)];
  const right = body[0] === FORMAT && body.length === 1 + 32 + 32 + RING && toHex(check) === toHex(checkOf(body));
  if (!right) throw bad();
  const ring = KeyRing.fromBytes(body.slice(65));
  const [grant, link] = [toHex(body.slice(1, 33)), toHex(body.slice(33, 65))];
  bytes.fill(0);
  return { grant, link, ring };
}

export interface Share {
  readonly controller: Hex;
  readonly parts: readonly string[];
  readonly purpose: Purpose;
  readonly email: string;
  readonly views: number;
  readonly until: number;
}

/** Make a guest, grant to it, and put its keys into a link. */
export async function share(context: Context, wanted: Share): Promise<{ readonly url: string; readonly link: LinkLine }> {
  const guest = KeyRing.generate();
  const fresh: NewGrant = {
    to: guest.address, controller: wanted.controller, parts: wanted.parts, purpose: wanted.purpose, until: wanted.until,
  };
  checkEmail(wanted.email);
  try {
    const granted = await give(context, fresh, guest.sealingPublic);
    const link = await linkTo(context, granted, wanted);
    const base = context.http.base || globalThis.location.origin;
    return { url: `${base}/g#${fragmentOf({ grant: granted.grant, link: link.id, ring: guest })}`, link };
  } finally {
    guest.wipe();
  }
}

/** What the node takes as an address for mail; said before anything is granted. */
function checkEmail(email: string): void {
  const at_ = email.indexOf("@");
  const [name, domain] = [email.slice(0, at_), email.slice(at_ + 1)];
  const plain = /^[\x21-\x7e]{3,254}$/.test(email) && !/[<>()[\],;:\\"]/.test(email);
  const whole = at_ > 0 && name.length <= 64 && !domain.includes("@") && domain.split(".").every((label) => label !== "");
  if (!plain || !whole) {
    throw new BadInput("email", "This is no address that mail can be sent to.", "Write it as name@example.org.");
  }
}

/** Make the link of a grant. A grant without a link would open to keys that nobody has: it goes too. */
async function linkTo(context: Context, granted: GrantLine, wanted: Share): Promise<LinkLine> {
  const body = { grant: granted.grant, email: wanted.email, views: wanted.views, expires_at: wanted.until };
  try {
    return linkOf(await context.http.json<Schemas["LinkView"]>("POST", "/api/v1/links", body));
  } catch (error) {
    await revoke(context, granted.grant);
    throw error;
  }
}

export async function links(context: Context): Promise<LinkLine[]> {
  return (await context.http.json<readonly Schemas["LinkView"][]>("GET", "/api/v1/links")).map(linkOf);
}

/** Revoke a link and its grant. The grant goes first: it is what the contract decides by. */
export async function revokeLink(context: Context, link: LinkLine): Promise<GrantLine> {
  const revoked = await revoke(context, link.grant);
  await context.http.json("POST", `/api/v1/links/${link.id}/revoke`, {});
  return revoked;
}

/** Somebody who came by a link. `connect` signs in with the link's keys. */
export function guestOf(
  fragment: string,
  base: string,
  connect: (http: Http, keys: KeyRing) => Promise<Context>,
): GuestFlows {
  const { grant, link, ring } = readFragment(fragment);
  const http = new Http(base);
  let context: Context | null = null;
  return {
    async sendCode() {
      await http.json("POST", `/api/v1/links/${link}/code`, {});
    },
    async confirm(code) {
      context ??= await connect(http, ring);
      const path = `/api/v1/links/${link}/confirm`;
      const raw = await http.json<Schemas["GuestLink"]>("POST", path, { code: code.trim() });
      return { hospital: raw.hospital, home: address20(raw.home, "home"), viewsLeft: raw.views_left, expiresAt: raw.expires_at };
    },
    open() {
      if (context === null) throw new WalletError("locked", "The code from the e-mail comes first.");
      return open(context, grant);
    },
    close: () => ring.wipe(),
  };
}
