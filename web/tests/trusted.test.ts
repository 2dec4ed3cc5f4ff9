/** Trusted people: the list in the patient's index, what is granted and taken back, who trusts whom. */

import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { partsFor, planFor } from "../src/lib/custody/trusted";
import type { Open } from "../src/lib/custody/trusted";
import { fromHex, toHex } from "../src/lib/formats/bytes";
import { decodeIndex, EMPTY_INDEX, encodeIndex, withoutTrusted, withTrusted } from "../src/lib/formats/patient-index";
import type { TrustedEntry } from "../src/lib/formats/patient-index";
import type { GrantLine, Hex } from "../src/lib/types";
import { ALL, kindsOf, partsOf, readTrustNote, trusters, walletIn } from "../src/ui/data/trust";
import type { Told } from "../src/ui/data/trust";

const NOW = 1_800_000_000;
const address = (n: number): Hex => `0x${n.toString(16).padStart(40, "0")}`;
const hash = (n: number): Hex => `0x${n.toString(16).padStart(64, "0")}`;
const ELENI = address(7);

const entry = (change: Partial<TrustedEntry> = {}): TrustedEntry => ({
  wallet: ELENI, name: "Eleni", relation: "SPS", parts: [], until: NOW + 1000, later: true, changedAt: NOW - 10, ...change,
});
const record = (n: number, change: Partial<Open> = {}): Open => ({
  controller: address(100 + n), commitment: hash(n), parts: ["document", "image", "image-2", "report.pdf"], addedAt: NOW - 100, ...change,
});
const grant = (of: Open, change: Partial<GrantLine> = {}): GrantLine => ({
  grant: hash(1000), home: address(1), stage: "given", act: null, revocation: null, recipient: { person: ELENI },
  controller: of.controller, commitment: of.commitment, parts: of.parts, purpose: "ETREAT", from: NOW - 50, until: NOW + 1000,
  request: null, patient: null, ...change,
});

describe("the list in the patient's index", () => {
  it("survives encoding, leaves an index without it as it was, and goes when the last one goes", () => {
    const plain = encodeIndex(EMPTY_INDEX);
    const listed = withTrusted(withTrusted(EMPTY_INDEX, entry()), entry({ wallet: address(3), name: "Nikos" }));
    const again = decodeIndex(encodeIndex(listed));
    expect(again.trusted.map((one) => one.name)).toEqual(["Nikos", "Eleni"]);
    expect(again.trusted.at(1)).toEqual(entry());
    expect(withTrusted(listed, entry({ name: "E." })).trusted).toHaveLength(2);
    expect(encodeIndex(withoutTrusted(withoutTrusted(listed, ELENI), address(3)))).toEqual(plain);
  });

  it("is the same in Rust", () => {
    const vectors = JSON.parse(readFileSync(new URL("../../testdata/vectors/record-index.json", import.meta.url), "utf8")) as { index: Hex; trusting: Hex };
    const index = decodeIndex(fromHex(vectors.trusting, "vector"));
    expect(toHex(encodeIndex(index))).toBe(vectors.trusting);
    expect(index.trusted).toEqual([{
      wallet: `0x${"77".repeat(20)}`, name: "Eleni", relation: "SPS", parts: ["document", "image"], until: 1_800_000_000, later: true,
      changedAt: 1_700_000_000,
    }]);
    expect(toHex(encodeIndex({ ...index, trusted: [] }))).toBe(vectors.index);
  });

  it("keeps its limits", () => {
    const long = withTrusted(EMPTY_INDEX, entry({ name: "x".repeat(300) }));
    expect(() => decodeIndex(encodeIndex(long))).toThrow(/longer than 256 bytes/);
  });
});

