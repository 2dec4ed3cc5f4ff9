/** Whose records are open to a doctor now: live grants, by patient. */
import type { GrantLine, Hex, PatientLine, RequestLine } from "../../lib";

export interface Caring {
  readonly patient: Hex;
  /** Who it is, for patients of this hospital. */
  readonly line: PatientLine | null;
  /** The patient's hospital. */
  readonly home: Hex;
  /** Live grants, the one that lasts longest first. */
  readonly grants: readonly GrantLine[];
}

export function isLive(grant: GrantLine, at: number): boolean {
  return grant.stage === "given" && grant.from <= at && grant.until > at;
}

/** Whose record a grant opens: as the patient's own hospital knows, or as the request says that it answers. */
export function patientOf(grant: GrantLine, requests: readonly RequestLine[]): Hex | null {
  return grant.patient ?? requests.find((request) => request.id === grant.request || request.answer === grant.grant)?.patient ?? null;
}

export interface Care {
  readonly people: readonly Caring[];
  /** Live grants of which is not known here whose they are; opening one tells. */
  readonly others: readonly GrantLine[];
}

export function careOf(patients: readonly PatientLine[], grants: readonly GrantLine[], requests: readonly RequestLine[], at: number): Care {
  const groups = new Map<Hex, GrantLine[]>();
  const others: GrantLine[] = [];
  for (const grant of grants.filter((one) => isLive(one, at))) {
    const patient = patientOf(grant, requests);
    if (patient === null) others.push(grant);
    else groups.set(patient, [...(groups.get(patient) ?? []), grant]);
  }
  const people = [...groups].map(([patient, own]): Caring => {
    const sorted = own.sort((a, b) => b.until - a.until);
    return { patient, line: patients.find((one) => one.patient === patient) ?? null, home: sorted[0]?.home ?? patient, grants: sorted };
  });
  const family = (one: Caring): string => one.line?.demographics.family ?? "";
  // People of other hospitals, whose names are not known here, come last.
  const order = (a: Caring, b: Caring): number => Number(a.line === null) - Number(b.line === null) || family(a).localeCompare(family(b));
  return { people: people.sort(order), others };
}
