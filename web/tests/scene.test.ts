/** Everything that people do, against real nodes, a real chain and the real command line. */

import "fake-indexeddb/auto";

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { unzipSync } from "fflate";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { accounts, NodeError, openLink, signIn, verifyProofFile, verifyReport, WalletError } from "../src/lib";
import type { Draft, GrantLine, Hex, OpenedRecord, RecordLine, RequestLine, Session } from "../src/lib";
import { randomHex } from "../src/lib/formats/bytes";
import { png } from "./support/png";
import { keyOf, person, program, setScene, signedIn, stele, urlOf } from "./support/scene";
import type { Scene } from "./support/scene";

const bin = program();
if (bin === null) skip("scene.test.ts: set STELE_BIN to a stele program (cargo build -p stele)");

/** Say what is not tested; `make e2e-web` has everything that is needed, and skips nothing. */
function skip(what: string): void {
  if (process.env["SKIP"] === "never") throw new Error(`not to be skipped: ${what}`);
  console.log(`SKIPPED ${what}`);
}

const now = (): number => Math.floor(Date.now() / 1000);
const DAY = 86_400;
const WORDS = "No fracture of the distal radius is seen.";

/** A value that an earlier step made. */
function made<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`${what} is missing: an earlier step failed`);
  return value;
}

async function bytesOf(blob: Blob): Promise<string> {
  return Buffer.from(await blob.arrayBuffer()).toString("base64");
}

/** Whether a route exists on this build of the node; says so where it does not. */
async function has(session: Session, method: "GET" | "POST", path: string): Promise<boolean> {
  try {
    await session.json(method, path, method === "POST" ? {} : undefined);
  } catch (error) {
    if (error instanceof NodeError && [404, 405].includes(error.status) && error.code !== "not_found") {
      skip(`${path}: this stele does not have it; build a newer one`);
      return false;
    }
  }
  return true;
}

