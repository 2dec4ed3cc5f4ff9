/** The words of a FHIR document, for showing. Everything in it was written by others: text only. */

import { Wrong } from "../errors";
import type { DocumentText } from "../types";

/** The largest document that is read into memory. */
const LARGEST = 16 * 1024 * 1024;

type Json = Record<string, unknown>;
const object = (value: unknown): Json => (typeof value === "object" && value !== null ? (value as Json) : {});
const array = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const string = (value: unknown): string => (typeof value === "string" ? value : "");

export async function readDocument(part: Blob): Promise<{ readonly text: DocumentText; readonly bundle: unknown }> {
  if (part.size > LARGEST) throw new Wrong("document", "it is too large to be shown");
  let bundle: unknown;
  try {
    bundle = JSON.parse(await part.text());
  } catch {
    throw new Wrong("document", "it is no JSON");
  }
  return { text: textOf(bundle), bundle };
}

function textOf(bundle: unknown): DocumentText {
  const resources = array(object(bundle)["entry"]).map((entry) => object(object(entry)["resource"]));
  const composition = resources.find((r) => r["resourceType"] === "Composition") ?? {};
  const display = (reference: unknown): string => string(object(reference)["display"]);
  return {
    title: string(composition["title"]),
    date: string(composition["date"]),
    patient: display(composition["subject"]) || nameOf(resources, "Patient"),
    author: array(composition["author"]).map(display).filter(Boolean).join(", ") || nameOf(resources, "Practitioner"),
    institution: display(composition["custodian"]) || organisation(resources),
    sections: array(composition["section"]).map((section) => ({
      title: string(object(section)["title"]),
      text: plain(string(object(object(section)["text"])["div"])),
    })),
  };
}

function nameOf(resources: readonly Json[], type: string): string {
  const resource = resources.find((r) => r["resourceType"] === type);
  const name = object(array(resource?.["name"])[0]);
  return [...array(name["given"]).map(string), string(name["family"])].filter(Boolean).join(" ");
}

const organisation = (resources: readonly Json[]): string =>
  string(resources.find((r) => r["resourceType"] === "Organization")?.["name"]);

const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&", nbsp: "\u00a0" };

/** The text of an XHTML narrative: no mark-up of it reaches a page. */
function plain(xhtml: string): string {
  return xhtml
    .replace(/<br\s*\/?>/gi, "\n")
    .replace(/<\/(?:p|div|li|tr|h[1-6])>/gi, "\n")
    .replace(/<[^>]*>/g, "")
    .replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{1,8}));/gi, (all, decimal: string, hex: string, name: string) => {
      if (name) return ENTITIES[name.toLowerCase()] ?? all;
      const code = decimal ? Number(decimal) : Number.parseInt(hex, 16);
      return code <= 0x10ffff ? String.fromCodePoint(code) : all;
    })
    .replace(/\n{3,}/g, "\n\n")
    .trim();
}
