/** What the institution's own pages read. */
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";

import type { Hex, Stage } from "../../lib";
import { useOffers } from "./features";
import { CALM_MS } from "./hooks";
import { useSession } from "./session";

export interface HeldRecord {
  readonly record: Hex;
  readonly author: Hex;
  readonly author_name: string | null;
  readonly cid: string;
  readonly size: number | null;
  readonly parts: number;
  readonly version: number;
  readonly created_at: number;
  readonly stage: Stage;
  readonly signature: "holds" | "fails" | "erased" | "unknown";
  readonly on_chain: "not" | "current" | "corrected" | "underway" | "erased" | "unknown";
  readonly replicas: readonly { readonly institution: Hex; readonly ok_at: number; readonly state: "held" | "partial" | "deleted" }[];
}

export interface HeldRecords {
  readonly records: readonly HeldRecord[];
  readonly next: string | null;
}

export interface Intrusion {
  readonly at: number;
  readonly level: "info" | "warn" | "alert";
  readonly kind: "refusals" | "off_hours" | "bulk" | "unknown_device" | "break_glass";
  readonly who: Hex;
  readonly name: string | null;
  readonly subject: string | null;
  readonly count: number;
  readonly text: string;
}

export interface Health {
  readonly blobs: number;
  readonly blocks: number;
  readonly bytes: number;
  readonly copies: number;
  readonly quorum: number;
  readonly lacking: number;
  readonly acts_waiting: number;
  readonly acts_pending: number;
  readonly acts_failed: number;
  readonly log_size: number;
  readonly log_anchored: number | null;
  readonly holders: readonly { readonly institution: Hex; readonly holds: number; readonly last_at: number }[];
  readonly events: readonly { readonly at: number; readonly mended: boolean; readonly text: string }[];
}

export interface DayFigures {
  readonly date: string;
  readonly uploads: number;
  readonly opens: number;
  readonly refusals: number;
  readonly gas: number;
}

export interface Figures {
  readonly days: readonly DayFigures[];
  readonly doctors: readonly { readonly doctor: Hex; readonly name: string | null; readonly patients: number; readonly records: number }[];
  readonly patients: number;
}

export function useHospital<T>(path: string) {
  const session = useSession();
  const offered = useOffers(path.split("?")[0] ?? path);
  return useQuery({ queryKey: ["hospital", path], queryFn: () => session.json<T>("GET", path), enabled: offered === true, refetchInterval: CALM_MS, retry: false });
}

export const HELD_PATH = "/api/v1/hospital/records";

/** The records held, page by page, in the order of their ids. */
export function useHeld() {
  const session = useSession();
  return useInfiniteQuery({
    queryKey: ["hospital", "held"],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam }) => session.json<HeldRecords>("GET", pageParam === null ? HELD_PATH : `${HELD_PATH}?after=${encodeURIComponent(pageParam)}`),
    getNextPageParam: (last) => last.next,
    refetchInterval: CALM_MS,
    retry: false,
  });
}
