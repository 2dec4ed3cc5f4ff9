/** The forecast of fees: a curve with its band, and the same as a table. */
import { useMemo } from "react";
import type { AlignedData, Options } from "uplot";

import { Fold } from "../components/basics";
import type { Forecast } from "../data/fees";
import { day } from "../format";
import { useT } from "../i18n";
import { axes, Plot, token } from "./plot";

export default function FeeChart({ forecast, price }: { forecast: Forecast; price: (wei: number) => string }) {
  const t = useT();
  const { data, options } = useMemo(() => {
    const known = typeof forecast.as_of === "string" && typeof forecast.as_of_wei === "number" ? [{ date: forecast.as_of, price_wei: forecast.as_of_wei, low_wei: forecast.as_of_wei, high_wei: forecast.as_of_wei }] : [];
    const points = [...known, ...forecast.days];
    const times = points.map((point) => Date.parse(`${point.date}T00:00:00Z`) / 1000);
    const middle = points.map((point) => point.price_wei);
    const low = points.map((point) => point.low_wei);
    const high = points.map((point) => point.high_wei);
    const accent = token("--accent");
    const series = (label: string, width: number) => ({ label, stroke: accent, width, points: { show: width > 1 } });
    const made: Omit<Options, "width" | "height"> = {
      scales: { x: { time: true } },
      legend: { show: false },
      cursor: { show: false },
      axes: axes(price),
      series: [{}, series("middle", 2), series("low", 0.5), series("high", 0.5)],
      bands: [{ series: [3, 2], fill: token("--accent-soft") }],
    };
    return { data: [times, middle, low, high] as AlignedData, options: made };
    // The price changes its words with every render, not its meaning.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [forecast]);
  return (
    <div className="stack tight">
      <Plot data={data} options={options} label={t("Forecast of the cost over the next seven days; the table below has the figures")} />
      <Fold label={t("The figures")}>
        <div className="table-wrap" tabIndex={0}>
          <table>
            <thead>
              <tr>
                <th scope="col">{t("Day")}</th>
                <th scope="col" className="end">
                  {t("Forecast")}
                </th>
                <th scope="col" className="end">
                  {t("Between")}
                </th>
              </tr>
            </thead>
            <tbody>
              {forecast.days.map((ahead) => (
                <tr key={ahead.date}>
                  <th scope="row">{day(ahead.date)}</th>
                  <td className="end">{price(ahead.price_wei)}</td>
                  <td className="end">
                    {typeof ahead.low_wei === "number" && typeof ahead.high_wei === "number" ? `${price(ahead.low_wei)} – ${price(ahead.high_wei)}` : "–"}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </Fold>
    </div>
  );
}
