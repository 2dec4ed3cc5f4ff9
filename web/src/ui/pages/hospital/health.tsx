/** Copies, repairs, what waits to be sent, and the seals of the log. */
import { Badge, Notice, PageHead, Said, Skeleton, Time } from "../../components/basics";
import { Offered } from "../../components/offer";
import { Problem } from "../../components/problem";
import { type Health, useHospital } from "../../data/hospital";
import { useName } from "../../data/hooks";
import { bytes, number } from "../../format";
import { useT } from "../../i18n";

const PATH = "/api/v1/hospital/health";

function Kpi({ label, value }: { label: string; value: string }) {
  return (
    <div className="kpi">
      <span className="small muted">{label}</span>
      <strong>{value}</strong>
    </div>
  );
}

function Holder({ holder }: { holder: Health["holders"][number] }) {
  const name = useName(holder.institution);
  return (
    <tr>
      <th scope="row">
        <bdi>{name}</bdi>
      </th>
      <td className="end">{number(holder.holds)}</td>
      <td>{holder.last_at > 0 ? <Time at={holder.last_at} /> : "–"}</td>
    </tr>
  );
}

function State() {
  const t = useT();
  const { data, error, isPending, refetch } = useHospital<Health>(PATH);
  if (error) return <Problem error={error} retry={() => void refetch()} />;
  if (isPending) return <Skeleton />;
  return (
    <>
      {data.lacking > 0 ? (
        <Notice tone="warn" title={t("{{count}} files lack copies", { count: data.lacking })}>
          {t("The node asks the other hospitals again by itself.")}
        </Notice>
      ) : (
        <Notice tone="good" title={t("Every file has its copies")}>
          {t("{{copies}} copies each; {{quorum}} must hold before an upload is acknowledged.", { copies: data.copies, quorum: data.quorum })}
        </Notice>
      )}
      {data.acts_failed > 0 ? <Notice tone="bad" title={t("{{count}} transactions failed", { count: data.acts_failed })} /> : null}
      <div className="kpis">
        <Kpi label={t("Sealed files")} value={number(data.blobs)} />
        <Kpi label={t("Size")} value={bytes(data.bytes)} />
        <Kpi label={t("Transactions waiting")} value={number(data.acts_waiting + data.acts_pending)} />
        <Kpi label={t("Entries of the log")} value={number(data.log_size)} />
        <Kpi label={t("of them sealed on chain")} value={typeof data.log_anchored === "number" ? number(data.log_anchored) : "–"} />
      </div>
      <section className="stack tight" aria-labelledby="holders">
        <h2 id="holders">{t("Who holds our copies")}</h2>
        <div className="table-wrap" tabIndex={0}>
          <table>
            <thead>
              <tr>
                <th scope="col">{t("Hospital")}</th>
                <th scope="col" className="end">
                  {t("Files")}
                </th>
                <th scope="col">{t("Last proof")}</th>
              </tr>
            </thead>
            <tbody>
              {data.holders.map((holder) => (
                <Holder key={holder.institution} holder={holder} />
              ))}
            </tbody>
          </table>
        </div>
      </section>
      <section className="stack tight" aria-labelledby="events">
        <h2 id="events">{t("Damage and repairs")}</h2>
        {data.events.length === 0 ? <p className="muted">{t("None so far.")}</p> : null}
        <ul className="list">
          {data.events.map((event, i) => (
            <li key={i} className="item">
              <span className="main">
                <Said>{event.text}</Said> <Time at={event.at} />
              </span>
              <Badge tone={event.mended ? "good" : "bad"}>{event.mended ? t("Repaired") : t("Damaged")}</Badge>
            </li>
          ))}
        </ul>
      </section>
    </>
  );
}

export default function HealthPage() {
  const t = useT();
  return (
    <div className="stack loose">
      <PageHead title={t("Copies and repairs")} lead={t("Each record is kept at several hospitals; what is lost is repaired from the others.")} />
      <Offered path={PATH}>
        <State />
      </Offered>
    </div>
  );
}
