/** Patients whose records are open to the reader, a search for all others, and one patient on a timeline. */
import { ArrowLeft, ClipboardPlus, KeyRound, Search, Users } from "lucide-react";
import { useState } from "react";
import { Link, useParams } from "wouter";

import type { GrantLine, PatientLine } from "../../../lib";
import { Badge, Button, ButtonLink, Empty, Facts, Fold, PageHead, Said, Skeleton, Time } from "../../components/basics";
import { Field } from "../../components/form";
import { Problem } from "../../components/problem";
import { careOf, type Caring, isLive, patientOf } from "../../data/care";
import { fullName, useAuthored, useFoundPatients, useName, usePatients, useStaffGrants, useStaffRequests } from "../../data/hooks";
import { useSignedIn } from "../../data/session";
import { day, now } from "../../format";
import { useT, type Words } from "../../i18n";
import { partsWords, purposeWords } from "../../words";
import { StageBadge } from "./sent";

export function sexWords(sex: string, t: Words): string {
  const words: Record<string, string> = { female: t("female"), male: t("male"), other: t("other") };
  return words[sex] ?? t("not known");
}

/** Shows more of what was found, if there is more. */
export function MorePatients({ found }: { found: ReturnType<typeof useFoundPatients> }) {
  const t = useT();
  if (!found.hasNextPage) return null;
  return (
    <div className="buttons">
      <Button busy={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
        {t("Show more")}
      </Button>
    </div>
  );
}

export default function PatientsPage() {
  const t = useT();
  const { who } = useSignedIn();
  const patients = usePatients();
  const authored = useAuthored();
  const [wanted, want] = useState("");
  const search = useFoundPatients(wanted, wanted.trim() !== "");
  const searched = wanted.trim() !== "" && search.wanted !== "" && search.data !== undefined;
  const found = searched ? search.lines : [];
  const last = (patient: string) => Math.max(0, ...(authored.data ?? []).filter((view) => view.patient === patient).map((view) => view.createdAt));
  const writes = who.staff?.role === "doctor" || who.staff?.role === "technician";
  return (
    <div className="stack loose">
      <PageHead title={t("Patients")} lead={t("Those who let you see their record now. Find anybody else of this hospital to write to them or to ask.")}>
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
      <p role="status" className="sr-only">
        {searched ? t("{{count}} patients found", { count: found.length }) : ""}
      </p>
      {search.error ? <Problem error={search.error} retry={() => void search.refetch()} /> : null}
      {searched && found.length === 0 ? <Empty title={t("Nobody found")} sign={<Search size={32} aria-hidden />} /> : null}
      {found.length > 0 ? (
        <section className="stack tight" aria-labelledby="found">
          <h2 id="found">{t("Found at this hospital")}</h2>
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
                    <td className="end">{writes ? <Write line={line} /> : null}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          <MorePatients found={search} />
        </section>
      ) : null}
      {patients.data && patients.data.length > 0 ? <OpenToMe patients={patients.data} writes={writes} /> : null}
    </div>
  );
}

function Write({ line }: { line: PatientLine }) {
  const t = useT();
  return (
    <ButtonLink to={`/report/${line.patient}`} small>
      {t("Write")}
      <span className="sr-only"> {fullName(line)}</span>
    </ButtonLink>
  );
}

/** Patients with a live grant. */
function OpenToMe({ patients, writes }: { patients: readonly PatientLine[]; writes: boolean }) {
  const t = useT();
  const grants = useStaffGrants();
  const requests = useStaffRequests();
  const { people, others } = careOf(patients, grants.data ?? [], requests.data ?? [], now());
  return (
    <section className="stack tight" aria-labelledby="open-now">
      <h2 id="open-now">{t("Open to you now")}</h2>
      {grants.error ? <Problem error={grants.error} retry={() => void grants.refetch()} /> : null}
      {grants.isPending ? <Skeleton lines={2} /> : null}
      {grants.data && people.length === 0 ? (
        <Empty title={t("Nobody at the moment")} sign={<Users size={32} aria-hidden />}>
          {t("Patients who give you access stand here until it ends. Search above for whom you want to write to or ask.")}
        </Empty>
      ) : null}
      {people.length > 0 ? (
        <ul className="list">
          {people.map((one) => (
            <OpenPatient key={one.patient} one={one} writes={writes} />
          ))}
        </ul>
      ) : null}
      {others.length > 0 ? (
        <p className="small">
          <Link href="/shared">{t("{{count}} more records were shared with you by people whom this hospital does not know", { count: others.length })}</Link>
        </p>
      ) : null}
    </section>
  );
}

function OpenPatient({ one, writes }: { one: Caring; writes: boolean }) {
  const t = useT();
  const home = useName(one.home);
  const [first] = one.grants;
  return (
    <li className="item">
      <div className="main">
        <p className="title">
          <Link href={`/patients/${one.patient}`}>{one.line ? <Said>{fullName(one.line)}</Said> : t("A patient of {{home}}", { home })}</Link>
        </p>
        <p className="small muted">
          {one.line ? `${day(one.line.demographics.birth_date)} · ` : ""}
          {t("{{count}} records", { count: one.grants.length })} · {t("ends")} {first ? <Time at={first.until} /> : null}
        </p>
      </div>
      <div className="buttons">
        {one.line && writes ? <Write line={one.line} /> : null}
        <ButtonLink to={one.grants.length === 1 && first ? `/shared/${first.grant}` : `/patients/${one.patient}`} kind="primary" small>
          {t("Open")}
          <span className="sr-only"> {one.line ? fullName(one.line) : home}</span>
        </ButtonLink>
      </div>
    </li>
  );
}

interface Moment {
  at: number;
  key: string;
  body: React.ReactNode;
}

/** A grant on the timeline: open while it is live. */
function Shared({ grant }: { grant: GrantLine }) {
  const t = useT();
  const live = isLive(grant, now());
  return (
    <div className="item">
      <span className="main">
        <span className="title">{t("They shared a record with you")}</span>
        <br />
        <span className="muted small">
          {partsWords(grant.parts)} · {purposeWords(grant.purpose)} · {live ? t("ends") : t("ended")} <Time at={grant.until} />
        </span>
      </span>
      {live ? (
        <ButtonLink to={`/shared/${grant.grant}`} kind="primary" small>
          {t("Open")}
        </ButtonLink>
      ) : (
        <Badge>{grant.stage === "revoked" ? t("Taken back") : grant.stage === "erased" ? t("Erased") : t("Ended")}</Badge>
      )}
    </div>
  );
}

export function OnePatientPage() {
  const t = useT();
  const { patient } = useParams<{ patient: string }>();
  const patients = usePatients();
  const authored = useAuthored();
  const requests = useStaffRequests();
  const grants = useStaffGrants();
  const { who } = useSignedIn();
  const line = patients.data?.find((one) => one.patient === patient);
  const own = (grants.data ?? []).filter((grant) => patientOf(grant, requests.data ?? []) === patient);
  const home = useName(own[0]?.home);
  if (patients.isPending || grants.isPending || requests.isPending) return <Skeleton lines={4} />;
  if (!line && own.length === 0) return <Empty title={t("Not a patient of this hospital")} action={<ButtonLink to="/patients">{t("Patients")}</ButtonLink>} />;
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
      .map((request) => ({
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
            {own.some((grant) => grant.grant === request.answer || grant.request === request.id) ? <Badge tone="good">{t("Answered")}</Badge> : <Badge tone="warn">{t("No answer yet")}</Badge>}
          </div>
        ),
      })),
    ...own.map((grant) => ({ at: grant.from, key: grant.grant, body: <Shared grant={grant} /> })),
  ].sort((a, b) => b.at - a.at);
  return (
    <div className="stack loose narrow">
      <ButtonLink to="/patients" kind="quiet" small>
        <ArrowLeft size={16} aria-hidden className="flip" /> {t("Patients")}
      </ButtonLink>
      <PageHead
        title={line ? <Said>{fullName(line)}</Said> : t("A patient of {{home}}", { home })}
        lead={line ? `${day(line.demographics.birth_date)} · ${sexWords(line.demographics.sex, t)}` : t("Who it is stands in the records themselves.")}
      >
        {line ? (
          <ButtonLink to={`/asked?patient=${line.patient}`}>
            <KeyRound size={18} aria-hidden /> {t("Ask for access")}
          </ButtonLink>
        ) : null}
        {line && (who.staff?.role === "doctor" || who.staff?.role === "technician") ? (
          <ButtonLink to={`/report/${line.patient}`} kind="primary">
            <ClipboardPlus size={18} aria-hidden /> {t("New report")}
          </ButtonLink>
        ) : null}
      </PageHead>
      {line ? (
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
      ) : null}
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
