/** What an act costs now, and whether waiting would be cheaper. */
import { lazy, Suspense } from "react";

import { Fold, Notice, Skeleton } from "../../components/basics";
import { type Ahead, costOf, type Costs, type GasAct, useCosts, useForecast } from "../../data/fees";
import { useOffers } from "../../data/features";
import { day, ether, money, percent, relativeTime } from "../../format";
import { useT } from "../../i18n";

const FeeChart = lazy(() => import("../../charts/fees"));
/** Below this share a saving is not worth a wait. */
const WORTH = 0.05;

export function priceWords(costs: Costs | undefined, wei: number): string {
  const fiat = costs?.fiat;
  return fiat ? money((wei / 1e18) * fiat.per_ether, fiat.currency) : ether(wei);
}

export function CostRow({ act }: { act: GasAct }) {
  const t = useT();
  const offered = useOffers("/api/v1/costs");
  const { data, error } = useCosts();
  const wei = costOf(data, act);
  if (offered === false || error) return <>{t("This hospital's node does not say; you pay nothing")}</>;
  if (wei === null) return <Skeleton lines={1} />;
  return (
    <>
      <span className="price">{priceWords(data, wei)}</span> <span className="muted">{t("now")}</span>
    </>
  );
}

const PLANS = "stele.plans";

function plans(): Record<string, number> {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(PLANS) ?? "{}");
    return typeof kept === "object" && kept !== null ? (kept as Record<string, number>) : {};
  } catch {
    return {};
  }
}

/** When a report that was put off is to be looked at again, unix seconds. */
export function planned(record: string): number | null {
  const at = plans()[record];
  return typeof at === "number" ? at : null;
}

function keep(record: string, at: number | null): void {
  const { [record]: _, ...others } = plans();
  localStorage.setItem(PLANS, JSON.stringify(at === null ? others : { ...others, [record]: at }));
}

export interface Outlook {
  /** The start of the cheapest day ahead, if it is worth a wait. */
  best: number | null;
  bestWords: string;
  remember: (record: string, at: number) => void;
  forget: (record: string) => void;
  act: GasAct;
}

function cheapest(days: readonly Ahead[]): Ahead | null {
  return days.reduce<Ahead | null>((least, ahead) => (least === null || ahead.price_wei < least.price_wei ? ahead : least), null);
}

export function useOutlook(act: GasAct): Outlook {
  const t = useT();
  const forecast = useForecast();
  const data = forecast.data;
  const least = data && !data.flat ? cheapest(data.days) : null;
  const saves = data?.now_wei && least ? 1 - least.price_wei / data.now_wei : 0;
  const worth = least !== null && saves >= WORTH;
  return {
    act,
    best: worth ? Math.floor(Date.parse(`${least.date}T00:00:00Z`) / 1000) : null,
    bestWords: worth ? t("Probably on {{day}}, about {{share}} cheaper.", { day: day(least.date), share: percent(saves) }) : "",
    remember: keep,
    forget: (record) => keep(record, null),
  };
}

export function When({ outlook }: { outlook: Outlook }) {
  const t = useT();
  const offered = useOffers("/api/forecast");
  const forecast = useForecast();
  const costs = useCosts();
  if (offered === false) return <p className="muted small">{t("This hospital's node makes no forecast of fees.")}</p>;
  if (forecast.error) return <p className="muted small">{t("There is no forecast of fees at the moment.")}</p>;
  if (!forecast.data) return null;
  const { data } = forecast;
  return (
    <div className="stack tight">
      {data.flat || outlook.best === null ? (
        <Notice tone="good" title={t("Now is a good time")}>
          <p className="small">{t("Nothing in the next seven days is forecast to be clearly cheaper.")}</p>
        </Notice>
      ) : null}
      {data.days.length === 0 || data.made_at === null ? null : (
        <Fold label={t("Forecast of the next seven days")}>
        <Suspense fallback={<Skeleton lines={2} />}>
          <FeeChart forecast={data} price={(wei) => (costs.data ? priceWords(costs.data, (costs.data.gas[outlook.act] ?? 0) * wei) : `${(wei / 1e9).toPrecision(3)} gwei`)} />
        </Suspense>
        <p className="small muted">
          {t("Made {{when}} by the model {{model}}; four of five days should fall into the band.", { when: relativeTime(data.made_at), model: data.model ?? "" })} {data.notes.join(" ")}
        </p>
        </Fold>
      )}
    </div>
  );
}
