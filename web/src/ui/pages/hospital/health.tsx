/** Copies, repairs, what waits to be sent, and the seals of the log. */
import { Fold, PageHead, Skeleton } from "../../components/basics";
import { Offered } from "../../components/offer";
import { Problem } from "../../components/problem";
import { useHospital } from "../../data/hospital";
import { number, relativeTime } from "../../format";
import { useT } from "../../i18n";

const PATH = "/api/v1/hospital/health";

function words(key: string): string {
  const plain = key.replaceAll("_", " ");
  return plain.charAt(0).toUpperCase() + plain.slice(1);
}

function Value({ name, value }: { name: string; value: unknown }) {
  if (typeof value === "number") return <>{/(_at|_time)$/.test(name) && value > 1e9 ? relativeTime(value) : number(value, 2)}</>;
  if (typeof value === "boolean") return <>{value ? "✓" : "–"}</>;
  if (typeof value === "string") return <span className="mono">{value}</span>;
  if (value === null || value === undefined) return <>–</>;
  return <span className="small mono">{JSON.stringify(value)}</span>;
}

/** Whatever the node reports: figures as tiles, lists as tables. */
function Report({ report, depth = 0 }: { report: Readonly<Record<string, unknown>>; depth?: number }) {
  const entries = Object.entries(report);
  const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);
  const single = entries.filter(([, value]) => typeof value !== "object" || value === null);
  const lists = entries.filter(([, value]) => Array.isArray(value) && value.length > 0) as [string, unknown[]][];
  const groups = entries.filter((entry): entry is [string, Record<string, unknown>] => isObject(entry[1]));
  return (
    <div className="stack">
      {single.length > 0 ? (
        <div className="kpis">
          {single.map(([name, value]) => (
            <div key={name} className="kpi">
              <span className="small muted">{words(name)}</span>
              <strong>
                <Value name={name} value={value} />
              </strong>
            </div>
          ))}
        </div>
      ) : null}
      {groups.map(([name, value]) => (
        <section key={name} className="stack tight">
          {depth === 0 ? <h2>{words(name)}</h2> : <h3>{words(name)}</h3>}
          <Report report={value} depth={depth + 1} />
        </section>
      ))}
      {lists.map(([name, list]) => (
        <section key={name} className="stack tight">
          {depth === 0 ? <h2>{words(name)}</h2> : <h3>{words(name)}</h3>}
          <List rows={list} />
        </section>
      ))}
    </div>
  );
}

function List({ rows }: { rows: readonly unknown[] }) {
  const objects = rows.filter((row): row is Record<string, unknown> => typeof row === "object" && row !== null);
  const columns = [...new Set(objects.flatMap((row) => Object.keys(row)))];
  if (columns.length === 0) return <p className="mono small">{rows.join(", ")}</p>;
  return (
    <div className="table-wrap" tabIndex={0}>
      <table>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column} scope="col">
                {words(column)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {objects.map((row, i) => (
            <tr key={i}>
              {columns.map((column) => (
                <td key={column}>
                  <Value name={column} value={row[column]} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Health() {
  const t = useT();
  const { data, error, isPending, refetch } = useHospital<Readonly<Record<string, unknown>>>(PATH, "health");
  if (error) return <Problem error={error} retry={() => void refetch()} />;
  if (isPending) return <Skeleton />;
  return (
    <>
      <Report report={data} />
      <Fold label={t("As the node says it")}>
        <pre className="mono small prose" tabIndex={0}>
          {JSON.stringify(data, null, 2)}
        </pre>
      </Fold>
    </>
  );
}

export default function HealthPage() {
  const t = useT();
  return (
    <div className="stack loose">
      <PageHead title={t("Copies and repairs")} lead={t("Each record is kept at several hospitals; what is lost is repaired from the others.")} />
      <Offered path={PATH}>
        <Health />
      </Offered>
    </div>
  );
}
