/** Reports made through the app's own library, for tests that are about what comes after. */
import { randomBytes } from "node:crypto";

import type { RecordLine, Session, VersionView } from "../src/lib";
import { png } from "../tests/support/png";
import { scene } from "./scene";

const random = () => `0x${randomBytes(32).toString("hex")}` as const;

/** A report that waits for the patient. */
export async function sent(doctor: Session, patient: Session, title: string): Promise<VersionView> {
  const { patient: to } = patient.who;
  if (to === null) throw new Error("the scene's patient is not enrolled");
  const file = new Blob([png(64, 48, 7)]);
  const upload = { patient: to, title, report: "Nothing broken.", file, fileName: "wrist.png", modality: "DX", bodyPart: "Wrist" };
  return doctor.staff.sign(await doctor.staff.upload(upload, random()));
}

/** A report that the patient took into the record, on chain. */
export async function taken(doctor: Session, patient: Session, title: string): Promise<RecordLine> {
  const { record } = await sent(doctor, patient, title);
  const view = (await patient.patient.inbox()).find((one) => one.record === record);
  if (!view) throw new Error("the report is not in the inbox");
  const approved = await patient.patient.approve(await patient.patient.open(view), title);
  if (approved.act) await patient.settled(approved.act);
  const line = (await patient.patient.records()).find((one) => one.controller === approved.controller);
  if (!line) throw new Error("the report is not in the record");
  return line;
}

/** Ask the scene's Ethereum node. */
export async function rpc<T>(method: string, ...params: unknown[]): Promise<T> {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
  const answer = await fetch(scene().rpc, { method: "POST", headers: { "content-type": "application/json" }, body });
  const { result, error } = (await answer.json()) as { result?: T; error?: { message: string } };
  if (error) throw new Error(`${method}: ${error.message}`);
  return result as T;
}

/** Make the base fee of the newest block this high. */
export async function baseFee(wei: bigint): Promise<void> {
  await rpc("anvil_setNextBlockBaseFeePerGas", `0x${wei.toString(16)}`);
  await rpc("evm_mine");
}
