/** The hospital's patients, and one of them on a timeline. */
import { ArrowLeft, ClipboardPlus, KeyRound, Search, Users } from "lucide-react";
import { useDeferredValue, useState } from "react";
import { Link, useParams } from "wouter";

import type { PatientLine } from "../../../lib";
import { Badge, ButtonLink, Empty, Facts, Fold, PageHead, Said, Skeleton, Time } from "../../components/basics";
import { Field } from "../../components/form";
import { Problem } from "../../components/problem";
import { useAuthored, usePatients, useStaffGrants, useStaffRequests } from "../../data/hooks";
import { useSignedIn } from "../../data/session";
import { day, now } from "../../format";
import { useT, type Words } from "../../i18n";
import { purposeWords } from "../../words";
import { StageBadge } from "./sent";

export function fullName(line: PatientLine): string {
  return `${line.demographics.given.join(" ")} ${line.demographics.family}`.trim();
}

export function sexWords(sex: string, t: Words): string {
  const words: Record<string, string> = { female: t("female"), male: t("male"), other: t("other") };
  return words[sex] ?? t("not known");
}

export function matches(line: PatientLine, wanted: string): boolean {
  const text = `${fullName(line)} ${line.demographics.id} ${line.demographics.birth_date}`.toLocaleLowerCase();
  return wanted.toLocaleLowerCase().split(/\s+/).every((word) => text.includes(word));
}

