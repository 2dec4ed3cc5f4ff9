/** Comparing names, by the rules of `crates/clinical/src/person/name.rs`. */
import { isInitial, joined, oneLetterOff, same, shareScript, soundsAlike, type Word, words } from "./letters";
import { type Reason, weightOf } from "./reason";

/** What stands in place of a name or number that is not known. */
export const PLACEHOLDERS: ReadonlySet<string> = new Set([
  "ANON", "ANONYM", "ANONYMOUS", "ANONYMIZED", "ANONYMISED", "DEIDENTIFIED", "DESCONOCIDO", "INCONNU", "NN",
  "NOID", "NONAME", "SCONOSCIUTO", "UNBEKANNT", "UNKNOWN", "UNNAMED", "XXX", "XXXX",
]);

/** Titles that programs put into a name written as one. */
const TITLES = ["dr", "prof", "mr", "mrs", "ms", "mme", "herr", "frau", "med"];

/** A name in one script. */
export interface Name {
  readonly family: readonly Word[];
  readonly given: readonly Word[];
  /** Whether nothing says which word is the family name. */
  readonly asOne: boolean;
}

const PLACEHOLDER_WORDS = Array.from(PLACEHOLDERS, (word) => joined(words(word)));
const TITLE_WORDS = TITLES.map((word) => joined(words(word)));

/** Nothing, if the name stands for none. */
function known(name: Name): Name | null {
  const family = name.asOne ? name.family.filter((word) => !TITLE_WORDS.some((title) => same(word, title))) : name.family;
  const first = family[0] ?? name.given[0];
  if (!first) return null;
  const placeholder = (word: Word) => PLACEHOLDER_WORDS.some((one) => same(word, one));
  return placeholder(first) || placeholder(joined(family)) ? null : { ...name, family };
}

/** A name whose parts are known. */
export function nameOf(family: string, given: readonly string[]): Name | null {
  const name = { family: words(family), given: given.flatMap(words), asOne: false };
  return name.family.length + name.given.length > 0 ? name : null;
}

/**
 * The names that a DICOM value of VR PN holds (PS3.5, 6.2): up to three groups by `=` (alphabetic,
 * ideographic, phonetic), components by `^`: family, given, middle, prefix, suffix. Many programs
 * write the whole name into the first, some with a comma.
 */
export function namesOf(personName: string): Name[] {
  return personName.split("=").flatMap((group) => groupName(group) ?? []);
}

function groupName(group: string): Name | null {
  const [first = "", ...others] = group.split("^").map((component) => component.trim());
  const given = others.slice(0, 2).flatMap(words);
  const comma = first.indexOf(",");
  if (given.length > 0 && first) return known({ family: words(first), given, asOne: false });
  const behind = comma < 0 ? [] : words(first.slice(comma + 1));
  if (behind.length > 0) return known({ family: words(first.slice(0, comma)), given: behind, asOne: false });
  return known({ family: [...words(first), ...given], given: [], asOne: true });
}

function all(name: Name): Word {
  return joined([...name.family, ...name.given]);
}

const ORDER = ["for", "nothing", "doubt", "against"] as const;

/** Compares a file's name, in whatever scripts it has, with the chosen one. */
export function compareNames(file: readonly Name[], chosen: Name | null): Reason {
  if (file.length === 0 || !chosen) return "name_absent";
  const found = file.filter((name) => shareScript(all(name), all(chosen))).map((name) => compareName(name, chosen));
  const rank = (reason: Reason) => 2 * ORDER.indexOf(weightOf(reason)) + (reason === "name_family_differs" ? 1 : 0);
  const [best] = found.toSorted((a, b) => rank(a) - rank(b));
  return best ?? "name_in_another_script";
}

