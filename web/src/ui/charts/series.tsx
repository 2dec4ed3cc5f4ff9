/** Uploads, opens, refusals and gas by day; patients by doctor and by symptom. */
import { useMemo } from "react";
import type { AlignedData, Options } from "uplot";

import { Fold } from "../components/basics";
import { useName } from "../data/hooks";
import type { Hex } from "../../lib";
import { number } from "../format";
import { useT } from "../i18n";
import { axes, Plot, token } from "./plot";

type Json = Readonly<Record<string, unknown>>;

interface Day {
  date: string;
  values: Readonly<Record<string, number>>;
}

const WANTED = ["uploads", "opens", "refusals", "gas"] as const;

function objects(value: unknown): readonly Json[] {
  return Array.isArray(value) ? (value.filter((one) => typeof one === "object" && one !== null) as Json[]) : [];
}

function dateOf(row: Json): string {
  const date = row["date"] ?? row["day"];
  if (typeof date === "number") return new Date(date > 1e9 ? date * 1000 : date * 86_400_000).toISOString().slice(0, 10);
  return typeof date === "string" ? date.slice(0, 10) : "";
}

/** The node gives one row for each day, or one list for each series. */
function days(figures: unknown): readonly Day[] {
  const body = typeof figures === "object" && figures !== null ? (figures as Json) : {};
  const list = objects(body["days"] ?? body["by_day"] ?? body["series"]);
  if (list.length > 0) return list.map((row) => ({ date: dateOf(row), values: numbers(row) })).filter((row) => row.date);
  const merged = new Map<string, Record<string, number>>();
  for (const name of WANTED) {
    for (const row of objects(body[name])) {
      const value = row["count"] ?? row["value"] ?? row[name];
      if (typeof value === "number") merged.set(dateOf(row), { ...merged.get(dateOf(row)), [name]: value });
    }
  }
  return [...merged].map(([date, values]) => ({ date, values })).sort((a, b) => a.date.localeCompare(b.date));
}

function numbers(row: Json): Record<string, number> {
  const known = WANTED.map((name) => [name, row[name] ?? row[`${name}_used`] ?? row[`${name}_spent`]] as const);
  return Object.fromEntries(known.filter((entry): entry is [(typeof WANTED)[number], number] => typeof entry[1] === "number"));
}

interface Share {
  name: string;
  wallet: Hex | null;
  count: number;
}

function shares(figures: unknown, ...names: readonly string[]): readonly Share[] {
  const body = typeof figures === "object" && figures !== null ? (figures as Json) : {};
  for (const name of names) {
    const found = objects(body[name]).map((row) => {
      const label = row["name"] ?? row["doctor"] ?? row["symptom"] ?? row["label"] ?? row["author"];
      const count = row["patients"] ?? row["count"];
      const text = typeof label === "string" ? label : "";
      return { name: text, wallet: text.startsWith("0x") ? (text as Hex) : null, count: typeof count === "number" ? count : 0 };
    });
    if (found.length > 0) return found.sort((a, b) => b.count - a.count);
  }
  return [];
}

function Bar({ share, most }: { share: Share; most: number }) {
  const name = useName(share.wallet);
  return (
    <div className="bar-row">
      <bdi>{share.wallet ? name : share.name}</bdi>
      <span className="bar" style={{ inlineSize: `${String((share.count / Math.max(most, 1)) * 100)}%` }} aria-hidden />
      <span className="numeric">{number(share.count)}</span>
    </div>
  );
}

function Bars({ title, list }: { title: string; list: readonly Share[] }) {
  const most = list[0]?.count ?? 0;
  if (list.length === 0) return null;
  return (
    <section className="card stack">
      <h2>{title}</h2>
      <div className="bars">
        {list.slice(0, 15).map((share) => (
          <Bar key={share.name} share={share} most={most} />
        ))}
      </div>
    </section>
  );
}

function ByDay({ title, rows, names }: { title: string; rows: readonly Day[]; names: readonly { key: string; label: string }[] }) {
  const t = useT();
  const { data, options } = useMemo(() => {
    const times = rows.map((row) => Date.parse(`${row.date}T00:00:00Z`) / 1000);
    const inks = [token("--accent"), token("--ink-3"), token("--bad")];
    const dashes: (number[] | undefined)[] = [undefined, [6, 4], [2, 3]];
    const made: Omit<Options, "width" | "height"> = {
      scales: { x: { time: true }, y: { range: (_, least, most) => [Math.min(0, least), Math.max(1, most)] } },
      axes: axes((value) => number(value)),
      series: [{}, ...names.map(({ label }, i) => ({ label, stroke: inks[i] ?? "gray", width: 2, points: { show: rows.length < 40 }, ...(dashes[i] ? { dash: dashes[i] } : {}) }))],
    };
    return { data: [times, ...names.map(({ key }) => rows.map((row) => row.values[key] ?? 0))] as AlignedData, options: made };
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
                      {number(row.values[key] ?? 0)}
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

export default function SeriesCharts({ figures }: { figures: unknown }) {
  const t = useT();
  const rows = useMemo(() => days(figures), [figures]);
  const touches = useMemo(() => [{ key: "uploads", label: t("Uploads") }, { key: "opens", label: t("Opens") }, { key: "refusals", label: t("Refusals") }], [t]);
  const gas = useMemo(() => [{ key: "gas", label: t("Gas") }], [t]);
  return (
    <div className="columns">
      <ByDay title={t("What was done")} rows={rows} names={touches} />
      <ByDay title={t("Gas spent")} rows={rows} names={gas} />
      <Bars title={t("Patients by doctor")} list={shares(figures, "patients_by_doctor", "by_doctor", "doctors")} />
      <Bars title={t("Patients by symptom")} list={shares(figures, "patients_by_symptom", "by_symptom", "symptoms")} />
    </div>
  );
}
