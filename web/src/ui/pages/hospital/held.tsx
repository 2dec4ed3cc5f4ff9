/** The records that this hospital holds: encrypted; it sees who signed, how large, and where copies are. */
import { ScrollText } from "lucide-react";

import { Badge, Empty, Hash, PageHead, Skeleton, Time } from "../../components/basics";
import { Offered } from "../../components/offer";
import { Problem } from "../../components/problem";
import { type HeldRecord, type HeldRecords, useHospital } from "../../data/hospital";
import { useName } from "../../data/hooks";
import { bytes } from "../../format";
import { useT } from "../../i18n";
import { StageBadge } from "../doctor/sent";

const PATH = "/api/v1/hospital/records";

function Row({ record }: { record: HeldRecord }) {
  const t = useT();
  const author = useName(record.author);
  const fine = record.replicas.filter((copy) => copy.state === "held").length;
  const signed = { holds: t("Signature holds"), fails: t("Signature wrong"), erased: t("Erased"), unknown: t("Not looked at yet") }[record.signature];
  const chain = { not: t("Not yet"), current: t("On chain"), corrected: t("Corrected since"), underway: t("Being sealed"), erased: t("Erased"), unknown: "–" }[record.on_chain];
  return (
    <tr>
      <th scope="row">
        <Hash value={record.record} />
      </th>
      <td>
        <bdi>{record.author_name ?? author}</bdi>
      </td>
      <td>
        <Time at={record.created_at} />
      </td>
      <td className="end">{record.size === null ? "–" : bytes(record.size)}</td>
      <td>
        <Badge tone={record.signature === "holds" ? "good" : record.signature === "fails" ? "bad" : "plain"}>{signed}</Badge>
      </td>
      <td>
        <StageBadge stage={record.stage} />
      </td>
      <td>{chain}</td>
      <td>
        <Badge tone={fine === record.replicas.length ? "good" : "warn"}>{t("{{fine}} of {{all}} hold", { fine, all: record.replicas.length })}</Badge>
      </td>
    </tr>
  );
}

function Held() {
  const t = useT();
  const { data, error, isPending, refetch } = useHospital<HeldRecords>(PATH);
  const records = [...(data?.records ?? [])].sort((a, b) => b.created_at - a.created_at);
  if (error) return <Problem error={error} retry={() => void refetch()} />;
  if (isPending) return <Skeleton />;
  if (records.length === 0) return <Empty title={t("No records yet")} sign={<ScrollText size={32} aria-hidden />}>{t("What your staff write appears here, encrypted.")}</Empty>;
  return (
    <div className="table-wrap" tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th scope="col">{t("Record")}</th>
            <th scope="col">{t("Author")}</th>
            <th scope="col">{t("Made")}</th>
            <th scope="col" className="end">{t("Size")}</th>
            <th scope="col">{t("Signature")}</th>
            <th scope="col">{t("State")}</th>
            <th scope="col">{t("Chain")}</th>
            <th scope="col">{t("Copies")}</th>
          </tr>
        </thead>
        <tbody>
          {records.map((record) => (
            <Row key={record.record} record={record} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

export default function HeldPage() {
  const t = useT();
  return (
    <div className="stack loose">
      <PageHead title={t("Records held")} lead={t("As this hospital holds them: sealed. It sees no title, no name and no word of them.")} />
      <Offered path={PATH}>
        <Held />
      </Offered>
    </div>
  );
}