function compareName(file: Name, chosen: Name): Reason {
  const [family, given, whole] = [joined(chosen.family), joined(chosen.given), all(file)];
  if (same(whole, joined([family, given]))) return "name_agrees";
  if (file.asOne) return compareAsOne(file, chosen, whole);
  const exchanged = same(joined(file.family), given) && same(joined(file.given), family);
  if (exchanged || sameWords([...file.family, ...file.given], chosen)) return "name_order";
  return judge(relate(joined(file.family), family), relateGiven(file.given, chosen.given), () => sharesWord(file.family, chosen.family));
}

/** A name of which nothing says which word is the family name. */
function compareAsOne(file: Name, chosen: Name, whole: Word): Reason {
  if (same(whole, joined([...chosen.given, ...chosen.family])) || sameWords(file.family, chosen)) return "name_agrees";
  // Without the family name, wherever it stands, the given names are left.
  const rest = [...file.family];
  for (const word of chosen.family) {
    const at = rest.findIndex((other) => same(word, other));
    if (at < 0) return withoutFamily(file, chosen);
    rest.splice(at, 1);
  }
  return judge("same", relateGiven(rest, chosen.given), () => false);
}

function withoutFamily(file: Name, chosen: Name): Reason {
  if (relateGiven(file.family, chosen.given) !== "same") return "name_differs";
  if (file.family.length === chosen.given.length) return "name_incomplete";
  const family = joined(chosen.family);
  const alike = file.family.some((word) => soundsAlike(word, family) || oneLetterOff(word, family));
  return alike ? "name_spelling" : "name_family_differs";
}

/** How one part of a name stands to the other: the same, in doubt for a reason, or different. */
type Relation = "same" | Reason | "different";

function relate(file: Word, chosen: Word): Relation {
  if (same(file, chosen)) return "same";
  if (file.length === 0 || chosen.length === 0) return "name_incomplete";
  return soundsAlike(file, chosen) || oneLetterOff(file, chosen) ? "name_spelling" : "different";
}

/**
 * Given names agree where one side's are the first of the other's: middle names are often left out,
 * or only their initials given. A misspelled letter is not let pass: twins have names like that.
 */
function relateGiven(file: readonly Word[], chosen: readonly Word[]): Relation {
  if ((file.length === 0) !== (chosen.length === 0)) return "name_incomplete";
  const [short, long] = joined(file).length <= joined(chosen).length ? [file, chosen] : [chosen, file];
  const start = joined(short);
  for (let n = 0; n <= long.length; n += 1) if (same(start, joined(long.slice(0, n)))) return "same";
  const [first, other] = [file[0], chosen[0]];
  if (!first || !other) return "same";
  if (same(first, other)) {
    // Only middle names are left to differ.
    const initials = short.every((word, i) => same(word, long[i] ?? word) || isInitial(word, long[i] ?? word));
    return initials ? "same" : "name_other_given";
  }
  if (isInitial(first, other)) return "name_initial";
  if (soundsAlike(first, other) || soundsAlike(joined(file), joined(chosen))) return "name_spelling";
  return sharesWord(file, chosen) ? "name_other_given" : "different";
}

function judge(family: Relation, given: Relation, shares: () => boolean): Reason {
  if (family === "same") {
    if (given === "same") return "name_agrees";
    return given === "different" ? "name_given_differs" : given;
  }
  if (family !== "different") return given === "different" ? "name_differs" : family;
  if (given !== "same") return "name_differs";
  // A part of a double name.
  return shares() ? "name_incomplete" : "name_family_differs";
}

function sharesWord(a: readonly Word[], b: readonly Word[]): boolean {
  return a.some((word) => b.some((other) => same(word, other)));
}

/** Whether the words are those of the chosen name, in any order. */
function sameWords(some: readonly Word[], chosen: Name): boolean {
  const rest = [...chosen.family, ...chosen.given];
  if (some.length !== rest.length) return false;
  return some.every((word) => {
    const at = rest.findIndex((other) => same(word, other));
    if (at >= 0) rest.splice(at, 1);
    return at >= 0;
  });
}
