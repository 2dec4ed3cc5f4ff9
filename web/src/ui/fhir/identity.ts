/** Does a DICOM file say that it is of somebody else? Asked before anything is sealed. */
import dicomParser from "dicom-parser";

import type { Demographics } from "../../lib";
import { say } from "../i18n";

function plain(text: string): string {
  return text.normalize("NFKD").replaceAll(/[^\p{L}\p{N}]/gu, "").toLocaleLowerCase();
}

/** What contradicts the chosen patient, by the name of the field; empty if nothing does. */
export function contradictions(bytes: Uint8Array, patient: Demographics): readonly string[] {
  const set = dicomParser.parseDicom(bytes, { untilTag: "x00100040" });
  const found: string[] = [];
  const id = set.string("x00100020") ?? "";
  if (id && patient.id && plain(id) !== plain(patient.id)) found.push(say("the patient's number"));
  const birth = set.string("x00100030") ?? "";
  if (/^\d{8}$/.test(birth) && patient.birth_date && birth !== patient.birth_date.replaceAll("-", "")) found.push(say("the birth date"));
  const family = (set.string("x00100010") ?? "").split("^")[0] ?? "";
  if (plain(family) && plain(patient.family) && plain(family) !== plain(patient.family)) found.push(say("the family name"));
  return found;
}
