/** Refused and unusual access. */
import { ShieldAlert, ShieldCheck } from "lucide-react";

import { Badge, Empty, PageHead, Said, Skeleton, Time, type Tone } from "../../components/basics";
import { Offered } from "../../components/offer";
import { Problem } from "../../components/problem";
import { type Intrusion, useHospital } from "../../data/hospital";
import { useName } from "../../data/hooks";
import { useT } from "../../i18n";

const PATH = "/api/v1/hospital/intrusions";

function Row({ one }: { one: Intrusion }) {
  const t = useT();
  const wallet = useName(one.who);
  const who = one.name ?? wallet;
  const levels: Record<Intrusion["level"], [Tone, string]> = { info: ["plain", t("For information")], warn: ["warn", t("Unusual")], alert: ["bad", t("Alert")] };
  const kinds: Record<Intrusion["kind"], string> = {
    refusals: one.count > 1 ? t("Refusals") : t("A refusal"),
    off_hours: t("At an unusual hour"),
    bulk: t("Many records at once"),
    unknown_device: t("A kind of browser not seen before"),
  };
  const [tone, words] = levels[one.level];
  return (
    <li className="item">
      <span className={one.level === "alert" ? "sign bad" : one.level === "warn" ? "sign warn" : "sign plain"}>
        <ShieldAlert size={20} aria-hidden />
      </span>
      <div className="main">
        <p className="title">{kinds[one.kind]}</p>
        <p>
          <Said>{one.text}</Said>
        </p>
        <p className="small muted">
          <bdi>{who}</bdi> ·{" "}
          <Time at={one.at} />
          {one.count > 1 ? ` · ${t("{{count}} times", { count: one.count })}` : ""}
        </p>
      </div>
      <Badge tone={tone}>{words}</Badge>
    </li>
  );
}

function Feed() {
  const t = useT();
  const { data, error, isPending, refetch } = useHospital<readonly Intrusion[]>(PATH);
  const found = [...(data ?? [])].sort((a, b) => b.at - a.at);
  if (error) return <Problem error={error} retry={() => void refetch()} />;
  if (isPending) return <Skeleton />;
  if (found.length === 0) return <Empty title={t("Nothing unusual")} sign={<ShieldCheck size={32} aria-hidden />}>{t("Refusals, opens at odd hours, many at once and emergency access appear here.")}</Empty>;
  return (
    <ul className="list">
      {found.map((one, i) => (
        <Row key={`${String(one.at)}${one.kind}${String(i)}`} one={one} />
      ))}
    </ul>
  );
}

export default function IntrusionsPage() {
  const t = useT();
  return (
    <div className="stack loose narrow">
      <PageHead title={t("Unusual access")} lead={t("Nobody gets past the patient's permission; here is who tried, and what looks odd.")} />
      <Offered path={PATH}>
        <Feed />
      </Offered>
    </div>
  );
}
