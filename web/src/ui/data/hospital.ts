/** What the institution's own pages read. Fields are taken as they come; a missing one is not invented. */
import { useQuery } from "@tanstack/react-query";

import type { Hex } from "../../lib";
import { useOffers } from "./features";
import { useSession } from "./session";

export interface HeldRecord {
  record: Hex;
  author: Hex;
  cid?: string;
  manifest?: string;
  size?: number | null;
  version?: number;
  created_at?: number;
  stage: string;
  signature?: string | null;
  signature_verified?: boolean | null;
  author_verified?: boolean | null;
  verified?: boolean | null;
  on_chain?: string | boolean | null;
  replicas?: readonly { institution: string; ok_at?: number | null; state?: string }[];
}

export interface Intrusion {
  at: number;
  level: "info" | "warn" | "alert";
  kind: string;
  who?: Hex | null;
  subject?: string | null;
  count?: number;
  text: string;
}

const SLOW_MS = 10_000;

export function useHospital<T>(path: string, name: string) {
  const session = useSession();
  const offered = useOffers(path.split("?")[0] ?? path);
  return useQuery({ queryKey: ["hospital", name, path], queryFn: () => session.json<T>("GET", path), enabled: offered === true, refetchInterval: SLOW_MS, retry: false });
}

export function rows<T>(body: unknown, ...names: readonly string[]): readonly T[] {
  if (Array.isArray(body)) return body as T[];
  if (typeof body !== "object" || body === null) return [];
  for (const name of names) {
    const inside = (body as Record<string, unknown>)[name];
    if (Array.isArray(inside)) return inside as T[];
  }
  return [];
}