describe("what is granted and taken back", () => {
  it("knows the parts of a kind, and no others", () => {
    expect(partsFor([], ["document", "image"])).toEqual(["document", "image"]);
    expect(partsFor(["image"], ["document", "image", "image-2", "images", "imagery-1"])).toEqual(["image", "image-2"]);
  });

  it("gives what is lacking and nothing twice", () => {
    const [one, two] = [record(1), record(2)];
    const plan = planFor(entry(), [one, two], [grant(one)], NOW);
    expect(plan.give).toEqual([two]);
    expect(plan.takeBack).toEqual([]);
  });

  it("gives a corrected version anew and takes the old one back", () => {
    const corrected = record(1, { commitment: hash(9) });
    const old = grant(record(1));
    expect(planFor(entry(), [corrected], [old], NOW)).toEqual({ give: [corrected], takeBack: [old] });
  });

  it("follows a change of parts or of time", () => {
    const one = record(1);
    const given = grant(one);
    const fewer = entry({ parts: ["document"], changedAt: NOW });
    expect(planFor(fewer, [one], [given], NOW)).toEqual({ give: [one], takeBack: [given] });
    expect(planFor(entry({ until: NOW + 5000 }), [one], [given], NOW).give).toEqual([one]);
  });

  it("leaves records out that have no such part, and later ones where the patient said so", () => {
    const papers = record(1, { parts: ["document"] });
    expect(planFor(entry({ parts: ["image"] }), [papers], [], NOW).give).toEqual([]);
    const later = record(2, { addedAt: NOW });
    expect(planFor(entry({ later: false }), [papers, later], [], NOW).give).toEqual([papers]);
    expect(planFor(entry({ later: true }), [papers, later], [], NOW).give).toEqual([papers, later]);
  });

  it("touches no other grants: other purposes, other people, revoked and ended ones", () => {
    const one = record(1);
    const others = [
      grant(one, { purpose: "TREAT" }), grant(one, { recipient: { person: address(8) } }),
      grant(one, { stage: "revoked" }), grant(one, { until: NOW - 1 }),
    ];
    expect(planFor(entry(), [one], others, NOW)).toEqual({ give: [one], takeBack: [] });
  });

  it("takes everything back once the time is over", () => {
    const one = record(1);
    const given = grant(one);
    expect(planFor(entry({ until: NOW - 1 }), [one], [given], NOW)).toEqual({ give: [], takeBack: [given] });
  });
});

describe("who trusts me", () => {
  const note = { v: 1, type: "trusted", name: "Maria", relation: "SPS", until: NOW + 1000 } as const;
  const told = (grants: readonly Hex[], from = address(50)): Told => ({ from, at: NOW, grants, note });

  it("reads its own letters only", () => {
    expect(readTrustNote(JSON.stringify(note))).toEqual(note);
    expect(readTrustNote("Dear Eleni")).toBeNull();
    expect(readTrustNote(JSON.stringify({ ...note, type: "prescription" }))).toBeNull();
    expect(readTrustNote("null")).toBeNull();
  });

  it("puts a patient's grants together by letter or by what the home node knows", () => {
    const [one, two, three] = [record(1), record(2), record(3)];
    const first = grant(one, { grant: hash(11), patient: hash(77) });
    const later = grant(two, { grant: hash(12), patient: hash(77) });
    const stranger = grant(three, { grant: hash(13) });
    const groups = trusters([first, later, stranger], [told([hash(11)])], NOW);
    expect(groups.map((group) => [group.told?.note.name ?? null, group.grants.length])).toEqual([["Maria", 2], [null, 1]]);
  });

  it("shows live emergency grants only", () => {
    const one = record(1);
    const none = [grant(one, { purpose: "TREAT" }), grant(one, { until: NOW }), grant(one, { from: NOW + 5 }), grant(one, { stage: "erased" })];
    expect(trusters(none, [], NOW)).toEqual([]);
  });
});

describe("the form", () => {
  it("takes an address, or a code's text", () => {
    const text = "0xAbCdEf0123456789abcdef0123456789ABCDEF01";
    expect(walletIn(` ${text} `)).toBe(text.toLowerCase());
    expect(walletIn(`ethereum:${text}@1`)).toBe(text.toLowerCase());
    expect(walletIn("0x1234")).toBeNull();
  });

  it("keeps kinds as beginnings of names, and all of them as none", () => {
    expect(partsOf(ALL)).toEqual([]);
    expect(kindsOf([])).toEqual(ALL);
    expect(kindsOf(partsOf(["images"]))).toEqual(["images"]);
    expect(kindsOf(partsOf(["reports", "files"]))).toEqual(["reports", "files"]);
  });
});
