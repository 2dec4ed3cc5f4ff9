/** The records that this hospital holds: encrypted; it sees who signed, how large, and where copies are. */
import { ScrollText } from "lucide-react";

import { Badge, Button, Empty, Hash, PageHead, Skeleton, Time } from "../../components/basics";
import { Offered } from "../../components/offer";
import { Problem } from "../../components/problem";
import { HELD_PATH, type Health, type HeldRecord, useHeld, useHospital } from "../../data/hospital";
import { useName } from "../../data/hooks";
import { bytes } from "../../format";
import { useT } from "../../i18n";
import { StageBadge } from "../doctor/sent";

/** Copies at other hospitals, against the number that there should be; nothing is to be held of what is erased. */
function Copies({ record, wanted }: { record: HeldRecord; wanted: number | null }) {
  const t = useT();
  const fine = record.replicas.filter((copy) => copy.state === "held").length;
  if (record.signature === "erased" || record.on_chain === "erased") return <Badge>{t("Erased")}</Badge>;
  if (wanted === null) return <Badge>{fine}</Badge>;
  const tone = wanted === 0 ? "plain" : fine >= wanted ? "good" : "warn";
  return <Badge tone={tone}>{t("{{fine}} of {{all}} hold", { fine, all: Math.max(wanted, fine) })}</Badge>;
}

function Row({ record, wanted }: { record: HeldRecord; wanted: number | null }) {
  const t = useT();
  const author = useName(record.author);
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
      <td className="end">{typeof record.size === "number" ? bytes(record.size) : "–"}</td>
      <td>
        <Badge tone={record.signature === "holds" ? "good" : record.signature === "fails" ? "bad" : "plain"}>{signed}</Badge>
      </td>
      <td>
        <StageBadge stage={record.stage} />
      </td>
      <td>{chain}</td>
      <td>
        <Copies record={record} wanted={wanted} />
      </td>
    </tr>
  );
}

function Held() {
  const t = useT();
  const { data, error, isPending, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } = useHeld();
  const health = useHospital<Health>("/api/v1/hospital/health");
  const wanted = health.data ? health.data.copies - 1 : null;
  const records = (data?.pages ?? []).flatMap((page) => page.records).sort((a, b) => b.created_at - a.created_at);
  if (error && !data) return <Problem error={error} retry={() => void refetch()} />;
  if (isPending) return <Skeleton />;
  if (records.length === 0) return <Empty title={t("No records yet")} sign={<ScrollText size={32} aria-hidden />}>{t("What your staff write appears here, encrypted.")}</Empty>;
  return (
    <>
      {error ? <Problem error={error} retry={() => void refetch()} /> : null}
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
              <Row key={record.record} record={record} wanted={wanted} />
            ))}
          </tbody>
        </table>
      </div>
      {hasNextPage ? (
        <div className="buttons">
          <Button busy={isFetchingNextPage} onClick={() => void fetchNextPage()}>
            {t("Show more")}
          </Button>
        </div>
      ) : null}
    </>
  );
}

export default function HeldPage() {
  const t = useT();
  return (
    <div className="stack loose">
      <PageHead title={t("Records held")} lead={t("As this hospital holds them: sealed. It sees no title, no name and no word of them.")} />
      <Offered path={HELD_PATH}>
        <Held />
      </Offered>
    </div>
  );
}
