/** What acts cost now and in the next days, where the node knows. */
import { useQuery } from "@tanstack/react-query";

import { useSession } from "./session";
import { useOffers } from "./features";

export type GasAct = "commit" | "grant" | "revoke" | "request" | "checkpoint" | "erase";

export interface Costs {
  gas: Partial<Record<GasAct, number>>;
  base_fee_wei: number;
  priority_fee_wei: number;
  /** What a rollup charges on top for an act's bytes; it does not follow the rollup's price. */
  l1_data_fee_wei?: Partial<Record<GasAct, number>> | null;
  fiat?: { currency: string; per_ether: number } | null;
}

export interface Ahead {
  date: string;
  price_wei: number;
  low_wei: number | null;
  high_wei: number | null;
}

export interface Forecast {
  state: "current" | "stale" | "learning" | "flat" | "off";
  /** The state in words. */
  reason: string;
  now_wei: number | null;
  /** Null, like the model and the day, while there is no forecast. */
  made_at: number | null;
  as_of: string | null;
  as_of_wei: number | null;
  model: string | null;
  days: readonly Ahead[];
  advice: { do: "send_now" | "wait" | "flat"; days: number | null; saves: number | null } | null;
  notes: readonly string[];
}

const MINUTE_MS = 60_000;

export function useCosts() {
  const session = useSession();
  const offered = useOffers("/api/v1/costs");
  return useQuery({
    queryKey: ["costs"],
    queryFn: () => session.json<Costs>("GET", "/api/v1/costs"),
    enabled: offered === true,
    staleTime: MINUTE_MS,
    retry: false,
  });
}

export function useForecast() {
  const session = useSession();
  const offered = useOffers("/api/forecast");
  return useQuery({
    queryKey: ["forecast"],
    queryFn: () => session.json<Forecast>("GET", "/api/forecast"),
    enabled: offered === true,
    staleTime: 10 * MINUTE_MS,
    retry: false,
  });
}

/** Wei that an act costs at a price, or null where it is not known. */
export function costOf(costs: Costs | undefined, act: GasAct, price?: number): number | null {
  const gas = costs?.gas[act];
  if (!costs || gas === undefined) return null;
  return gas * (price ?? costs.base_fee_wei + costs.priority_fee_wei) + (costs.l1_data_fee_wei?.[act] ?? 0);
}
