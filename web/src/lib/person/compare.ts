/**
 * Is the file's patient the chosen one? The rules of `crates/clinical/src/person`, held to the same
 * vectors (`testdata/vectors/people.json`).
 */
import type { Demographics } from "../types";
import { compareNames, nameOf, namesOf, PLACEHOLDERS } from "./name";
import { type Reason, weightOf } from "./reason";

/** What a DICOM file says about its patient; empty where it says nothing. */
export interface FilePatient {
  readonly id: string;
  readonly issuer: string;
  readonly other_ids: readonly string[];
  readonly name: string;
  readonly birth_date: string;
  readonly sex: string;
}

/** Of the chosen patient; a person has to look at both; of somebody else. */
export type Verdict = "same" | "look" | "different";

export interface Judgement {
  readonly verdict: Verdict;
  /** The findings: of number, name, birth date and sex, and what is to be said of all. */
  readonly reasons: readonly Reason[];
}

/** Whether the patient that a file names is the chosen one. */
export function comparePeople(file: FilePatient, chosen: Demographics): Judgement {
  const number = compareNumbers(file, chosen);
  const name = compareNames(namesOf(file.name), nameOf(chosen.family, chosen.given));
  const date = compareDates(file.birth_date, chosen.birth_date);
  const reasons: Reason[] = [number, name, date, compareSexes(file.sex, chosen.sex)];
  const numbered = number === "number_agrees";
  const agree = [numbered, name === "name_agrees", date === "birth_date_agrees"];
  const oddDate = date === "birth_date_day_month" || date === "birth_date_first_of_january";
  const unlikely =
    name === "name_family_differs" ? !numbered || date !== "birth_date_agrees" : oddDate && (!numbered || name !== "name_agrees");
  const has = (weight: ReturnType<typeof weightOf>) => reasons.some((reason) => weightOf(reason) === weight);
  if (unlikely || has("against")) return { verdict: "different", reasons };
  if (has("doubt")) return { verdict: "look", reasons };
  if (agree.filter(Boolean).length < 2) return { verdict: "look", reasons: [...reasons, "too_little"] };
  return { verdict: "same", reasons };
}

/** A number without case, width, blanks, punctuation and leading zeros; empty where it stands for none. */
function plain(number: string): string {
  const signs = number.normalize("NFKC").toUpperCase().replaceAll(/[^\p{Alphabetic}\p{N}]/gu, "").replace(/^0+/, "");
  return PLACEHOLDERS.has(signs) ? "" : signs;
}

function compareNumbers(file: FilePatient, chosen: Demographics): Reason {
  const [number, other] = [plain(file.id), plain(chosen.id)];
  if (other && (number === other || file.other_ids.some((id) => plain(id) === other))) return "number_agrees";
  if (!number || !other) return "number_absent";
  const issuer = file.issuer.trim();
  return issuer && issuer !== chosen.id_system ? "number_of_another_issuer" : "number_differs";
}

interface BirthDate {
  readonly year: number;
  /** Zero where it is not known; so is the day. */
  readonly month: number;
  readonly day: number;
}

/** Dates that programs write where none is known. */
const NO_DATES = new Set(["1899-12-30", "1899-12-31", "1900-1-1", "1901-1-1"]);

function birthDate(text: string): BirthDate | null {
  const digits = text.replaceAll(/[^0-9]/g, "");
  if (![4, 6].includes(digits.length) && digits.length < 8) return null;
  const year = Number(digits.slice(0, 4));
  const month = Number(digits.slice(4, 6));
  // A day of an unknown month says nothing.
  const day = month === 0 ? 0 : Number(digits.slice(6, 8));
  const somebodys = year >= 1880 && year <= 2199 && !NO_DATES.has(`${String(year)}-${String(month)}-${String(day)}`);
  return somebodys ? { year, month, day } : null;
}

function compareDates(file: string, chosen: string): Reason {
  const [a, b] = [birthDate(file), birthDate(chosen)];
  if (!a || !b) return "birth_date_absent";
  if (a.year !== b.year) return "birth_date_differs";
  if (a.month === b.month && a.day === b.day && a.day !== 0) return "birth_date_agrees";
  const agrees = (one: number, other: number) => one === 0 || other === 0 || one === other;
  if (agrees(a.month, b.month) && agrees(a.day, b.day)) return "birth_date_agrees_in_part";
  if (a.month === b.day && a.day === b.month) return "birth_date_day_month";
  const first = [a, b].some((date) => date.month === 1 && date.day === 1);
  return first ? "birth_date_first_of_january" : "birth_date_differs";
}

const SEXES: Readonly<Record<string, Demographics["sex"]>> = {
  F: "female", FEMALE: "female", W: "female", M: "male", MALE: "male", O: "other", OTHER: "other",
};

function compareSexes(written: string, chosen: Demographics["sex"]): Reason {
  const file = SEXES[written.trim().toUpperCase()] ?? "unknown";
  if (file === "unknown" || chosen === "unknown") return "sex_absent";
  if (file === chosen) return "sex_agrees";
  return file === "other" || chosen === "other" ? "sex_other" : "sex_differs";
}
