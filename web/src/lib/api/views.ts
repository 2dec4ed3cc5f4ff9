/** The node's answers as the pages' types: shapes are checked, hex gets its one spelling. */

import { Wrong } from "../errors";
import { address20, fromHex, hash32, toHex } from "../formats/bytes";
import { grantCodec, grantId, requestCodec, requestId } from "../formats/consent";
import { ROLES } from "../types";
import type {
  ActView, Deployment, DirectoryLine, Erasure, GrantLine, Hex, Invitation, NodeCard, PatientLine, RequestLine, Role,
  VersionView, Who,
} from "../types";
import type { Schemas } from "./wire";

type Optional = string | null | undefined;

const maybe = (read: (text: unknown, what: string) => Hex, value: Optional, what: string): Hex | null =>
  value === null || value === undefined ? null : read(value, what);
const anyHex = (value: unknown, what: string): Hex => toHex(fromHex(value, what));

export function deploymentOf(raw: unknown): Deployment {
  const { chain_id, contracts } = raw as { chain_id?: unknown; contracts?: Record<string, unknown> };
  if (typeof chain_id !== "number" || !Number.isSafeInteger(chain_id) || contracts === undefined) {
    throw new Wrong("node", "it does not say where the contracts are");
  }
  const at = (name: string): Hex => address20(contracts[name], name);
  return {
    chainId: chain_id,
    contracts: { registry: at("registry"), records: at("records"), consents: at("consents"), log: at("log") },
  };
}

export function cardOf(raw: Schemas["NodeCard"]): NodeCard {
  const { name, url, version } = raw;
  return {
    institution: address20(raw.institution, "institution"), name, url, version, deployment: deploymentOf(raw.deployment),
    firstBlock: raw.first_block ?? 0,
  };
}

export const roleOf = (value: unknown): Role | null => ROLES.find((role) => role === value) ?? null;

export function whoOf(raw: Schemas["Who"]): Who {
  const staff = (raw.staff ?? null) as Pick<Schemas["Standing"], "institution" | "role"> | null;
  return {
    wallet: address20(raw.wallet, "wallet"),
    registrar: raw.registrar,
    institution: raw.institution,
    staff: staff && { institution: address20(staff.institution, "institution"), role: roleOf(staff.role) },
    patient: maybe(hash32, raw.patient, "patient"),
  };
}

export function actOf(raw: Schemas["ActView"]): ActView {
  const { held, own } = raw;
  return {
    waiting: held ? { maxFeeWei: held.max_fee_wei, until: held.until } : null,
    ownWallet: own
      ? { to: address20(own.to, "to"), data: toHex(fromHex(own.data, "data")), chainId: own.chain_id, relayAt: own.relay_at }
      : null,
    act: hash32(raw.act, "act"),
    name: raw.name,
    progress: raw.progress,
    tx: maybe(hash32, raw.tx, "tx"),
    gas: raw.gas ?? null,
    block: raw.block ?? null,
    error: raw.error ?? null,
  };
}

export function versionOf(raw: Schemas["VersionView"]): VersionView {
  return {
    record: hash32(raw.record, "record"),
    series: hash32(raw.series, "series"),
    stage: raw.stage,
    author: address20(raw.author, "author"),
    institution: address20(raw.institution, "institution"),
    patient: hash32(raw.patient, "patient"),
    version: raw.version,
    previous: maybe(hash32, raw.previous, "previous"),
    createdAt: raw.created_at,
    commitment: hash32(raw.commitment, "commitment"),
    manifest: raw.manifest,
    parts: raw.parts,
    controller: maybe(address20, raw.controller, "controller"),
    envelope: maybe(anyHex, raw.envelope, "envelope"),
    act: maybe(hash32, raw.act, "act"),
    reason: maybe(anyHex, raw.reason, "reason"),
  };
}

/** A grant's line; the document must be the one that the id names. */
export function grantOf(raw: Schemas["GrantView"]): GrantLine {
  const document = grantCodec.decode(fromHex(raw.document, "grant"));
  const grant = hash32(raw.grant, "grant");
  if (grantId(document) !== grant) throw new Wrong("grant", "its document is not the one that its id names");
  const { recipient, controller, commitment, parts, purpose, from, until, request } = document;
  return {
    grant, recipient, controller, commitment, parts, purpose, from, until, request,
    home: address20(raw.home, "home"),
    patient: maybe(hash32, raw.patient, "patient"),
    stage: raw.stage,
    act: maybe(hash32, raw.act, "act"),
    revocation: maybe(hash32, raw.revocation, "revocation"),
  };
}

export function requestOf(raw: Schemas["Request"]): RequestLine {
  const document = requestCodec.decode(fromHex(raw.message.document, "request"));
  const id = hash32(raw.id, "request");
  if (requestId(document) !== id) throw new Wrong("request", "its document is not the one that its id names");
  const { requester, recipient, patient, commitment, parts, purpose, reason, from, until } = document;
  return {
    id, requester, recipient, patient, commitment, parts, purpose, reason, from, until,
    home: address20(raw.message.home, "home"),
    receivedAt: raw.received_at,
    answer: maybe(hash32, raw.answer, "answer"),
  };
}

export function patientOf(raw: Schemas["PatientView"]): PatientLine {
  return {
    patient: hash32(raw.patient, "patient"),
    wallet: address20(raw.wallet, "wallet"),
    demographics: raw.demographics as unknown as PatientLine["demographics"],
    enrolledAt: raw.enrolled_at,
    act: hash32(raw.act, "act"),
  };
}

export function directoryOf(wallet: Hex, raw: Schemas["DirectoryView"]): DirectoryLine {
  const staff = raw.staff ?? null;
  return {
    wallet,
    name: raw.person?.name ?? null,
    activeInstitution: raw.active_institution,
    staff: staff && {
      institution: address20(staff.institution, "institution"), role: roleOf(staff.role), active: staff.active,
    },
    hasKey: raw.person !== null && raw.person !== undefined,
  };
}

export function invitationOf(raw: Schemas["Invitation"]): Invitation {
  const role = roleOf(raw.role);
  if (role === null) throw new Wrong("invitation", "its role is not known here");
  return {
    staff: address20(raw.staff, "staff"), institution: address20(raw.institution, "institution"), role,
    deadline: raw.deadline,
  };
}

export function erasureOf(raw: Schemas["Erasure"]): Erasure {
  return {
    controller: address20(raw.controller, "controller"),
    act: hash32(raw.act, "act"),
    cids: raw.cids,
    done: raw.done,
    statements: raw.statements.map(({ holder, cid, at }) => ({ holder, cid, at })),
    missing: raw.missing,
    orderedAt: raw.ordered_at,
  };
}
