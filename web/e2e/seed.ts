/** One of everything that people write to each other, made through the app's own library. */
import { randomBytes } from "node:crypto";

import type { GrantLine, Hex, LinkLine, RecordLine, Session, VersionView } from "../src/lib";
import { png } from "../tests/support/png";
import { signedIn } from "../tests/support/scene";
import { scene } from "./scene";

const DAY = 86_400;
const now = () => Math.floor(Date.now() / 1000);
const random = () => `0x${randomBytes(32).toString("hex")}` as const;

export interface Cast {
  patient: Session;
  doctor: Session;
  specialist: Session;
}

export interface Seeded extends Cast {
  record: RecordLine & { view: VersionView };
  pending: VersionView;
  grant: GrantLine;
  link: LinkLine;
  request: Hex;
  letter: Hex;
  thread: Hex;
  slot: Hex;
  appointment: Hex;
}

export async function cast(): Promise<Cast> {
  const [patient, doctor, specialist] = await Promise.all([signedIn(scene(), "patient", 0), signedIn(scene(), "doctor", 0), signedIn(scene(), "specialist", 1)]);
  return { patient, doctor, specialist };
}

/** `text` makes the words of each field; whoever wants to know what becomes of them puts something in. */
export async function seed(text: (field: string) => string): Promise<Seeded> {
  const people = await cast();
  const record = await taken(people, text);
  const pending = await sent(people, `${text("a waiting report's title")} ${random().slice(2, 10)}`, text);
  const request = await asked(people, text);
  const grant = await people.patient.patient.grant({ to: people.doctor.address, controller: record.controller, parts: ["document"], purpose: "TREAT", until: now() + DAY });
  if (grant.act) await people.patient.settled(grant.act);
  const { link } = await people.patient.patient.share({ controller: record.controller, parts: ["document"], purpose: "PATRQT", email: "guest@example.org", views: 2, until: now() + DAY });
  return { ...people, record, pending, grant, link, request, ...(await lettered(people, text)), ...(await booked(people, text)) };
}

async function sent({ patient, doctor }: Cast, title: string, text: (field: string) => string): Promise<VersionView> {
  const upload = { patient: patientOf(patient), title, report: text("report"), file: new Blob([png(64, 48, 5)]), fileName: `${text("file name")}.png`, modality: "DX", bodyPart: "Wrist" };
  return doctor.staff.sign(await doctor.staff.upload(upload, random()));
}

function patientOf({ who }: Session): Hex {
  if (who.patient === null) throw new Error("the scene's patient is not enrolled");
  return who.patient;
}

/** A record that the patient took. */
async function taken(people: Cast, text: (field: string) => string): Promise<Seeded["record"]> {
  const { patient } = people;
  const draft = await sent(people, text("title"), text);
  const view = (await patient.patient.inbox()).find((one) => one.record === draft.record);
  if (!view) throw new Error("the report is not in the inbox");
  const approved = await patient.patient.approve(await patient.patient.open(view), text("label").slice(0, 100));
  if (approved.act) await patient.settled(approved.act);
  const line = (await patient.patient.records()).find((one) => one.controller === approved.controller);
  if (!line?.view) throw new Error("the report is not in the record");
  return { ...line, view: line.view };
}

/** The specialist's request, once it is at the patient's own hospital. */
async function asked({ patient, specialist }: Cast, text: (field: string) => string): Promise<Hex> {
  const request = await specialist.staff.request({ home: patient.card.institution, patient: patientOf(patient), parts: ["image"], purpose: "TREAT", reason: text("reason of a request"), until: now() + DAY });
  for (let tries = 0; tries < 120; tries += 1) {
    if ((await patient.patient.requests()).some((one) => one.id === request.id)) return request.id;
    await new Promise((wake) => setTimeout(wake, 500));
  }
  throw new Error("the request did not reach the patient");
}

async function lettered({ patient, doctor }: Cast, text: (field: string) => string): Promise<{ letter: Hex; thread: Hex }> {
  const thread = random();
  const write = async (from: Session, to: Session, kind: string, words: string) => {
    const bound = { thread, id: random() };
    const { sealed, sealedOwn } = await from.sealLetter(to.address, words, bound);
    await from.json("POST", "/api/v1/letters", { ...bound, to: to.address, kind, sealed, sealed_own: sealedOwn, grants: [] });
    return bound.id;
  };
  const letter = await write(patient, doctor, "consultation", text("letter"));
  await write(doctor, patient, "answer", text("answer"));
  return { letter, thread };
}

async function booked({ patient, doctor }: Cast, text: (field: string) => string): Promise<{ slot: Hex; appointment: Hex }> {
  // Far enough from the times that other tests offer.
  const from = now() + 400 * DAY + Math.floor(Math.random() * 100) * 3_600;
  await doctor.json("POST", "/api/v1/slots", [{ from, until: from + 900 }]);
  const slots = await patient.json<{ slot: Hex; from: number }[]>("GET", `/api/v1/slots?doctor=${doctor.address}`);
  const slot = slots.find((one) => one.from === from)?.slot;
  if (!slot) throw new Error("the time is not offered");
  const id = random();
  const { sealed, sealedOwn } = await patient.sealLetter(doctor.address, text("reason of an appointment"), { thread: slot, id });
  await patient.json("POST", "/api/v1/appointments", { id, slot, reason: sealed, reason_own: sealedOwn });
  return { slot, appointment: id };
}
