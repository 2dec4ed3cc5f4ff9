/** A report on paper: letterhead, whom it is about, what it says, and a code that leads to its check. */
import { type Report, sections } from "../fhir/document";
import { day, shortTime } from "../format";
import { say } from "../i18n";
import { Paper } from "./paper";

export async function reportPdf(report: Report, verifyAt: string): Promise<Blob> {
  const { patient } = report;
  const paper = await Paper.begin(report.title, report.author.name);
  await paper.text(report.institution.name, { size: 15, bold: true });
  await paper.text(say("Report sealed with Stele"), { size: 9, soft: true });
  paper.rule();
  await paper.text(report.title, { size: 17, bold: true, gap: 6 });
  await paper.text(`${say("Patient")}: ${patient.given.join(" ")} ${patient.family}, ${day(patient.birth_date)}, ${patient.id}`);
  await paper.text(`${say("Written by")}: ${report.author.name}, ${shortTime(report.issuedAt)}`, { gap: 10 });
  for (const section of sections(report)) {
    await paper.text(section.title, { size: 12, bold: true });
    for (const line of section.lines) await paper.text(line);
    paper.space(6);
  }
  paper.space(12);
  paper.qr(verifyAt, [say("Is this report genuine?"), say("Scan the code and follow the page: it says how a proof"), say("of this report is checked against Ethereum."), report.author.wallet]);
  return paper.finish();
}
