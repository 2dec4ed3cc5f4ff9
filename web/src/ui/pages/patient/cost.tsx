/** What an act costs now, and whether waiting would be cheaper. */
import { lazy, Suspense } from "react";

import { Fold, Notice, Skeleton } from "../../components/basics";
import { costOf, type Costs, type GasAct, useCosts, useForecast } from "../../data/fees";
import { useOffers } from "../../data/features";
import { day, ether, money, percent, relativeTime } from "../../format";
import { useT } from "../../i18n";

const FeeChart = lazy(() => import("../../charts/fees"));

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

export interface Outlook {
  /** Whether a day ahead is worth a wait. */
  best: boolean;
  bestWords: string;
  act: GasAct;
}

export function useOutlook(act: GasAct): Outlook {
  const t = useT();
  const { data } = useForecast();
  const advice = data?.advice;
  const chosen = advice?.do === "wait" && typeof advice.days === "number" ? (data?.days[advice.days - 1] ?? null) : null;
  return {
    act,
    best: chosen !== null,
    bestWords: chosen ? t("Probably on {{day}}, about {{share}} cheaper.", { day: day(chosen.date), share: percent(advice?.saves ?? 0) }) : "",
  };
}

export function When({ outlook }: { outlook: Outlook }) {
  const t = useT();
  const offered = useOffers("/api/forecast");
  const forecast = useForecast();
  const costs = useCosts();
  if (offered === false || forecast.data?.state === "off") return <p className="muted small">{t("This hospital's node makes no forecast of fees.")}</p>;
  if (forecast.error) return <p className="muted small">{t("There is no forecast of fees at the moment.")}</p>;
  if (!forecast.data) return null;
  const { data } = forecast;
  const price = (wei: number) => (costs.data ? priceWords(costs.data, costOf(costs.data, outlook.act, wei) ?? 0) : `${(wei / 1e9).toPrecision(3)} gwei`);
  return (
    <div className="stack tight">
      {data.state === "learning" ? <p className="muted small">{t("The forecast is still learning from past fees.")}</p> : null}
      {data.state !== "learning" && !outlook.best ? (
        <Notice tone="good" title={t("Now is a good time")}>
          <p className="small">{t("Nothing in the next seven days is forecast to be clearly cheaper.")}</p>
        </Notice>
      ) : null}
      {data.days.length > 0 ? (
        <Fold label={t("Forecast of the next seven days")}>
          <Suspense fallback={<Skeleton lines={2} />}>
            <FeeChart forecast={data} price={price} />
          </Suspense>
          <p className="small muted">
            {t("Made {{when}} by the model {{model}}; four of five days should fall into the band.", { when: relativeTime(data.made_at ?? 0), model: data.model ?? "" })} {data.notes.join(" ")}
          </p>
        </Fold>
      ) : (
        <Fold>
          <p className="small">{data.reason}</p>
        </Fold>
      )}
    </div>
  );
}
