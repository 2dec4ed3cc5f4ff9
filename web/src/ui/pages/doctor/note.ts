/** A prescription is a report; the doctor's own list of them is kept in letters, which both can read. */
import type { PatientLine, Session, Wire } from "../../../lib";
import { sendLetter } from "../../data/letters";
import { type Report, sections } from "../../fhir/document";

export interface PrescriptionNote {
  v: 1;
  type: "prescription";
  patient: string;
  title: string;
  lines: readonly string[];
  at: number;
}

/** To whom a record that is made for a patient is sealed. */
type Keys = Readonly<Record<keyof Wire<"UploadKeys">, Wire<"Person", "wallet">>>;

export function isPrescription(report: Report): boolean {
  return report.template !== null && /prescription/i.test(`${report.template.id} ${report.template.title}`);
}

export async function sendPrescriptionNote(session: Session, report: Report, line: PatientLine): Promise<void> {
  if (!isPrescription(report)) return;
  const keys = await session.json<Keys>("GET", `/api/v1/patients/${line.patient}/keys`);
  const to = keys.patient.wallet;
  const note: PrescriptionNote = {
    v: 1,
    type: "prescription",
    patient: `${line.demographics.given.join(" ")} ${line.demographics.family}`.trim(),
    title: report.title,
    lines: sections(report).flatMap((section) => section.lines),
    at: report.issuedAt,
  };
  await sendLetter(session, to, "prescription", JSON.stringify(note), null);
}
