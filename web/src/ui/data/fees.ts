/** What acts cost now and in the next days, where the node knows. */
import { useQuery } from "@tanstack/react-query";

import type { Wire } from "../../lib";
import { useSession } from "./session";
import { useOffers } from "./features";

export type GasAct = keyof Wire<"Gas">;
/** Figures by act, of which a node may know some alone. */
type ByAct<T> = T extends object ? Readonly<Partial<Record<GasAct, number>>> : T;
type View = Wire<"CostsView">;
/** What acts cost. What a rollup charges on top for an act's bytes does not follow the rollup's price. */
export type Costs = { readonly [Field in keyof View]: Field extends "gas" | "l1_data_fee_wei" ? ByAct<View[Field]> : View[Field] };
export type Ahead = Wire<"DayView">;
export type Forecast = Wire<"ForecastView">;

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
