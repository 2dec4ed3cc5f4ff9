/** Consultations, appointments, news, and proofs for anybody: on records that are there by now. */
import { readFileSync } from "node:fs";

import { expect, go, look, person, SLOW, type Someone, test, visitor } from "./people";

test.describe.configure({ mode: "serial" });

let doctor: Someone;
let maria: Someone;
const everybody: Someone[] = [];

test.beforeAll(async ({ browser }) => {
  doctor = await person(browser, "doctor");
  maria = await person(browser, "patient");
  everybody.push(doctor, maria);
});

test.afterAll(async () => {
  for (const someone of everybody) await someone.context.close();
});

test("a consultation with a record sent along, and the doctor's answer", async () => {
  const { page, watch } = maria;
  await go(page, "Messages");
  await page.getByRole("button", { name: "Ask a doctor" }).click();
  const dialog = page.getByRole("dialog", { name: "Ask a doctor" });
  await dialog.getByLabel("Doctor", { exact: true }).selectOption({ label: "Dr Asha Rao" });
  await dialog.getByLabel("Your question").fill("May I run with this pressure?");
  await dialog.getByRole("checkbox", { name: /High blood pressure/ }).first().check();
  await look(page, "ask a doctor");
  await dialog.getByRole("button", { name: "Send" }).click();
  await expect(dialog).toBeHidden({ timeout: SLOW });
  await go(doctor.page, "Messages");
  await doctor.page.getByRole("link", { name: /May I run/ }).first().click();
  await expect(doctor.page.getByText("CompressedSamples").first(), "staff see the patient's name").toBeVisible();
  await doctor.page.getByLabel("Your answer").fill("Walk first, run in spring.");
  await look(doctor.page, "a consultation");
  await doctor.page.getByRole("button", { name: "Send" }).click();
  await expect(page.getByText("Walk first, run in spring.").first()).toBeVisible();
  await look(page, "messages");
  watch.clean();
  doctor.watch.clean();
});

test("an appointment is offered, asked for and accepted", async () => {
  const { page } = doctor;
  await go(page, "Appointments");
  await page.getByRole("button", { name: "Offer times" }).click();
  const offer = page.getByRole("dialog", { name: "Offer times" });
  await offer.getByLabel("First one begins").fill("2027-03-01T09:00");
  await offer.getByRole("button", { name: "Offer them" }).click();
  await expect(offer).toBeHidden();
  await go(maria.page, "Appointments");
  await maria.page.getByRole("button", { name: "Ask for an appointment" }).first().click();
  const ask = maria.page.getByRole("dialog", { name: "Ask for an appointment" });
  await ask.getByLabel("Doctor").selectOption({ label: "Dr Asha Rao" });
  await ask.getByLabel("Free times").selectOption({ index: 1 });
  await ask.getByLabel("Why do you come?").fill("Control of my blood pressure");
  await look(maria.page, "ask for an appointment");
  await ask.getByRole("button", { name: "Ask", exact: true }).click();
  await expect(ask).toBeHidden();
  await expect(page.getByText("Control of my blood pressure")).toBeVisible();
  await look(page, "appointments");
  await page.getByRole("button", { name: "Accept" }).first().click();
  await expect(maria.page.getByText("Agreed").first()).toBeVisible();
  maria.watch.clean();
  doctor.watch.clean();
});

test("the patient's news tell what happened, and the demo's mails can be read", async () => {
  const { page, watch } = maria;
  await go(page, "News");
  await expect(page.getByRole("listitem").filter({ hasText: /report|appointment|message/i }).first()).toBeVisible();
  await look(page, "news");
  await page.getByRole("link", { name: "Mails of this demo" }).click();
  await expect(page.getByRole("heading", { name: "Mails of this demo" })).toBeVisible();
  await look(page, "mails");
  watch.clean();
});

test("a proof file is checked on the open page", async ({ browser }) => {
  const { page } = maria;
  await go(page, "My record");
  await page.getByRole("link", { name: /High blood pressure/ }).first().click();
  await page.getByText("Technical details").last().click();
  const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Save a proof" }).click()]);
  const anyone = await visitor(browser);
  everybody.push(anyone);
  await anyone.page.goto("/verify");
  await anyone.page.locator("input[type=file]").setInputFiles({ name: "record.proof", mimeType: "application/octet-stream", buffer: readFileSync(await file.path()) });
  await expect(anyone.page.getByText("The record is genuine")).toBeVisible();
  await look(anyone.page, "verify");
  anyone.watch.clean();
});
