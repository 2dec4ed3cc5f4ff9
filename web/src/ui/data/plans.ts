/** Reports that a patient put off until a cheaper day: kept in this browser, by account. */
import type { Hex } from "../../lib";

const plansOf = (account: Hex): string => `stele.plans.${account}`;

function plans(account: Hex): Record<string, number> {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(plansOf(account)) ?? "{}");
    return typeof kept === "object" && kept !== null ? (kept as Record<string, number>) : {};
  } catch {
    return {};
  }
}

/** When a report that was put off is to be looked at again, unix seconds. */
export function planned(account: Hex, record: Hex): number | null {
  const at = plans(account)[record];
  return typeof at === "number" ? at : null;
}

/** Put a report off, or take the plan back. */
export function plan(account: Hex, record: Hex, at: number | null): void {
  const others = Object.entries(plans(account)).filter(([known]) => known !== record);
  const now = Object.fromEntries(at === null ? others : [...others, [record, at]]);
  if (Object.keys(now).length === 0) localStorage.removeItem(plansOf(account));
  else localStorage.setItem(plansOf(account), JSON.stringify(now));
}
