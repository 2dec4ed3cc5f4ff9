/** The FHIR R4 document of a report, made in the browser, so that no server reads it. */
import type { Demographics, Hex } from "../../lib";
import type { Reading } from "../data/reading";
import { type Answers, lines, responseItems, type Template } from "./questionnaire";

export interface Section {
  title: string;
  lines: readonly string[];
}

export interface Report {
  title: string;
  patient: Demographics;
  author: { wallet: Hex; name: string };
  institution: { wallet: Hex; name: string };
  template: Template | null;
  answers: Answers;
  text: string;
  /** What the author says of images whose patient is in doubt. */
  confirmations: readonly string[];
  readings: readonly Reading[];
  issuedAt: number;
  attachments: readonly string[];
}

const WALLETS = "urn:stele:wallet";

function urn(): string {
  return `urn:uuid:${crypto.randomUUID()}`;
}

/** FHIR text has no control characters but tab, CR and LF. */
function clean(value: string): string {
  // eslint-disable-next-line no-control-regex
  return value.replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g, "");
}

function escape(value: string): string {
  const named: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return clean(value).replaceAll(/[&<>"]/g, (sign) => named[sign] ?? sign).replaceAll("\n", "<br/>");
}

function narrative(paragraphs: readonly string[]): Record<string, string> {
  const inside = paragraphs.map((paragraph) => `<p>${escape(paragraph)}</p>`).join("");
  return { status: "generated", div: `<div xmlns="http://www.w3.org/1999/xhtml">${inside || "<p>–</p>"}</div>` };
}

function readingLines(reading: Reading): string[] {
  const shares = reading.probabilities.map((one) => `${one.label}: ${(one.p * 100).toFixed(1)} %`);
  const input = reading.input_sha256 ? [`Image read: SHA-256 ${reading.input_sha256}`] : [];
  const threshold = typeof reading.threshold === "number" ? [`Threshold of the verdict: ${(reading.threshold * 100).toFixed(1)} %`] : [];
  return [`${reading.model} (${reading.engine}), SHA-256 ${reading.model_sha256}`, ...input, ...threshold, reading.verdict ?? reading.abstained ?? "No reading", reading.certainty, ...shares, ...reading.warnings, "Decision support by a computer, not a diagnosis."];
}

/** The report's words, by section: what the page previews, the PDF prints and FHIR narrates. */
export function sections(report: Report): readonly Section[] {
  const groups = report.template?.items ?? [];
  const loose = groups.filter((item) => item.type !== "group");
  const made: Section[] = groups
    .filter((item) => item.type === "group")
    .map((item) => ({ title: item.text, lines: lines(item.items, report.answers) }));
  if (loose.length > 0) made.unshift({ title: report.template?.title ?? "Report", lines: lines(loose, report.answers) });
  if (report.text.trim()) made.push({ title: "Report", lines: report.text.trim().split("\n") });
  for (const reading of report.readings) made.push({ title: "Computer reading", lines: readingLines(reading) });
  if (report.confirmations.length > 0) made.push({ title: "Patient of the images", lines: report.confirmations });
  if (report.attachments.length > 0) made.push({ title: "Attached", lines: report.attachments });
  return made.filter((section) => section.lines.length > 0);
}

function words(name: string): { family: string; given?: string[] } {
  const parts = name.trim().split(/\s+/);
  const family = parts.pop() ?? name;
  return parts.length > 0 ? { family, given: parts } : { family };
}

export function documentBundle(report: Report): unknown {
  const at = new Date(report.issuedAt * 1000).toISOString().replace(/\.\d+Z$/, "Z");
  const names = { composition: urn(), patient: urn(), author: urn(), institution: urn(), response: urn() };
  const refer = (reference: string, display: string) => ({ reference, display: clean(display) });
  const patientName = `${report.patient.given.join(" ")} ${report.patient.family}`.trim();
  const composition = {
    resourceType: "Composition",
    status: "final",
    type: { coding: [{ system: "http://loinc.org", code: "11506-3", display: "Progress note" }], text: clean(report.template?.title ?? report.title) },
    subject: refer(names.patient, patientName),
    date: at,
    author: [refer(names.author, report.author.name)],
    title: clean(report.title),
    confidentiality: "R",
    attester: [{ mode: "professional", time: at, party: refer(names.author, report.author.name) }],
    custodian: refer(names.institution, report.institution.name),
    section: sections(report).map((section) => ({ title: clean(section.title), text: narrative(section.lines) })),
  };
  const resources: [string, Record<string, unknown>][] = [
    [names.composition, composition],
    [
      names.patient,
      {
        resourceType: "Patient",
        text: narrative([patientName]),
        identifier: [{ system: report.patient.id_system || "urn:stele:patient", value: report.patient.id }],
        name: [{ use: "official", family: clean(report.patient.family), given: report.patient.given.map(clean) }],
        gender: report.patient.sex,
        ...(report.patient.birth_date ? { birthDate: report.patient.birth_date } : {}),
      },
    ],
    [names.author, { resourceType: "Practitioner", text: narrative([report.author.name]), identifier: [{ system: WALLETS, value: report.author.wallet }], name: [{ use: "official", ...words(clean(report.author.name)) }] }],
    [names.institution, { resourceType: "Organization", text: narrative([report.institution.name]), identifier: [{ system: WALLETS, value: report.institution.wallet }], name: clean(report.institution.name) }],
  ];
  if (report.template) {
    resources.push([
      names.response,
      {
        resourceType: "QuestionnaireResponse",
        status: "completed",
        ...(typeof report.template.source["url"] === "string" ? { questionnaire: report.template.source["url"] } : {}),
        subject: refer(names.patient, "Patient"),
        authored: at,
        author: refer(names.author, report.author.name),
        item: responseItems(report.template.items, report.answers),
      },
    ]);
  }
  return {
    resourceType: "Bundle",
    identifier: { system: "urn:ietf:rfc:3986", value: urn() },
    type: "document",
    timestamp: at,
    entry: resources.map(([fullUrl, resource]) => ({ fullUrl, resource })),
  };
}
