/** What an act costs, on the main network and on a rollup. */
import { describe, expect, test } from "vitest";

import { type Costs, costOf } from "../src/ui/data/fees";

const COSTS: Costs = { gas: { commit: 65_000, grant: 53_000 }, base_fee_wei: 100, priority_fee_wei: 10 };

describe("the cost of an act", () => {
  test("is its gas at both parts of the price", () => {
    expect(costOf(COSTS, "commit")).toBe(65_000 * 110);
    expect(costOf(COSTS, "commit", 40)).toBe(65_000 * 40);
    expect(costOf(COSTS, "erase")).toBeNull();
    expect(costOf(undefined, "commit")).toBeNull();
  });

  test("has what a rollup asks for the bytes on top, whatever its own price", () => {
    const rollup: Costs = { ...COSTS, l1_data_fee_wei: { commit: 700_000 } };
    expect(costOf(rollup, "commit")).toBe(65_000 * 110 + 700_000);
    expect(costOf(rollup, "commit", 40)).toBe(65_000 * 40 + 700_000);
    expect(costOf(rollup, "grant")).toBe(53_000 * 110);
  });
});