describe.skipIf(bin === null)("a scene", { timeout: 240_000 }, () => {
  const stel = bin ?? "";
  let scene: Scene;
  let standing: Scene | undefined;
  let patient: Session;
  let doctor: Session;
  let specialist: Session;
  const image = png(640, 480, 7);
  let record: RecordLine | undefined;
  let granted: GrantLine | undefined;
  let asked: RequestLine | undefined;

  beforeAll(async () => {
    scene = standing = await setScene(stel);
    doctor = await signedIn(scene, "doctor", 0);
    specialist = await signedIn(scene, "specialist", 1);
  }, 300_000);
  afterAll(async () => {
    await standing?.stop();
  }, 30_000);

  /** Send an image to the patient; the draft is signed. */
  async function send(title: string, file: Uint8Array<ArrayBuffer>, corrects?: Hex): Promise<Draft> {
    const upload = {
      patient: made(patient.who.patient ?? undefined, "the patient"), title, report: WORDS, file: new Blob([file]),
      fileName: "wrist.png", modality: "DX", bodyPart: "Wrist", ...(corrects === undefined ? {} : { corrects }),
    };
    const draft = await doctor.staff.upload(upload, randomHex(16));
    const view = await doctor.staff.sign(draft);
    expect(view.stage).toBe("pending");
    return draft;
  }

  async function inboxed(draft: Draft): Promise<OpenedRecord> {
    const view = (await patient.patient.inbox()).find((v) => v.record === draft.record);
    return patient.patient.open(made(view, "the version in the inbox"));
  }

  async function approved(draft: Draft, label: string): Promise<RecordLine> {
    const view = await patient.patient.approve(await inboxed(draft), label);
    const act = await patient.settled(made(view.act ?? undefined, "the act"));
    expect(act.name).toBe("commit");
    const line = (await patient.patient.records()).find((r) => r.controller === view.controller);
    return made(line, "the record");
  }

  it("imports a key file, keeps it encrypted, and signs in with what was kept", async () => {
    const file = readFileSync(keyOf(scene, "patient"), "utf8");
    const protection = { kind: "passphrase", passphrase: "correct horse battery" } as const;
    await expect(accounts.importKeyFile(file, "wrong", protection)).rejects.toThrow(WalletError);
    const unlocked = await accounts.importKeyFile(file, "demo", protection);
    unlocked.lock();
    await expect(signIn(unlocked, { node: urlOf(scene, 0) })).rejects.toThrow("signed out");
    await expect(accounts.unlock(unlocked.account.id, { ...protection, passphrase: "wrong horse" })).rejects.toThrow(WalletError);
    const again = await accounts.unlock(unlocked.account.id, protection);
    patient = await signIn(again, { node: urlOf(scene, 0) });
    expect(patient.who.patient).toMatch(/^0x[0-9a-f]{64}$/);
    expect(patient.keyState).toBe("stated");
    expect([doctor.who.staff?.role, specialist.who.staff?.role]).toEqual(["doctor", "doctor"]);
  });

  it("uploads, opens and approves", async () => {
    const draft = await send("Left wrist", image);
    const opened = await inboxed(draft);
    const { text } = await opened.document();
    expect(text.title).toBe("Left wrist");
    expect(text.sections.map((s) => s.text).join()).toContain(WORDS);
    expect(await bytesOf(await opened.part("image"))).toBe(Buffer.from(image).toString("base64"));
    record = await approved(draft, "My wrist");
    expect([record.label, record.versions, record.erased]).toEqual(["My wrist", 1, false]);
  });

  it("the command line opens what the browser approved", async () => {
    const out = join(scene.folder, "own");
    mkdirSync(out);
    const of = ["--key", keyOf(scene, "patient"), "--node", urlOf(scene, 0)];
    await stele(stel, "record", "open", ...of, "--out", out, made(record, "the record").controller);
    const lines = await stele<{ controller: string; label: string }[]>(stel, "record", "list", ...of);
    expect(lines.map((l) => [l.controller.toLowerCase(), l.label])).toContainEqual([record?.controller, "My wrist"]);
    const names = ["image", "image.png"].map((name) => join(out, name));
    const found = names.flatMap((name) => {
      try {
        return [readFileSync(name)];
      } catch {
        return [];
      }
    });
    expect(found[0]?.equals(Buffer.from(image))).toBe(true);
  });

  it("the browser opens what the command line uploaded and approved", async () => {
    const file = join(scene.folder, "cli.png");
    writeFileSync(file, png(200, 200, 9));
    const by = ["--key", keyOf(scene, "doctor"), "--node", urlOf(scene, 0)];
    const up = await stele<{ record: Hex }>(
      stel, "record", "upload", ...by, "--patient", patient.who.patient ?? "", "--title", "From the terminal", file,
    );
    const of = ["--key", keyOf(scene, "patient"), "--node", urlOf(scene, 0)];
    await stele(stel, "record", "approve", ...of, "--label", "terminal", up.record);
    const line = made((await patient.patient.records()).find((r) => r.label === "terminal"), "the record");
    const opened = await patient.patient.open(made(line.view ?? undefined, "the version"));
    expect((await opened.document()).text.title).toBe("From the terminal");
    expect(await bytesOf(await opened.part("image"))).toBe(readFileSync(file).toString("base64"));
  });

  it("somebody elsewhere asks, the patient grants a part, the other opens just that", async () => {
    asked = await specialist.staff.request({
      home: patient.card.institution, patient: made(patient.who.patient ?? undefined, "the patient"), parts: ["image"],
      purpose: "TREAT", reason: "Second opinion", until: now() + DAY,
    });
    const request = await waitFor(async () => (await patient.patient.requests()).find((r) => r.id === asked?.id));
    expect([request.reason, request.requester]).toEqual(["Second opinion", specialist.address]);
    granted = await patient.patient.grant({
      to: request.requester, controller: made(record, "the record").controller, parts: ["image"], purpose: "TREAT",
      until: now() + DAY, request: request.id,
    });
    await patient.settled(made(granted.act ?? undefined, "the act"));
    const opened = await waitFor(() => openOrWait(specialist, made(granted, "the grant").grant));
    expect(opened.parts.map((p) => p.name)).toEqual(["image"]);
    expect(opened.hidden).toBe(1);
    expect(await bytesOf(await opened.part("image"))).toBe(Buffer.from(image).toString("base64"));
    await expect(opened.document()).rejects.toThrow();
    expect((await patient.patient.requests()).find((r) => r.id === asked?.id)?.answer).toBe(granted.grant);
    await expect(doctor.staff.open(granted.grant)).rejects.toThrow(expect.objectContaining({ code: "other_recipient" }));
  });

  it("the command line opens the browser's grant, and the browser the command line's", async () => {
    const out = join(scene.folder, "granted");
    mkdirSync(out);
    const at = ["--key", keyOf(scene, "specialist"), "--node", urlOf(scene, 1)];
    await stele(stel, "consent", "open", ...at, made(granted, "the grant").grant, "--out", out);
    const of = ["--key", keyOf(scene, "patient"), "--node", urlOf(scene, 0)];
    const { grant } = await stele<{ grant: Hex }>(
      stel, "consent", "grant", ...of, "--record", made(record, "the record").controller, "--to", doctor.address, "--part",
      "document", "--purpose", "TREAT", "--days", "1",
    );
    const opened = await waitFor(() => openOrWait(doctor, grant));
    expect((await opened.document()).text.title).toBe("Left wrist");
    const lines = await patient.patient.grants();
    expect(lines.map((l) => l.grant)).toEqual(expect.arrayContaining([grant, granted?.grant]));
  });

  it("revokes at once", async () => {
    const id = made(granted, "the grant").grant;
    const revoked = await patient.patient.revoke(id);
    expect(revoked.stage).toBe("revoked");
    await patient.settled(made(revoked.revocation ?? undefined, "the act"));
    await expect(waitRefused(specialist, id)).resolves.toBe("revoked");
  });

  it("shows the trail and proves it against the chain", async () => {
    const kos = made(scene.nodes[1], "the other hospital");
    const office = await signIn(await person(join(kos.folder, "hospital.key")), { node: kos.url });
    for (const keeper of [await signedIn(scene, "auditor", 0), office]) {
      const { act } = await keeper.audit.anchor();
      if (act !== null) await keeper.settled(act.act);
    }
    // The specialist's node brings its own entries, and their proofs once the chain has them.
    if (await has(patient, "GET", "/fhir/metadata")) {
      const abroad = await waitFor(async () =>
        (await patient.patient.trail()).find((e) => e.institution === office.address && e.deed === "open" && e.size > 0),
      );
      expect(abroad.actor).toBe(specialist.address);
    }
    const trail = (await patient.patient.trail()).filter((e) => e.size > 0);
    const deeds = new Set(trail.map((entry) => entry.deed));
    for (const deed of ["enrol", "upload", "approve", "grant", "open", "serve", "revoke", "request"]) {
      expect(deeds, [...deeds].join()).toContain(deed);
    }
    expect(trail.find((e) => e.deed === "open" && e.actor === doctor.address)).toBeDefined();
    if (!(await has(patient, "POST", "/api/v1/chain"))) return;
    for (const entry of trail) {
      const check = await patient.patient.check(entry);
      expect(check.reason).toBeNull();
      expect(check.state).toBe("proven");
    }
    const first = made(trail[0], "an entry");
    const bent = { ...first, bytes: Uint8Array.from(first.bytes, (b, i) => (i === 9 ? b ^ 1 : b)) };
    expect((await patient.patient.check(bent)).state).toBe("wrong");
    const other = { ...first, root: randomHex(32) };
    expect((await patient.patient.check(other)).state).toBe("wrong");
  });

  it("an auditor verifies every checkpoint and entry, and signs the report", async () => {
    const auditor = await signedIn(scene, "auditor", 0);
    if (!(await has(auditor, "POST", "/api/v1/chain"))) return;
    const report = await auditor.audit.verify({ institution: auditor.card.institution, from: now() - DAY, until: now() + DAY });
    expect(report.problems).toEqual([]);
    expect(report.checkpoints.length).toBeGreaterThan(0);
    expect(report.checkpoints.every((c) => c.holds)).toBe(true);
    expect(report.entries).toBeGreaterThan(10);
    const signed = await auditor.audit.signReport(report);
    expect(verifyReport(signed).entries).toBe(report.entries);
    expect(() => verifyReport({ ...signed, text: signed.text.replace("true", "false") })).toThrow();
    const elsewhere = await auditor.audit.verify({ institution: specialist.card.institution, from: 0, until: now() + DAY });
    expect(elsewhere.checkpoints.every((c) => c.holds === null)).toBe(true);
    expect([elsewhere.holds, elsewhere.whole, report.holds, report.whole]).toEqual([false, false, true, true]);
  });

  it("corrects a record", async () => {
    const before = made(record, "the record");
    const draft = await send("Left wrist, corrected", png(640, 480, 8), made(before.view?.record, "the version"));
    expect(draft.version).toBe(2);
    record = await approved(draft, "");
    expect([record.controller, record.versions, record.label]).toEqual([before.controller, 2, "My wrist"]);
    expect((await patient.patient.history(record)).map((v) => v.version)).toEqual([1, 2]);
  });

  it("refuses with a reason that its author alone reads", async () => {
    const draft = await send("Not mine", png(100, 100, 3));
    const opened = await inboxed(draft);
    await patient.patient.refuse(opened.view, "This is my brother's wrist.");
    const view = made((await doctor.staff.authored()).find((v) => v.record === draft.record), "the version");
    expect(view.stage).toBe("refused");
    expect(await doctor.staff.readRefusal(view)).toBe("This is my brother's wrist.");
  });

  it("seals in the browser", async () => {
    if (!(await has(doctor, "POST", "/api/v1/uploads/sealed"))) return;
    const bundle = { resourceType: "Bundle", type: "document", entry: [{ resource: { resourceType: "Composition", title: "Sealed here" } }] };
    const parts = [
      { name: "document", mediaType: "application/fhir+json", content: new Blob([JSON.stringify(bundle)]) },
      { name: "image", mediaType: "image/png", content: new Blob([png(1500, 1200, 5)]) },
    ];
    const fresh = { patient: made(patient.who.patient ?? undefined, "the patient"), parts };
    const key = randomHex(16);
    const draft = await doctor.staff.uploadSealed(fresh, key);
    // A page that tries again under the same key means the same upload.
    expect((await doctor.staff.uploadSealed(fresh, key)).record).toBe(draft.record);
    expect((await doctor.staff.sign(draft)).stage).toBe("pending");
    const opened = await inboxed(draft);
    expect((await opened.document()).text.title).toBe("Sealed here");
    expect((await opened.part("image")).size).toBe(png(1500, 1200, 5).length);
    await approved(draft, "Sealed here");
  });

  it("exports everything, and the command line verifies the proofs", async () => {
    const zip = await patient.patient.exportAll();
    const files = unzipSync(new Uint8Array(await zip.arrayBuffer()));
    const folder = `records/${made(record, "the record").index + 1}`;
    expect(Object.keys(files)).toEqual(expect.arrayContaining(["README.txt", "index.json", "trail.json", `${folder}/document.json`, `${folder}/image.png`, `${folder}/record.proof`]));
    expect(Buffer.from(files[`${folder}/image.png`] ?? []).equals(Buffer.from(png(640, 480, 8)))).toBe(true);
    const document = JSON.parse(Buffer.from(files[`${folder}/document.json`] ?? []).toString()) as { resourceType: string };
    expect(document.resourceType).toBe("Bundle");
    const proof = join(scene.folder, "record.proof");
    writeFileSync(proof, files[`${folder}/record.proof`] ?? new Uint8Array());
    const verdict = await stele<{ holds: boolean }>(stel, "record", "verify", proof, "--rpc", scene.rpc);
    expect(verdict.holds).toBe(true);
    if (!(await has(patient, "POST", "/api/v1/chain"))) return;
    const ours = await verifyProofFile(new Blob([readFileSync(proof)]), urlOf(scene, 1));
    expect(ours.facts.filter((f) => !f.holds)).toEqual([]);
    expect([ours.holds, ours.parts]).toEqual([true, ["document", "image"]]);
  });

  it("shows one part in a proof and hides the rest", async () => {
    const blob = await patient.patient.proof(made(record, "the record"), ["image"]);
    const file = join(scene.folder, "part.proof");
    writeFileSync(file, new Uint8Array(await blob.arrayBuffer()));
    const verdict = await stele<{ holds: boolean; hidden: number }>(stel, "record", "verify", file, "--rpc", scene.rpc);
    expect([verdict.holds, verdict.hidden]).toEqual([true, 1]);
  });

  it("shares by link with a guest, who needs the code", async () => {
    if (!(await has(patient, "GET", "/api/v1/links"))) return;
    const wanted = {
      controller: made(record, "the record").controller, parts: ["document"], purpose: "PATRQT", email: "guest@example.org",
      views: 2, until: now() + DAY,
    } as const;
    const before = new Set((await patient.patient.grants()).map((g) => g.grant));
    const fresh = async () => (await patient.patient.grants()).filter((g) => !before.has(g.grant));
    await expect(patient.patient.share({ ...wanted, email: "josé@example.org" })).rejects.toThrow("address");
    expect(await fresh()).toEqual([]);
    await expect(patient.patient.share({ ...wanted, views: 100_000 })).rejects.toThrow(NodeError);
    expect((await fresh()).map((g) => g.stage)).toEqual(["revoked"]);
    const { url, link } = await patient.patient.share(wanted);
    expect(url).not.toContain(link.grant.slice(2));
    const grant = (await patient.patient.grants()).find((g) => g.grant === link.grant);
    await patient.settled(made(grant?.act ?? undefined, "the act"));
    const fragment = url.slice(url.indexOf("#"));
    const guest = openLink(fragment, urlOf(scene, 0));
    expect(() => guest.open()).toThrow("code");
    await guest.sendCode();
    await expect(guest.confirm("000000")).rejects.toThrow(expect.objectContaining({ status: 403 }));
    await guest.sendCode();
    const code = await mailedCode(patient);
    if (code === null) return;
    expect((await guest.confirm(code)).viewsLeft).toBe(2);
    const opened = await guest.open();
    expect((await opened.document()).text.title).toBe("Left wrist, corrected");
    expect(await opened.standing()).toEqual({ live: true, version: "current" });
    await patient.patient.revokeLink(link);
    await expect(guest.open()).rejects.toThrow(NodeError);
    expect(() => openLink(fragment.slice(0, -3))).toThrow("incomplete");
  });

  it("writes letters that only the two can read", async () => {
    const bound = { thread: randomHex(32), id: randomHex(32) };
    const letter = await patient.sealLetter(doctor.address, "Does it need a cast?", bound);
    expect(await doctor.openLetter({ ...bound, sealed: letter.sealed })).toBe("Does it need a cast?");
    expect(await patient.openLetter({ ...bound, sealed: letter.sealedOwn })).toBe("Does it need a cast?");
    await expect(doctor.openLetter({ ...bound, id: randomHex(32), sealed: letter.sealed })).rejects.toThrow();
    await expect(specialist.openLetter({ ...bound, sealed: letter.sealed })).rejects.toThrow();
  });

  it("admits and suspends by the hospital and the registrar", async () => {
    const node = made(scene.nodes[0], "the hospital");
    const office = await signIn(await person(join(node.folder, "hospital.key")), { node: node.url });
    expect(office.who.institution).toBe(true);
    const { unlocked } = await accounts.create({ name: "Nurse Ivo", protection: { kind: "passphrase", passphrase: "four random words here" } });
    const nurse = await signIn(unlocked, { node: node.url });
    expect(await nurse.staff.invitation()).toBeNull();
    expect((await office.hospital.invite(nurse.address, "nurse")).role).toBe("nurse");
    const act = await nurse.staff.acceptInvitation();
    await nurse.settled(act.act);
    expect((await nurse.refresh()).staff?.role).toBe("nurse");
    const key = await nurse.staff.stateKey("Nurse Ivo");
    await nurse.settled(made(key ?? undefined, "the key's act").act);
    const suspended = await office.hospital.setStaff(nurse.address, "nurse", false);
    await office.settled(suspended.act);
    expect((await office.directory(nurse.address)).staff?.active).toBe(false);
    const registrar = await signedIn(scene, "registrar", 0);
    const clinic = made(scene.nodes[2], "the clinic").institution;
    for (const active of [false, true]) {
      const set = await registrar.registrar.setInstitution(clinic, active);
      await registrar.settled(set.act);
      expect((await registrar.directory(clinic)).activeInstitution).toBe(active);
    }
  });

  it("enrols somebody whose account was made in the app, and the command line reads the key file", async () => {
    const { unlocked, kit } = await accounts.create({ name: "Eleni Pappas", protection: { kind: "passphrase", passphrase: "olive tree by the sea" } });
    const file = join(scene.folder, "eleni.key");
    writeFileSync(file, Buffer.from(await (await accounts.keyFile(unlocked, "demo")).arrayBuffer()), { mode: 0o600 });
    const eleni = await signIn(unlocked, { node: urlOf(scene, 0) });
    expect(eleni.who.patient).toBeNull();
    // Her name is nobody's but hers and her hospital's.
    expect((await specialist.directory(eleni.address)).name ?? "").toBe("");
    expect((await doctor.directory(eleni.address)).name).toBe("");
    const demographics = { id: "S-2001", id_system: "urn:example", family: "Pappas", given: ["Eleni"], birth_date: "1990-05-01", sex: "female" } as const;
    const line = await doctor.staff.enrol(demographics, await eleni.patient.card());
    expect((await eleni.refresh()).patient).toBe(line.patient);
    const pending = await stele<unknown[]>(stel, "record", "pending", "--key", file, "--node", urlOf(scene, 0));
    expect(pending).toEqual([]);
    expect(accounts.readKit(kit.qr).address).toBe(eleni.address);
    await eleni.signOut();
    await expect(eleni.patient.inbox()).rejects.toThrow();
    const protection = { kind: "passphrase", passphrase: "another device" } as const;
    const restored = await accounts.importKit(kit.words.join(" ").toLowerCase(), { name: "Eleni", protection });
    const back = await signIn(restored, { node: urlOf(scene, 0) });
    expect([back.address, back.who.patient, back.keyState]).toEqual([eleni.address, line.patient, "stated"]);
  });

  it("two tabs: signing out in one ends the other, and its keys are gone", async () => {
    const first = await signedIn(scene, "neighbour", 0);
    const second = await signedIn(scene, "neighbour", 0);
    const ended = new Promise((resolve) => second.onEnd(resolve));
    await first.signOut();
    expect(await ended).toBe("other_tab");
    await expect(second.patient.grant({ to: doctor.address, controller: doctor.address, parts: ["image"], purpose: "TREAT", until: now() + DAY })).rejects.toThrow();
    await expect(second.refresh()).rejects.toThrow(expect.objectContaining({ status: 401 }));
  });

  it("asks before it signs, and signs nothing when told not to", async () => {
    const kinds: string[] = [];
    doctor.onBeforeSign((ask) => {
      kinds.push(ask.kind);
      return false;
    });
    const wanted = { home: doctor.card.institution, patient: randomHex(32), parts: ["image"], purpose: "TREAT", reason: "", until: now() + DAY } as const;
    await expect(doctor.staff.request(wanted)).rejects.toThrow(expect.objectContaining({ code: "cancelled" }));
    doctor.onBeforeSign(null);
    expect(kinds).toEqual(["Request"]);
  });

  it("erases", async () => {
    const line = made(record, "the record");
    const erasure = await patient.patient.erase(line);
    await patient.settled(erasure.act);
    const after = made((await patient.patient.records()).find((r) => r.controller === line.controller), "the record");
    expect([after.erased, after.label, after.versions]).toEqual([true, "", 0]);
    await expect(patient.patient.proof(line, ["image"])).rejects.toThrow();
  });
});

