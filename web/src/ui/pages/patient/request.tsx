/** Somebody asks for access; the patient answers by part and time. */
import { ArrowLeft } from "lucide-react";
import { useState } from "react";
import { useLocation, useParams } from "wouter";

import type { Hex, RequestLine } from "../../../lib";
import { Button, ButtonLink, Empty, Facts, Notice, PageHead, Said, Skeleton, Time } from "../../components/basics";
import { Select } from "../../components/form";
import { Problem } from "../../components/problem";
import { SignDialog } from "../../components/sign";
import { useFollow, useName, useOpened, usePatientRequests, useRecords } from "../../data/hooks";
import { useSession } from "../../data/session";
import { now, shortTime } from "../../format";
import { useT } from "../../i18n";
import { partsWords, purposeWords } from "../../words";
import { CostRow } from "./cost";
import { PartChoice, SpanChoice } from "./share";

const DAY = 86_400;

export default function RequestPage() {
  const t = useT();
  const { id } = useParams<{ id: string }>();
  const requests = usePatientRequests();
  const request = requests.data?.find((line) => line.id === id);
  const who = useName(request?.requester);
  const [answering, answer] = useState(false);
  if (requests.isPending) return <Skeleton lines={4} />;
  if (!request) return <Empty title={t("No such request")} action={<ButtonLink to="/inbox">{t("Back to the inbox")}</ButtonLink>} />;
  return (
    <div className="stack loose narrow">
      <ButtonLink to="/inbox" kind="quiet" small>
        <ArrowLeft size={16} aria-hidden className="flip" /> {t("Inbox")}
      </ButtonLink>
      <PageHead title={t("{{who}} asks to see your record", { who })} lead={<Time at={request.receivedAt} />} />
      <div className="card stack">
        <Facts
          rows={[
            [t("Why"), <Said key="r">{request.reason}</Said>],
            [t("For what"), purposeWords(request.purpose)],
            [t("What they ask for"), partsWords(request.parts)],
            [t("Until when"), shortTime(request.until)],
          ]}
        />
        <p className="small muted">{t("You need not answer. Without your permission nobody sees anything, and a request left alone simply ends.")}</p>
        {request.answer ? (
          <Notice tone="good" title={t("You have answered: access was given")}>
            <ButtonLink to="/access" small>
              {t("Who can see")}
            </ButtonLink>
          </Notice>
        ) : (
          <div className="buttons">
            <Button kind="primary" onClick={() => answer(true)}>
              {t("Choose what to show")}
            </Button>
            <ButtonLink to="/inbox">{t("Leave it")}</ButtonLink>
          </div>
        )}
      </div>
      {answering ? <AnswerDialog request={request} who={who} onClose={() => answer(false)} /> : null}
    </div>
  );
}

function AnswerDialog({ request, who, onClose }: { request: RequestLine; who: string; onClose: () => void }) {
  const t = useT();
  const session = useSession();
  const follow = useFollow();
  const [, go] = useLocation();
  const records = useRecords();
  const live = (records.data ?? []).filter((line) => !line.erased && line.view?.stage === "committed");
  const asked = live.find((line) => line.commitment !== null && line.commitment === request.commitment) ?? live.at(-1);
  const [controller, setController] = useState<Hex | null>(null);
  const line = live.find((entry) => entry.controller === controller) ?? asked;
  const opened = useOpened(line?.view);
  const names = opened.data?.parts.map((part) => part.name) ?? [];
  const [picked, setParts] = useState<string[] | null>(null);
  const parts = picked ?? names.filter((name) => request.parts.includes(name));
  const [span, setSpan] = useState<"1" | "7" | "30" | "365">("30");
  const until = Math.min(now() + Number(span) * DAY, Math.max(request.until, now() + DAY));
  const give = async () => {
    if (!line) return;
    const grant = await session.patient.grant({ to: request.requester, controller: line.controller, parts, purpose: request.purpose, until, request: request.id });
    follow(grant.act, t("Sharing “{{label}}” with {{name}}", { label: line.label, name: who }));
    go("/access");
  };
  return (
    <SignDialog
      open
      onClose={onClose}
      title={t("Let {{who}} see it?", { who })}
      what={t("{{name}} can open these parts until the day you choose. You see every opening, and can take it back at any time.", { name: who })}
      rows={[
        [t("To whom"), <Said key="w">{who}</Said>],
        [t("For what"), purposeWords(request.purpose)],
        [t("What"), parts.length > 0 ? partsWords(parts) : "–"],
        [t("Until when"), shortTime(until)],
        [t("Cost"), <CostRow key="c" act="grant" />],
      ]}
      confirm={t("Give access")}
      disabled={!line || parts.length === 0}
      onConfirm={give}
    >
      {live.length === 0 && records.data ? <Notice tone="warn" title={t("There is nothing in your record yet that could be shared.")} /> : null}
      {opened.error ? <Problem error={opened.error} /> : null}
      {live.length > 0 ? (
        <Select
          label={t("Which record")}
          value={line?.controller ?? ""}
          onChange={(event) => {
            setController(event.target.value as Hex);
            setParts(null);
          }}
        >
          {live.map((entry) => (
            <option key={entry.controller} value={entry.controller}>
              {entry.label}
            </option>
          ))}
        </Select>
      ) : null}
      <PartChoice names={names} chosen={parts} onChange={setParts} />
      <SpanChoice span={span} onPick={setSpan} />
    </SignDialog>
  );
}
