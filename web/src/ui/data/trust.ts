/** Who trusts me in an emergency: grants with that purpose, and the letters that say whose they are. */
import { useQueries, useQuery } from "@tanstack/react-query";

import type { GrantLine, Hex } from "../../lib";
import { now } from "../format";
import { CALM_MS, useStaffGrants } from "./hooks";
import { type Letter, letterQuery, useLetters } from "./letters";
import { useSession } from "./session";

/** Kinds of parts, by the beginnings of their names. */
const KINDS = {
  reports: ["document", "answers", "report.pdf"],
  images: ["image", "heatmap", "reading"],
  files: ["file"],
} as const;
export type Kind = keyof typeof KINDS;
export const ALL: readonly Kind[] = ["reports", "images", "files"];

export function kindsOf(parts: readonly string[]): readonly Kind[] {
  return parts.length === 0 ? ALL : ALL.filter((kind) => KINDS[kind].some((name) => parts.includes(name)));
}

export function partsOf(kinds: readonly Kind[]): readonly string[] {
  return kinds.length === ALL.length ? [] : kinds.flatMap((kind) => KINDS[kind]);
}

/** An address as it is typed, or as a code on paper has it (EIP-681). */
export function walletIn(text: string): Hex | null {
  const found = /^(?:ethereum:)?(0x[0-9a-f]{40})(?:@\d+)?$/i.exec(text.trim())?.[1];
  return found ? (found.toLowerCase() as Hex) : null;
}

/** What a patient writes to somebody who was named. */
export interface TrustNote {
  readonly v: 1;
  readonly type: "trusted";
  readonly name: string;
  readonly relation: string;
  readonly until: number;
}

export function readTrustNote(text: string): TrustNote | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return null;
    const { v, type, name, relation, until } = value as Partial<TrustNote>;
    const whole = v === 1 && type === "trusted" && typeof name === "string" && typeof relation === "string" && typeof until === "number";
    return whole ? { v, type, name, relation, until } : null;
  } catch {
    return null;
  }
}

/** A letter of this kind, opened. */
export interface Told {
  readonly from: Hex;
  readonly at: number;
  readonly grants: readonly Hex[];
  readonly note: TrustNote;
}

/** What one patient lets the reader open in an emergency. */
export interface Truster {
  readonly key: string;
  /** Nothing where no letter tells. */
  readonly told: Told | null;
  readonly home: Hex;
  readonly grants: readonly GrantLine[];
}

/** Live emergency grants by patient. A letter names whoever gave one of them; the home node knows which
 * grants are of one patient; without either, what is of one hospital stands together. */
export function trusters(grants: readonly GrantLine[], letters: readonly Told[], at: number): readonly Truster[] {
  const live = grants.filter((grant) => grant.purpose === "ETREAT" && grant.stage === "given" && grant.from <= at && grant.until > at);
  const newest = [...letters].sort((a, b) => b.at - a.at);
  const giver = (grant: GrantLine): Told | null => newest.find((told) => told.grants.includes(grant.grant)) ?? null;
  const ofPatient = new Map<Hex, Told>();
  for (const grant of live) {
    const told = giver(grant);
    if (told && grant.patient !== null) ofPatient.set(grant.patient, told);
  }
  const groups = new Map<string, Truster>();
  for (const grant of live) {
    const told = giver(grant) ?? (grant.patient === null ? null : (ofPatient.get(grant.patient) ?? null));
    const key = told?.from ?? grant.patient ?? grant.home;
    const known = groups.get(key);
    groups.set(key, { key, told: newest.find((one) => one.from === told?.from) ?? told, home: grant.home, grants: [...(known?.grants ?? []), grant] });
  }
  return [...groups.values()];
}

export function useTrusters() {
  const session = useSession();
  const grants = useStaffGrants();
  const letters = useLetters();
  const mine = (letters.data ?? []).filter((letter: Letter) => letter.kind === "invitation" && letter.to === session.address);
  const opened = useQueries({ queries: mine.map((letter) => letterQuery(session, letter)) });
  const told = mine.flatMap((letter, i): Told[] => {
    const note = readTrustNote(opened[i]?.data ?? "");
    return note ? [{ from: letter.from, at: letter.at, grants: letter.grants, note }] : [];
  });
  return { ...grants, people: trusters(grants.data ?? [], told, now()) };
}

export function useTrusted() {
  const session = useSession();
  return useQuery({ queryKey: ["trusted"], queryFn: () => session.patient.trusted(), refetchInterval: CALM_MS });
}
