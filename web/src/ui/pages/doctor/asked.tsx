/** Ask a patient for access: which parts, what for, how long. */
import { KeyRound } from "lucide-react";
import { useState } from "react";
import { useSearch } from "wouter";

import { type Hex, type Purpose, PURPOSES } from "../../../lib";
import { Badge, Button, ButtonLink, Empty, PageHead, Said, Skeleton, Time } from "../../components/basics";
import { Check, Field, Select, TextArea } from "../../components/form";
import { Problem } from "../../components/problem";
import { SignDialog } from "../../components/sign";
import { toast } from "../../components/toasts";
import { fullName, usePatients, useRefresh, useStaffGrants, useStaffRequests } from "../../data/hooks";
import { useSignedIn } from "../../data/session";
import { now, shortTime } from "../../format";
import { useT } from "../../i18n";
import { partsWords, partWords, purposeWords } from "../../words";
import { CostRow } from "../patient/cost";

const DAY = 86_400;
const USUAL = ["document", "image", "heatmap"] as const;

export default function AskedPage() {
  const t = useT();
  const asked = new URLSearchParams(useSearch()).get("patient");
  const requests = useStaffRequests();
  const grants = useStaffGrants();
  const [open, setOpen] = useState(asked !== null);
  const lines = [...(requests.data ?? [])].sort((a, b) => b.receivedAt - a.receivedAt);
  return (
    <div className="stack loose narrow">
      <PageHead title={t("Ask for access")} lead={t("The patient reads your reason, chooses what to show, and can take it back.")}>
        <Button kind="primary" onClick={() => setOpen(true)}>
          <KeyRound size={18} aria-hidden /> {t("Ask a patient")}
        </Button>
      </PageHead>
      {requests.error ? <Problem error={requests.error} retry={() => void requests.refetch()} /> : null}
      {requests.isPending ? <Skeleton /> : null}
      {requests.data?.length === 0 ? (
        <Empty title={t("You have asked nobody yet")} sign={<KeyRound size={32} aria-hidden />}>
          {t("Patients of other hospitals give you their patient code; it stands under “Me” in their app.")}
        </Empty>
      ) : null}
      {lines.length > 0 ? (
        <ul className="list">
          {lines.map((request) => {
            const grant = grants.data?.find((one) => one.grant === request.answer || one.request === request.id);
            return (
              <li key={request.id} className="item">
                <div className="main">
                  <p className="title">
                    <Said>{request.reason}</Said>
                  </p>
                  <p className="small muted">
                    {purposeWords(request.purpose)} · {partsWords(request.parts)} · <Time at={request.receivedAt} />
                  </p>
                </div>
                {grant ? (
                  <ButtonLink to={`/shared/${grant.grant}`} kind="primary" small>
                    {t("Open")}
                  </ButtonLink>
                ) : (
                  <Badge tone="warn">{request.until < now() ? t("Ended") : t("No answer yet")}</Badge>
                )}
              </li>
            );
          })}
        </ul>
      ) : null}
      {open ? <AskDialog chosen={asked} onClose={() => setOpen(false)} /> : null}
    </div>
  );
}

/** A patient's code: the home hospital and the commitment, as the patient's app shows it. */
export function readPatientCode(text: string): { home: Hex; patient: Hex } | null {
  const found = /^(0x[0-9a-f]{40})[.:/ ]+(0x[0-9a-f]{64})$/i.exec(text.trim());
  return found?.[1] && found[2] ? { home: found[1].toLowerCase() as Hex, patient: found[2].toLowerCase() as Hex } : null;
}

function AskDialog({ chosen, onClose }: { chosen: string | null; onClose: () => void }) {
  const t = useT();
  const { session } = useSignedIn();
  const refresh = useRefresh();
  const patients = usePatients();
  const [patient, setPatient] = useState(chosen ?? "");
  const [code, setCode] = useState("");
  const [parts, setParts] = useState<readonly string[]>(USUAL);
  const [purpose, setPurpose] = useState<Purpose>("TREAT");
  const [reason, setReason] = useState("");
  const [days, setDays] = useState("30");
  const line = patients.data?.find((one) => one.patient === patient);
  const foreign = readPatientCode(code);
  const target = line ? { home: session.card.institution, patient: line.patient } : foreign;
  const until = now() + Number(days) * DAY;
  const ask = async () => {
    if (!target) return;
    const request = await session.staff.request({ ...target, parts, purpose, reason: reason.trim(), until });
    refresh();
    toast(`ask-${request.id}`, "done", t("Asked; the answer appears here"));
  };
  return (
    <SignDialog
      open
      onClose={onClose}
      title={t("Ask for access")}
      what={t("The patient is told who asks, what for and until when, and decides. Your request stands on chain as a number that says nothing.")}
      rows={[
        [t("To whom"), line ? <Said key="n">{fullName(line)}</Said> : foreign ? t("A patient of another hospital") : "–"],
        [t("What"), parts.length > 0 ? partsWords(parts) : "–"],
        [t("Until when"), shortTime(until)],
        [t("Cost"), <CostRow key="c" act="request" />],
      ]}
      confirm={t("Ask")}
      disabled={!target || parts.length === 0 || reason.trim() === ""}
      onConfirm={ask}
    >
      <Select label={t("Patient of this hospital")} value={patient} onChange={(event) => setPatient(event.target.value)}>
        <option value="">{t("Choose …")}</option>
        {patients.data?.map((one) => (
          <option key={one.patient} value={one.patient}>
            {fullName(one)}
          </option>
        ))}
      </Select>
      {line ? null : (
        <Field label={t("or the code of a patient elsewhere")} hint={t("It stands under “Me” in the patient's app.")} value={code} onChange={(event) => setCode(event.target.value)} error={code !== "" && !foreign ? t("This is not a patient code.") : undefined} autoComplete="off" spellCheck={false} />
      )}
      <fieldset>
        <legend className="legend">{t("Which parts")}</legend>
        {USUAL.map((name) => (
          <Check key={name} label={partWords(name)} checked={parts.includes(name)} onChange={(event) => setParts(event.target.checked ? [...parts, name] : parts.filter((other) => other !== name))} />
        ))}
      </fieldset>
      <Select label={t("For what")} value={purpose} onChange={(event) => setPurpose(event.target.value as Purpose)}>
        {PURPOSES.map((one) => (
          <option key={one} value={one}>
            {purposeWords(one)}
          </option>
        ))}
      </Select>
      <TextArea label={t("Why, in a sentence the patient understands")} value={reason} maxLength={500} onChange={(event) => setReason(event.target.value)} />
      <Select label={t("For how long")} value={days} onChange={(event) => setDays(event.target.value)}>
        <option value="1">{t("One day")}</option>
        <option value="7">{t("One week")}</option>
        <option value="30">{t("30 days")}</option>
        <option value="365">{t("One year")}</option>
      </Select>
    </SignDialog>
  );
}
