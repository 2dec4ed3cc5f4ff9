/** What a doctor or technician sent, and what became of it. */
import { useQuery } from "@tanstack/react-query";
import { Send } from "lucide-react";

import type { Stage, VersionView } from "../../../lib";
import { Badge, ButtonLink, Empty, Fold, Hash, Notice, PageHead, Said, Skeleton, Time, type Tone } from "../../components/basics";
import { Problem } from "../../components/problem";
import { fullName, useAuthored, usePatients } from "../../data/hooks";
import { useSession } from "../../data/session";
import { useT } from "../../i18n";

export function StageBadge({ stage }: { stage: Stage }) {
  const t = useT();
  const known: Record<Stage, [Tone, string]> = {
    signed: ["wait", t("Being stored")],
    pending: ["wait", t("Waits for the patient")],
    committing: ["accent", t("Approved, being sealed")],
    committed: ["good", t("In the patient's record")],
    refused: ["bad", t("Sent back")],
    erased: ["plain", t("Erased")],
  };
  const [tone, words] = known[stage];
  return <Badge tone={tone}>{words}</Badge>;
}

function Reason({ view }: { view: VersionView }) {
  const t = useT();
  const session = useSession();
  const reason = useQuery({ queryKey: ["opened", "refusal", view.record], queryFn: () => session.staff.readRefusal(view), staleTime: Infinity });
  if (reason.error) return <Problem error={reason.error} />;
  if (!reason.data) return <Skeleton lines={1} />;
  return (
    <Notice tone="warn" title={t("The patient says")}>
      <Said prose>{reason.data}</Said>
    </Notice>
  );
}

function Row({ view, name }: { view: VersionView; name: string }) {
  const t = useT();
  const correctable = view.stage === "committed" || view.stage === "pending" || view.stage === "refused";
  return (
    <li className="item">
      <div className="main stack tight">
        <p className="title">
          {t("For")} <Said>{name}</Said>
        </p>
        <p className="small muted">
          {view.version > 1 ? `${t("Version {{n}}", { n: view.version })} · ` : ""}
          <Time at={view.createdAt} /> · {t("{{count}} files", { count: view.parts.length })}
        </p>
        {view.stage === "refused" && view.reason ? <Reason view={view} /> : null}
        <Fold>
          <p className="small">
            {t("Commitment")} <Hash value={view.commitment} />
          </p>
        </Fold>
      </div>
      <StageBadge stage={view.stage} />
      {correctable ? (
        <ButtonLink small to={`/report/${view.patient}?corrects=${view.record}`}>
          {t("Correct it")}
        </ButtonLink>
      ) : null}
    </li>
  );
}

export default function SentPage() {
  const t = useT();
  const authored = useAuthored();
  const patients = usePatients();
  const names = new Map(patients.data?.map((line) => [line.patient, fullName(line)]));
  const views = [...(authored.data ?? [])].sort((a, b) => b.createdAt - a.createdAt);
  return (
    <div className="stack loose narrow">
      <PageHead title={t("Sent")} lead={t("Your reports, and what their patients answered.")}>
        <ButtonLink to="/report" kind="primary">
          {t("New report")}
        </ButtonLink>
      </PageHead>
      {authored.error ? <Problem error={authored.error} retry={() => void authored.refetch()} /> : null}
      {authored.isPending ? <Skeleton /> : null}
      {authored.data?.length === 0 ? (
        <Empty title={t("Nothing sent yet")} sign={<Send size={32} aria-hidden />} action={<ButtonLink to="/report" kind="primary">{t("Write the first report")}</ButtonLink>}>
          {t("A report goes to its patient, who takes it into the record or sends it back with a reason.")}
        </Empty>
      ) : null}
      {views.length > 0 ? (
        <ul className="list">
          {views.map((view) => (
            <Row key={`${view.record}${String(view.version)}`} view={view} name={names.get(view.patient) ?? t("a patient")} />
          ))}
        </ul>
      ) : null}
    </div>
  );
}
