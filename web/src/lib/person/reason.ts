/** What a comparison of people found; `crates/clinical/src/person/reason.rs` says the same. */

/** Which way a finding points. */
export type Weight = "for" | "nothing" | "doubt" | "against";

const WEIGHTS = {
  number_agrees: "for",
  number_absent: "nothing",
  number_of_another_issuer: "doubt",
  number_differs: "against",
  name_agrees: "for",
  name_absent: "nothing",
  name_in_another_script: "doubt",
  name_spelling: "doubt",
  name_order: "doubt",
  name_incomplete: "doubt",
  name_initial: "doubt",
  name_other_given: "doubt",
  name_family_differs: "doubt",
  name_given_differs: "against",
  name_differs: "against",
  birth_date_agrees: "for",
  birth_date_agrees_in_part: "for",
  birth_date_absent: "nothing",
  birth_date_day_month: "doubt",
  birth_date_first_of_january: "doubt",
  birth_date_differs: "against",
  sex_agrees: "for",
  sex_absent: "nothing",
  sex_other: "doubt",
  sex_differs: "against",
  too_little: "doubt",
} as const satisfies Record<string, Weight>;

/** One finding, by its code. */
export type Reason = keyof typeof WEIGHTS;

export function weightOf(reason: Reason): Weight {
  return WEIGHTS[reason];
}
