/** The trail: who touched the records, each entry provable against the chain. */

import { ok } from "../api/http";
import type { Schemas } from "../api/wire";
import { Wrong } from "../errors";
import { address20, fromHex, hash32, hexOf, toHex, ZERO20 } from "../formats/bytes";
import { decodeAny } from "../formats/cbor";
import { LOG_ENTRY_BYTES, PATH_HASHES } from "../formats/limits";
import { readCheckpoint, TILE, tileHashes, tilePath } from "../formats/log";
import type { Checkpoint } from "../formats/log";
import { consistent, Frontier, rootFromPath } from "../formats/merkle";
import { checkLogProof, entryLeaf } from "../formats/proof";
import type { LogProof } from "../formats/proof";
import type { EntryCheck, Hex, TrailEntry } from "../types";
import { at } from "./context";
import type { Context } from "./context";

type Raw = Schemas["ProvenEntry"];

/** An entry as it travels in proof bundles. */
export function logProofOf(raw: Raw): LogProof {
  if (raw.path.length > PATH_HASHES) throw new Wrong("log entry", "its proof is too long", "too_large");
  return {
    institution: address20(raw.institution, "institution"),
    entry: fromHex(raw.entry, "log entry"),
    salt: hash32(raw.salt, "salt"),
    leaf: raw.leaf,
    size: raw.size,
    root: hash32(raw.root, "root"),
    path: raw.path.map((hash) => hash32(hash, "path")),
  };
}

/** Entries hold hashes and addresses as bytes or as text. */
function hexOrNull(value: unknown, length: number): Hex | null {
  if (value instanceof Uint8Array) return value.length === length ? toHex(value) : null;
  return typeof value === "string" && new RegExp(`^0x[0-9a-fA-F]{${2 * length}}$`).test(value) ? hexOf(value, "hash", length) : null;
}

/** An entry in words. */
function entryOf(raw: Raw): TrailEntry {
  const proof = logProofOf(raw);
  const entry = decodeAny("log entry", proof.entry, LOG_ENTRY_BYTES) as Record<string, unknown>;
  const text = (key: string): string | null => (typeof entry[key] === "string" ? entry[key] : null);
  return {
    institution: proof.institution,
    leaf: proof.leaf,
    deed: text("deed") ?? "",
    at: typeof entry["at"] === "number" ? entry["at"] : 0,
    actor: hexOrNull(entry["actor"], 20) ?? ZERO20,
    record: hexOrNull(entry["record"], 32),
    grant: hexOrNull(entry["grant"], 32),
    detail: text("detail"),
    refusal: text("refusal"),
    size: proof.size,
    root: proof.root,
    salt: proof.salt,
    path: proof.path,
    bytes: proof.entry,
  };
}

/** All entries about the caller. Those that claim a proof which does not hold are refused. */
export async function trail(context: Context): Promise<TrailEntry[]> {
  const raw = await ok(context.http.api.GET("/api/v1/trail"));
  raw.filter((entry) => entry.size > 0).forEach((entry) => checkLogProof(logProofOf(entry)));
  return raw.map(entryOf);
}

/** The root of a log at a size, from its tiles: a few of them, however long the log. */
export async function rootAt(context: Context, size: number, available: number): Promise<Hex> {
  const frontier = new Frontier();
  const levels: { readonly level: number; readonly count: number }[] = [];
  for (let level = 0, count = size; count > 0; level++, count = Math.floor(count / TILE)) levels.push({ level, count });
  for (const { level, count } of levels.reverse()) {
    const width = count % TILE;
    if (width === 0) continue;
    const number = Math.floor(count / TILE);
    const has = Math.min(TILE, Math.floor(available / TILE ** level) - number * TILE);
    const hashes = await tile(context, level, number, Math.max(width, has));
    for (const hash of hashes.slice(0, width)) frontier.push(hash, TILE ** level);
  }
  return frontier.root();
}

/** The hashes of one tile. */
export async function tile(context: Context, level: number, number: number, width: number): Promise<Hex[]> {
  const body = await context.http.blob("GET", `/api/v1/log/${tilePath(level, number, width)}`);
  return tileHashes(new Uint8Array(await body.arrayBuffer()), width);
}

/** The latest signed checkpoint of the node's log, its signature checked. */
export async function latestCheckpoint(context: Context, institution: Hex): Promise<Checkpoint> {
  const checkpoint = readCheckpoint(await context.http.text("/api/v1/log/checkpoint"));
  const { origin } = checkpoint;
  const { chainId, contracts } = at(context);
  if (origin.institution !== institution || origin.chainId !== chainId || origin.contract !== contracts.log) {
    throw new Wrong("checkpoint", "it is of another log");
  }
  return checkpoint;
}

interface Point {
  readonly size: number;
  readonly root: Hex;
}

/** Refuse two states of a log of which neither grew from the other. */
export async function checkGrowth(context: Context, a: Point, b: Point): Promise<void> {
  const [from, to] = a.size <= b.size ? [a, b] : [b, a];
  let path: readonly Hex[] = [];
  if (from.size > 0 && from.size < to.size) {
    const view = await context.http.json<Schemas["ConsistencyView"]>(
      "GET", `/api/v1/log/consistency?from=${from.size}&to=${to.size}`,
    );
    path = view.path.slice(0, PATH_HASHES + 1).map((hash) => hash32(hash, "path"));
  }
  if (!consistent(from, to, path)) {
    throw new Wrong("log", `the log of size ${to.size} did not grow from the one of size ${from.size}`, "rewritten");
  }
}

/** "Check it": inclusion, the institution's signature, and the chain. */
export async function check(context: Context, entry: TrailEntry): Promise<EntryCheck> {
  const found = { size: entry.size, root: entry.root, anchor: null, reason: null };
  if (entry.size === 0) return { ...found, state: "waiting" };
  try {
    return await prove(context, entry);
  } catch (error) {
    if (error instanceof Wrong) return { ...found, state: "wrong", reason: error.message };
    throw error;
  }
}

async function prove(context: Context, entry: TrailEntry): Promise<EntryCheck> {
  const { leaf, size, root, path } = entry;
  if (rootFromPath(entryLeaf(entry.salt, entry.bytes), leaf, size, path) !== root) {
    throw new Wrong(`log entry ${leaf}`, "its proof does not lead to the root", "wrong_proof");
  }
  const { ChainReader } = await import("../chain/reader");
  const chain = new ChainReader(context.http, at(context));
  const found = { size, root, reason: null };
  if (entry.institution !== context.card.institution) {
    // Another institution's log is not served here: its entries come with a checkpoint of the chain's.
    const holds = await chain.holds(entry.institution, entry, context.card.firstBlock);
    if (!holds) throw new Wrong("log", "the chain does not hold the checkpoint that it was proven in", "not_anchored");
    return { ...found, state: "proven", anchor: { size } };
  }
  const latest = await latestCheckpoint(context, entry.institution);
  await checkGrowth(context, entry, latest);
  const anchored = await chain.latest(entry.institution);
  if (anchored.size <= leaf) return { ...found, state: "signed", anchor: null };
  if (anchored.size > latest.size) throw new Wrong("log", "the chain knows more entries than the hospital shows", "rewritten");
  const known = { size: anchored.size, root: await rootAt(context, anchored.size, latest.size) };
  if (!known.root.startsWith(anchored.prefix.toLowerCase())) {
    throw new Wrong("log", "the chain holds another log than the hospital shows", "rewritten");
  }
  // The chain's log and the entry's are states of one: with the entry before both ends, it is in both.
  await checkGrowth(context, entry, known);
  return { ...found, state: "proven", anchor: { size: anchored.size } };
}
