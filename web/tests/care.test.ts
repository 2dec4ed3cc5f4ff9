/** The doctor's list: patients with a live grant, and nobody else. */

import { describe, expect, it } from "vitest";

import type { GrantLine, Hex, PatientLine, RequestLine } from "../src/lib/types";
import { careOf } from "../src/ui/data/care";

const NOW = 1_800_000_000;
const id = (n: number, bytes = 32): Hex => `0x${n.toString(16).padStart(bytes * 2, "0")}`;
const HOME = id(1, 20);

const line = (n: number, family: string): PatientLine => ({
  patient: id(n), wallet: id(n, 20), enrolledAt: 0, act: id(0),
  demographics: { id: String(n), id_system: "s", family, given: ["A"], birth_date: "1980-01-01", sex: "female" },
});
const grant = (n: number, change: Partial<GrantLine> = {}): GrantLine => ({
  grant: id(n), home: HOME, stage: "given", act: null, revocation: null, recipient: { person: id(9, 20) }, controller: id(n, 20),
  commitment: id(n), parts: ["document"], purpose: "TREAT", from: NOW - 10, until: NOW + 10, request: null, patient: null, ...change,
});
const request = (n: number, patient: Hex, answer: Hex | null): RequestLine => ({
  id: id(n), home: HOME, requester: id(9, 20), recipient: { person: id(9, 20) }, patient, commitment: null, parts: ["document"],
  purpose: "TREAT", reason: "", from: 0, until: NOW + 10, receivedAt: NOW, answer,
});

describe("patients with a live grant", () => {
  const [zoe, anna, ben] = [line(31, "Zoe"), line(32, "Anna"), line(33, "Ben")];

  it("are those whom the home node or an answered request names, by family name", () => {
    const grants = [grant(1, { patient: zoe.patient }), grant(2, { request: id(70) }), grant(3)];
    const care = careOf([zoe, anna, ben], grants, [request(70, anna.patient, id(2))], NOW);
    expect(care.people.map((one) => one.line?.demographics.family)).toEqual(["Anna", "Zoe"]);
    expect(care.others.map((one) => one.grant)).toEqual([id(3)]);
  });

  it("leave the list when the grant ends, is taken back, or has not begun", () => {
    const over = [grant(1, { until: NOW }), grant(2, { stage: "revoked" }), grant(3, { stage: "erased" }), grant(4, { from: NOW + 1 })];
    const care = careOf([zoe], over.map((one) => ({ ...one, patient: zoe.patient })), [], NOW);
    expect(care).toEqual({ people: [], others: [] });
  });

  it("stand once, with the grant that lasts longest first, also patients of other hospitals", () => {
    const grants = [grant(1, { patient: ben.patient, until: NOW + 5 }), grant(2, { patient: ben.patient }), grant(3, { patient: id(99), home: id(2, 20) })];
    const { people } = careOf([ben], grants, [], NOW);
    expect(people.map((one) => one.grants.map((each) => each.grant))).toEqual([[id(2), id(1)], [id(3)]]);
    expect(people[1]).toMatchObject({ line: null, home: id(2, 20) });
  });
});
