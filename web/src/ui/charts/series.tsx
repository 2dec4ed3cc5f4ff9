/** Uploads, opens, refusals and gas by day; patients by doctor. */
import { useMemo } from "react";
import type { AlignedData, Options } from "uplot";

import { Fold } from "../components/basics";
import type { DayFigures, Figures } from "../data/hospital";
import { useName } from "../data/hooks";
import { compact, number } from "../format";
import { useT } from "../i18n";
import { axes, Plot, token } from "./plot";

function Bar({ doctor, most }: { doctor: Figures["doctors"][number]; most: number }) {
  const name = useName(doctor.doctor);
  return (
    <div className="bar-row">
      <bdi>{doctor.name ?? name}</bdi>
      <span className="bar" style={{ inlineSize: `${String((doctor.patients / Math.max(most, 1)) * 100)}%` }} aria-hidden />
      <span className="numeric">{number(doctor.patients)}</span>
    </div>
  );
}

function ByDay({ title, rows, names }: { title: string; rows: readonly DayFigures[]; names: readonly { key: "uploads" | "opens" | "refusals" | "gas"; label: string }[] }) {
  const t = useT();
  const { data, options } = useMemo(() => {
    const times = rows.map((row) => Date.parse(`${row.date}T00:00:00Z`) / 1000);
    const inks = [token("--accent"), token("--ink-3"), token("--bad")];
    const dashes: (number[] | undefined)[] = [undefined, [6, 4], [2, 3]];
    const made: Omit<Options, "width" | "height"> = {
      scales: { x: { time: true }, y: { range: (_, least, most) => [Math.min(0, least), Math.max(1, most)] } },
      legend: { live: false },
      axes: axes(compact),
      series: [{}, ...names.map(({ label }, i) => ({ label, stroke: inks[i] ?? "gray", width: 2, points: { show: rows.length < 40 }, ...(dashes[i] ? { dash: dashes[i] } : {}) }))],
    };
    return { data: [times, ...names.map(({ key }) => rows.map((row) => row[key]))] as AlignedData, options: made };
  }, [rows, names]);
  return (
    <section className="card stack">
      <h2>{title}</h2>
      <Plot data={data} options={options} label={t("{{title}} by day; the table below has the figures", { title })} />
      <Fold label={t("The figures")}>
        <div className="table-wrap" tabIndex={0}>
          <table>
            <thead>
              <tr>
                <th scope="col">{t("Day")}</th>
                {names.map(({ key, label }) => (
                  <th key={key} scope="col" className="end">
                    {label}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <tr key={row.date}>
                  <th scope="row">{row.date}</th>
                  {names.map(({ key }) => (
                    <td key={key} className="end">
                      {number(row[key])}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </Fold>
    </section>
  );
}

const TOUCHES = ["uploads", "opens", "refusals"] as const;

export default function SeriesCharts({ figures }: { figures: Figures }) {
  const t = useT();
  const touches = useMemo(() => {
    const labels = { uploads: t("Uploads"), opens: t("Opens"), refusals: t("Refusals") };
    return TOUCHES.map((key) => ({ key, label: labels[key] }));
  }, [t]);
  const gas = useMemo(() => [{ key: "gas" as const, label: t("Gas") }], [t]);
  const doctors = [...figures.doctors].sort((a, b) => b.patients - a.patients);
  return (
    <div className="columns">
      <ByDay title={t("What was done")} rows={figures.days} names={touches} />
      <ByDay title={t("Gas spent")} rows={figures.days} names={gas} />
      <section className="card stack">
        <h2>{t("Patients by doctor")}</h2>
        <p className="muted small">{t("{{count}} patients are enrolled here.", { count: figures.patients })}</p>
        <div className="bars">
          {doctors.slice(0, 15).map((doctor) => (
            <Bar key={doctor.doctor} doctor={doctor} most={doctors[0]?.patients ?? 0} />
          ))}
        </div>
      </section>
      <section className="card stack">
        <h2>{t("Patients by symptom")}</h2>
        <p className="muted">{t("Symptoms stand in sealed records, which this hospital's node cannot read; so it cannot count them.")}</p>
      </section>
    </div>
  );
}
