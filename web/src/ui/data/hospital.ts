/** What the institution's own pages read. */
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";

import type { Wire } from "../../lib";
import { useOffers } from "./features";
import { CALM_MS } from "./hooks";
import { useSession } from "./session";

export type Replica = Wire<"CopyView", "institution">;
export type HeldRecord = Omit<Wire<"HeldRecord", "record" | "author">, "replicas"> & { readonly replicas: readonly Replica[] };
export type HeldRecords = Omit<Wire<"HeldRecords">, "records"> & { readonly records: readonly HeldRecord[] };
export type Intrusion = Wire<"Notice", "who">;
export type Holder = Wire<"HolderView", "institution">;
export type Health = Omit<Wire<"HealthView">, "holders"> & { readonly holders: readonly Holder[] };
export type DayFigures = Wire<"DayFigures">;
export type DoctorFigures = Wire<"DoctorFigures", "doctor">;
export type Figures = Omit<Wire<"FiguresView">, "doctors"> & { readonly doctors: readonly DoctorFigures[] };

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
