/** The records that this hospital holds: encrypted; it sees who signed, how large, and where copies are. */
import { ScrollText } from "lucide-react";

import { Badge, Empty, Hash, PageHead, Skeleton, Time } from "../../components/basics";
import { Offered } from "../../components/offer";
import { Problem } from "../../components/problem";
import { type HeldRecord, rows, useHospital } from "../../data/hospital";
import { useName } from "../../data/hooks";
import { bytes } from "../../format";
import { useT } from "../../i18n";

const PATH = "/api/v1/hospital/records";

function Row({ record }: { record: HeldRecord }) {
  const t = useT();
  const author = useName(record.author);
  const signed = record.signature_verified ?? record.author_verified ?? record.verified ?? null;
  const copies = record.replicas ?? [];
  const fine = copies.filter((copy) => copy.state === undefined || /ok|held|healthy|stored/i.test(copy.state)).length;
  const chain = record.on_chain === true ? t("On chain") : record.on_chain ? String(record.on_chain) : t("Not yet");
  return (
    <tr>
      <th scope="row">
        <Hash value={record.record} />
      </th>
      <td>{author}</td>
      <td>{record.created_at ? <Time at={record.created_at} /> : "–"}</td>
      <td className="end">{record.size ? bytes(record.size) : "–"}</td>
      <td>{signed === null ? "–" : <Badge tone={signed ? "good" : "bad"}>{signed ? t("Signature holds") : t("Signature wrong")}</Badge>}</td>
      <td>
        {record.stage} · {chain}
      </td>
      <td>{copies.length > 0 ? <Badge tone={fine === copies.length ? "good" : "warn"}>{`${String(fine)} / ${String(copies.length)}`}</Badge> : "–"}</td>
    </tr>
  );
}

function Held() {
  const t = useT();
  const { data, error, isPending, refetch } = useHospital<unknown>(PATH, "records");
  const records = rows<HeldRecord>(data, "records", "items");
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
            <th scope="col">{t("Copies")}</th>
          </tr>
        </thead>
        <tbody>
          {records.map((record) => (
            <Row key={`${record.record}${String(record.version ?? "")}`} record={record} />
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
