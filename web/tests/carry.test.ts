/** "When it is cheap": which fee is waited for, and how long. */

import { describe, expect, it } from "vitest";

import { actOf } from "../src/lib/api/views";
import { lowFee, waitFor } from "../src/ui/data/acts";
import type { Costs, Forecast } from "../src/ui/data/fees";

const NOW = Date.parse("2026-05-04T12:00:00Z") / 1000;
const COSTS: Costs = { gas: { commit: 90_000 }, base_fee_wei: 1000, priority_fee_wei: 5 };

function forecast(prices: readonly number[], advice: Forecast["advice"] = null): Forecast {
  const days = prices.map((price, i) => ({
    date: new Date((NOW + (i + 1) * 86_400) * 1000).toISOString().slice(0, 10), horizon: i + 1, price_wei: price, low_wei: null, high_wei: null,
  }));
  return {
    chain_id: 1, flat: false, state: "current", reason: "", now_wei: 2000, made_at: NOW, as_of: "2026-05-04", as_of_wei: 2000, model: "m", days, advice, notes: [],
  };
}

describe("the fee to wait for", () => {
  it("is the lowest forecast in the time chosen, as a share of the fee now", () => {
    const ahead = forecast([1800, 1500, 1000, 400]);
    expect(lowFee(COSTS, ahead, 2, NOW).maxFeeWei).toBe(750);
    expect(lowFee(COSTS, ahead, 7, NOW).maxFeeWei).toBe(200);
  });

  it("is a fifth below the fee now where nothing lower is forecast, or nothing at all", () => {
    expect(lowFee(COSTS, forecast([2100, 1990]), 3, NOW).maxFeeWei).toBe(800);
    expect(lowFee(COSTS, undefined, 3, NOW).maxFeeWei).toBe(800);
    expect(lowFee(COSTS, { ...forecast([100]), now_wei: null }, 3, NOW).maxFeeWei).toBe(800);
  });

  it("is at least one wei, and ends within what a node takes", () => {
    const { maxFeeWei, until } = lowFee({ ...COSTS, base_fee_wei: 0 }, undefined, 7, NOW);
    expect(maxFeeWei).toBe(1);
    expect(until).toBeLessThan(NOW + 7 * 86_400);
    expect(until).toBeGreaterThan(NOW + 6 * 86_400);
  });
});

describe("how long to wait", () => {
  const advised = (days: number) => waitFor(forecast([1, 1, 1, 1, 1, 1, 1], { do: "wait", days, saves: 0.3 }));
  it("goes to the end of the day that is advised", () => {
    expect([1, 2, 3, 6, 7].map(advised)).toEqual([2, 3, 7, 7, 7]);
  });
  it("is three days without advice", () => {
    expect(waitFor(undefined)).toBe(3);
    expect(waitFor(forecast([1], { do: "send_now", days: null, saves: null }))).toBe(3);
  });
});

describe("an act that is held", () => {
  const raw = { act: `0x${"11".repeat(32)}`, name: "commit", progress: "waiting" as const };
  it("says what it waits for, and nodes of an earlier release say nothing", () => {
    expect(actOf({ ...raw, held: { max_fee_wei: 7, until: NOW } }).waiting).toEqual({ maxFeeWei: 7, until: NOW });
    expect(actOf(raw)).toMatchObject({ waiting: null, ownWallet: null, tx: null });
  });
  it("has the call for an own wallet, and refuses one that is malformed", () => {
    const own = { to: `0x${"AB".repeat(20)}`, data: "0x1234", chain_id: 1, gas: 90_000, relay_at: NOW, value: "0x0" };
    const read = actOf({ ...raw, progress: "own_wallet", own }).ownWallet;
    expect(read).toEqual({ to: `0x${"ab".repeat(20)}`, data: "0x1234", chainId: 1, relayAt: NOW });
    expect(() => actOf({ ...raw, progress: "own_wallet", own: { ...own, to: "0x12" } })).toThrow();
  });
});
