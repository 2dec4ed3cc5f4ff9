/** Acts that are held for a low fee, or that wait for the person's own wallet. */
import { useQuery } from "@tanstack/react-query";

import type { ActView, Hex, LowFee } from "../../lib";
import { useOffers } from "./features";
import type { Ahead, Costs, Forecast } from "./fees";
import { useSession } from "./session";

const DAY = 86_400;
const LOOK_MS = 5_000;
/** The node takes seven days at most; a page that is open for a while must not ask for more. */
const SLACK = 300;
/** What counts as cheap where nothing is forecast: this share of the fee now. */
const CHEAP = 0.8;
/** A forecast that is hardly below the fee now is no reason to wait for just that. */
const WORTH = 0.95;

/** How long an act may be held, days. */
export const WAITS = [1, 2, 3, 7] as const;
export type Wait = (typeof WAITS)[number];

export function useHolds(): boolean {
  return useOffers("/api/v1/acts/{id}/send-now") === true;
}

export function useAct(id: Hex | null | undefined) {
  const session = useSession();
  return useQuery({
    queryKey: ["act", id],
    queryFn: async (): Promise<ActView | null> => (id ? session.act(id) : null),
    enabled: id != null,
    refetchInterval: LOOK_MS,
  });
}

const startOf = (ahead: Ahead): number => Math.floor(Date.parse(`${ahead.date}T00:00:00Z`) / 1000);

/** The fee to wait for: the lowest that is forecast until then, as a share of the one now; else a share. */
export function lowFee(costs: Costs, forecast: Forecast | undefined, days: Wait, now: number): LowFee {
  const until = now + days * DAY - SLACK;
  const fee = forecast?.now_wei ?? 0;
  const shares = fee > 0 ? (forecast?.days ?? []).filter((one) => startOf(one) < until).map((one) => one.price_wei / fee) : [];
  const lowest = Math.min(...shares);
  const share = lowest < WORTH ? lowest : CHEAP;
  return { maxFeeWei: Math.max(1, Math.floor(costs.base_fee_wei * share)), until };
}

/** How long to wait at first: to the end of the day that the advice names. */
export function waitFor(forecast: Forecast | undefined): Wait {
  const advice = forecast?.advice;
  const days = advice?.do === "wait" ? advice.days : null;
  if (typeof days !== "number") return 3;
  return WAITS.find((wait) => wait > days) ?? 7;
}