export default function PatientsPage() {
  const t = useT();
  const { who } = useSignedIn();
  const patients = usePatients();
  const authored = useAuthored();
  const [wanted, want] = useState("");
  const deferred = useDeferredValue(wanted);
  const found = (patients.data ?? []).filter((line) => matches(line, deferred));
  const last = (patient: string) => Math.max(0, ...(authored.data ?? []).filter((view) => view.patient === patient).map((view) => view.createdAt));
  const writes = who.staff?.role === "doctor" || who.staff?.role === "technician";
  return (
    <div className="stack loose">
      <PageHead title={t("Patients")} lead={t("Enrolled at this hospital. What is in their records you see only where they gave you access.")}>
        <ButtonLink to="/enrol">{t("Enrol a patient")}</ButtonLink>
        {writes ? (
          <ButtonLink to="/report" kind="primary">
            <ClipboardPlus size={18} aria-hidden /> {t("New report")}
          </ButtonLink>
        ) : null}
      </PageHead>
      <Field label={t("Search by name, number or birth date")} type="search" value={wanted} onChange={(event) => want(event.target.value)} autoComplete="off" />
      {patients.error ? <Problem error={patients.error} retry={() => void patients.refetch()} /> : null}
      {patients.isPending ? <Skeleton /> : null}
      {patients.data?.length === 0 ? (
        <Empty title={t("No patients yet")} sign={<Users size={32} aria-hidden />} action={<ButtonLink to="/enrol" kind="primary">{t("Enrol a patient")}</ButtonLink>}>
          {t("A patient opens this hospital's page, makes a key and shows you a card to enrol them with.")}
        </Empty>
      ) : null}
      {patients.data && patients.data.length > 0 && found.length === 0 ? <Empty title={t("Nobody found")} sign={<Search size={32} aria-hidden />} /> : null}
      {found.length > 0 ? (
        <div className="table-wrap" tabIndex={0}>
          <table>
            <thead>
              <tr>
                <th scope="col">{t("Name")}</th>
                <th scope="col">{t("Number")}</th>
                <th scope="col">{t("Born")}</th>
                <th scope="col">{t("Sex")}</th>
                <th scope="col">{t("My last report")}</th>
                <th scope="col">
                  <span className="sr-only">{t("Do")}</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {found.map((line) => (
                <tr key={line.patient}>
                  <th scope="row">
                    <Link href={`/patients/${line.patient}`}>
                      <Said>{fullName(line)}</Said>
                    </Link>
                  </th>
                  <td>
                    <Said>{line.demographics.id}</Said>
                  </td>
                  <td>{day(line.demographics.birth_date)}</td>
                  <td>{sexWords(line.demographics.sex, t)}</td>
                  <td>{last(line.patient) > 0 ? <Time at={last(line.patient)} /> : "–"}</td>
                  <td className="end">
                    {writes ? (
                      <ButtonLink to={`/report/${line.patient}`} small>
                        {t("Write")}
                        <span className="sr-only"> {fullName(line)}</span>
                      </ButtonLink>
                    ) : null}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : null}
    </div>
  );
}

interface Moment {
  at: number;
  key: string;
  body: React.ReactNode;
}

export function OnePatientPage() {
  const t = useT();
  const { patient } = useParams<{ patient: string }>();
  const patients = usePatients();
  const authored = useAuthored();
  const requests = useStaffRequests();
  const grants = useStaffGrants();
  const line = patients.data?.find((one) => one.patient === patient);
  if (patients.isPending) return <Skeleton lines={4} />;
  if (!line) return <Empty title={t("Not a patient of this hospital")} action={<ButtonLink to="/patients">{t("Patients")}</ButtonLink>} />;
  const moments: Moment[] = [
    ...(authored.data ?? [])
      .filter((view) => view.patient === patient)
      .map((view) => ({
        at: view.createdAt,
        key: view.record,
        body: (
          <div className="item">
            <span className="main">
              <span className="title">{view.version > 1 ? t("You sent a correction (version {{n}})", { n: view.version }) : t("You sent a report")}</span>
              <br />
              <span className="muted small">
                <Time at={view.createdAt} />
              </span>
            </span>
            <StageBadge stage={view.stage} />
          </div>
        ),
      })),
    ...(requests.data ?? [])
      .filter((request) => request.patient === patient)
      .map((request) => {
        const grant = grants.data?.find((one) => one.grant === request.answer || one.request === request.id);
        const live = grant?.stage === "given" && grant.until > now();
        return {
          at: request.receivedAt,
          key: request.id,
          body: (
            <div className="item">
              <span className="main">
                <span className="title">{t("You asked for access")}</span>
                <br />
                <span className="muted small">
                  {purposeWords(request.purpose)} · <Time at={request.receivedAt} />
                </span>
              </span>
              {grant && live ? (
                <ButtonLink to={`/shared/${grant.grant}`} kind="primary" small>
                  {t("Open")}
                </ButtonLink>
              ) : (
                <Badge tone={grant ? "plain" : "warn"}>{grant ? t("Over") : t("No answer yet")}</Badge>
              )}
            </div>
          ),
        };
      }),
  ].sort((a, b) => b.at - a.at);
  return (
    <div className="stack loose narrow">
      <ButtonLink to="/patients" kind="quiet" small>
        <ArrowLeft size={16} aria-hidden className="flip" /> {t("Patients")}
      </ButtonLink>
      <PageHead title={<Said>{fullName(line)}</Said>} lead={`${day(line.demographics.birth_date)} · ${sexWords(line.demographics.sex, t)}`}>
        <ButtonLink to={`/asked?patient=${line.patient}`}>
          <KeyRound size={18} aria-hidden /> {t("Ask for access")}
        </ButtonLink>
        <ButtonLink to={`/report/${line.patient}`} kind="primary">
          <ClipboardPlus size={18} aria-hidden /> {t("New report")}
        </ButtonLink>
      </PageHead>
      <div className="card">
        <Facts
          rows={[
            [t("Number"), <Said key="i">{line.demographics.id}</Said>],
            [t("Enrolled"), <Time key="e" at={line.enrolledAt} />],
          ]}
        />
        <Fold>
          <p className="small">
            {t("Known on chain as")} <span className="mono">{line.patient}</span>
          </p>
        </Fold>
      </div>
      {moments.length === 0 && authored.data && requests.data ? (
        <Empty title={t("Nothing between you yet")}>{t("Write a report, or ask for access to what others wrote.")}</Empty>
      ) : (
        <ol className="timeline">
          {moments.map((moment) => (
            <li key={moment.key}>{moment.body}</li>
          ))}
        </ol>
      )}
    </div>
  );
}