async function waitFor<T>(ask: () => Promise<T | undefined>): Promise<T> {
  for (let i = 0; i < 120; i++) {
    const found = await ask();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  throw new Error("it did not come in time");
}

/** Open a grant; undefined while the grant or its chain act is still on the way. */
async function openOrWait(session: Session, grant: Hex) {
  try {
    return await session.staff.open(grant);
  } catch (error) {
    if (error instanceof NodeError && ["not_found", "not_on_chain"].includes(error.code)) return undefined;
    throw error;
  }
}

/** The code with which an opening is refused. */
async function waitRefused(session: Session, grant: Hex): Promise<string> {
  return waitFor(async () => {
    try {
      await session.staff.open(grant);
    } catch (error) {
      if (error instanceof NodeError) return error.code;
      throw error;
    }
    return undefined;
  });
}

/** The newest code in the demo's mails; null, and a word about it, where mails cannot be read. */
async function mailedCode(session: Session): Promise<string | null> {
  try {
    const mails = await session.json<{ readonly text: string }[]>("GET", "/api/v1/mails");
    return /\b(\d{6})\b/.exec(mails[0]?.text ?? "")?.[1] ?? null;
  } catch (error) {
    if (!(error instanceof NodeError)) throw error;
    skip("the guest's opening: this scene's node has no demo inbox (mail.demo_inbox)");
    return null;
  }
}
