/** A signed audit report on paper. */
import type { SignedReport } from "../../lib";
import { number, shortTime } from "../format";
import { say } from "../i18n";
import { auditWords } from "../words";
import { Paper } from "./paper";

export async function auditPdf({ report, signer, signature, text }: SignedReport): Promise<Blob> {
  const paper = await Paper.begin(say("Audit report"), signer);
  await paper.text(say("Audit report"), { size: 18, bold: true });
  await paper.text(report.name || report.institution, { size: 13, bold: true });
  paper.rule();
  await paper.text(auditWords(report).words, { size: 13, bold: true, gap: 6 });
  await paper.text(say("{{entries}} entries and {{count}} seals were checked.", { entries: number(report.entries), count: report.checkpoints.length }));
  await paper.text(`${shortTime(report.from)} – ${shortTime(report.until)}`);
  await paper.text(`${say("Institution")}: ${report.institution}`, { size: 9 });
  await paper.text(`Chain ${String(report.chainId)}, Log ${report.log}`, { size: 9, gap: 8 });
  for (const problem of report.problems) await paper.text(problem, { bold: true });
  for (const seal of report.checkpoints) {
    await paper.text(`${shortTime(seal.at)} · ${number(seal.size)} · ${say("Block")} ${number(seal.block)} · ${seal.holds === null ? say("On chain") : seal.holds ? say("Holds") : say("Does not hold")}`, { size: 9, gap: 0 });
    await paper.text(seal.root, { size: 8, soft: true });
  }
  paper.space(10);
  paper.rule();
  await paper.text(`${say("Signed by")} ${signer}`, { size: 9 });
  await paper.text(signature, { size: 8, soft: true, gap: 8 });
  await paper.text(say("What was signed (personal_sign), word by word:"), { size: 9 });
  await paper.text(text, { size: 7, soft: true });
  return paper.finish();
}
