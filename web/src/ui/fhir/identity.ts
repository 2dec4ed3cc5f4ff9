/** Does a DICOM file say that it is of somebody else? Asked before anything is sealed. */
import type { Demographics } from "../../lib";
import { comparePeople, type FilePatient, filePatient, isDicom, type Reason, type Verdict, weightOf } from "../../lib/person";
import { say } from "../i18n";

/** What is in doubt or speaks against the patient, in words. */
function words(reason: Reason): string {
  switch (reason) {
    case "number_differs":
      return say("the patient's number differs");
    case "number_of_another_issuer":
      return say("the patient's number is one of another hospital");
    case "name_given_differs":
      return say("the given name differs");
    case "name_family_differs":
      return say("the family name differs");
    case "name_differs":
      return say("the name differs");
    case "name_in_another_script":
      return say("the name is written in another script");
    case "name_incomplete":
    case "name_initial":
      return say("only a part of the name is there");
    case "name_spelling":
    case "name_order":
    case "name_other_given":
      return say("the name is written in another way");
    case "birth_date_differs":
      return say("the birth date differs");
    case "birth_date_day_month":
      return say("day and month of the birth date are exchanged");
    case "birth_date_first_of_january":
      return say("only the birth year agrees");
    case "sex_differs":
    case "sex_other":
      return say("the sex differs");
    default:
      return say("the file says too little about its patient");
  }
}

/** What the file's patient is to the chosen one, with what is in doubt or speaks against it. */
export interface Found {
  readonly verdict: Verdict;
  readonly words: readonly string[];
  readonly file: FilePatient;
}

/** Nothing, if the file is no DICOM file. */
export function compareFile(bytes: Uint8Array, patient: Demographics): Found | null {
  if (!isDicom(bytes)) return null;
  const file = filePatient(bytes);
  const { verdict, reasons } = comparePeople(file, patient);
  const counts = reasons.filter((reason) => weightOf(reason) === "doubt" || weightOf(reason) === "against");
  return { verdict, words: Array.from(new Set(counts.map(words))), file };
}
