/** All prescriptions that a doctor gave, from the doctor's own sealed copies. */
import { useQueries } from "@tanstack/react-query";
import { Pill } from "lucide-react";

import { ButtonLink, Empty, Notice, PageHead, Said, Skeleton, Time } from "../../components/basics";
import { Problem } from "../../components/problem";
import { useOffers } from "../../data/features";
import { type Letter, letterQuery, useLetters } from "../../data/letters";
import { useSession } from "../../data/session";
import { useT } from "../../i18n";
import type { PrescriptionNote } from "./note";

export function readNote(text: string): PrescriptionNote | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return null;
    const note = value as Partial<PrescriptionNote>;
    return note.v === 1 && note.type === "prescription" && Array.isArray(note.lines) ? (note as PrescriptionNote) : null;
  } catch {
    return null;
  }
}

export default function PrescriptionsPage() {
  const t = useT();
  const session = useSession();
  const offered = useOffers("/api/v1/letters");
  const letters = useLetters();
  const mine = (letters.data ?? []).filter((letter: Letter) => letter.from === session.address && letter.kind === "prescription");
  const opened = useQueries({
    queries: mine.map((letter) => letterQuery(session, letter)),
  });
  const notes = opened.map((one) => (one.data ? readNote(one.data) : null)).filter((note) => note !== null).sort((a, b) => b.at - a.at);
  return (
    <div className="stack loose narrow">
      <PageHead title={t("Prescriptions")} lead={t("Everything you prescribed, newest first.")}>
        <ButtonLink to="/report" kind="primary">
          {t("New prescription")}
        </ButtonLink>
      </PageHead>
      {offered === false ? <Notice title={t("This hospital's node does not keep a list of prescriptions")}>{t("Each prescription stands in its patient's record.")}</Notice> : null}
      {letters.error ? <Problem error={letters.error} /> : null}
      {offered && letters.isPending ? <Skeleton /> : null}
      {offered && letters.data && notes.length === 0 && !opened.some((one) => one.isLoading) ? (
        <Empty title={t("Nothing prescribed yet")} sign={<Pill size={32} aria-hidden />}>
          {t("Choose the template “Prescription” in a new report.")}
        </Empty>
      ) : null}
      {notes.length > 0 ? (
        <div className="table-wrap" tabIndex={0}>
          <table>
            <thead>
              <tr>
                <th scope="col">{t("Patient")}</th>
                <th scope="col">{t("What")}</th>
                <th scope="col">{t("When")}</th>
              </tr>
            </thead>
            <tbody>
              {notes.map((note, i) => (
                <tr key={i}>
                  <th scope="row">
                    <Said>{note.patient}</Said>
                  </th>
                  <td>
                    {note.lines.map((line, at) => (
                      <p key={at} dir="auto">
                        {line}
                      </p>
                    ))}
                  </td>
                  <td>
                    <Time at={note.at} />
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
