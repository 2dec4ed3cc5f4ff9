/** The whole story across roles, in one test after another on one scene. */
import { expect } from "@playwright/test";
import { readFileSync } from "node:fs";

import { choosePatient, fillIn, go, look, person, SLOW, smallImage, type Someone, test, unlock, write } from "./people";
import { radiograph } from "./scene";

test.describe.configure({ mode: "serial" });

let doctor: Someone;
let maria: Someone;
let specialist: Someone;
let auditor: Someone;
const everybody: Someone[] = [];
const TITLE = "Chest X-ray, front";
const REPORT = "No fracture seen. Heart and lungs look quiet.";

test.afterAll(async () => {
  for (const someone of everybody) await someone.context.close();
});

test("the doctor uploads a radiograph, previews, signs and sends it", async ({ browser }) => {
  doctor = await person(browser, "doctor");
  everybody.push(doctor);
  const { page, watch } = doctor;
  await expect(page.getByRole("heading", { name: "Patients" })).toBeVisible();
  await look(page, "patients");
  await choosePatient(page);
  await expect(page.getByRole("heading", { name: "New report" })).toBeVisible();
  await fillIn(page, { title: TITLE, report: REPORT, image: radiograph() });
  await look(page, "new report");
  await page.getByRole("button", { name: "Preview and sign" }).click();
  const dialog = page.getByRole("dialog", { name: "Sign and send?" });
  await expect(dialog.getByText(REPORT)).toBeVisible();
  await look(page, "sign and send");
  await dialog.getByRole("button", { name: "Sign and send" }).click();
  await expect(page.getByRole("heading", { name: "Sent", exact: true })).toBeVisible({ timeout: SLOW });
  await expect(page.getByText("Waits for the patient").first()).toBeVisible();
  await look(page, "sent");
  watch.clean();
});

test("the patient reads it and adds it to her record", async ({ browser }) => {
  maria = await person(browser, "patient");
  everybody.push(maria);
  const { page, watch } = maria;
  await page.getByRole("link", { name: new RegExp(TITLE) }).first().click();
  await expect(page.getByText(REPORT)).toBeVisible();
  await expect(page.getByText("Signed by Dr Asha Rao, and unchanged since")).toBeVisible();
  await expect(page.getByRole("application")).toBeVisible();
  await look(page, "a report to approve");
  await page.getByRole("button", { name: "Add to my record" }).click();
  const dialog = page.getByRole("dialog", { name: "Add to my record?" });
  await expect(dialog.getByText("Who sees it")).toBeVisible();
  await look(page, "add to my record");
  await dialog.getByRole("button", { name: "Add it now" }).click();
  await expect(page.getByRole("heading", { name: "My record" })).toBeVisible();
  await expect(page.getByText("Sealed on chain").first()).toBeVisible();
  await look(page, "my record");
  watch.clean();
});

test("the doctor sees without a reload that it is in the record", async () => {
  await expect(doctor.page.getByText("In the patient's record").first()).toBeVisible();
  doctor.watch.clean();
});

test("a specialist elsewhere asks, the patient answers by part", async ({ browser }) => {
  await go(maria.page, "Me");
  const code = await maria.page.getByRole("textbox", { name: "Your patient code" }).inputValue();
  await look(maria.page, "me");
  specialist = await person(browser, "specialist", 1);
  everybody.push(specialist);
  const { page, watch } = specialist;
  await go(page, "Ask for access");
  await look(page, "ask for access");
  await page.getByRole("button", { name: "Ask a patient" }).click();
  const dialog = page.getByRole("dialog", { name: "Ask for access" });
  await dialog.getByLabel("or the code of a patient elsewhere").fill(code);
  await dialog.getByLabel("Why, in a sentence").fill("A second opinion on your chest X-ray");
  await look(page, "ask a patient");
  await dialog.getByRole("button", { name: "Ask", exact: true }).click();
  await expect(dialog).toBeHidden();
  await expect(page.getByText("No answer yet").first()).toBeVisible();

  await go(maria.page, "Inbox");
  await maria.page.getByRole("link", { name: /asks to see your record/ }).click();
  await expect(maria.page.getByText("A second opinion on your chest X-ray")).toBeVisible();
  await look(maria.page, "a request");
  await maria.page.getByRole("button", { name: "Choose what to show" }).click();
  const answer = maria.page.getByRole("dialog", { name: /Let .* see it/ });
  await expect(answer.getByRole("checkbox", { name: "the image" })).toBeChecked();
  await look(maria.page, "answer a request");
  await answer.getByRole("button", { name: "Give access" }).click();
  await expect(maria.page.getByRole("heading", { name: "Who can see" })).toBeVisible();
  await expect(maria.page.getByText("Dr Leo Okafor").first()).toBeVisible();
  await look(maria.page, "who can see");
  maria.watch.clean();
  watch.clean();
});

test("the specialist opens what was granted, at her own hospital and at the patient's", async ({ browser }) => {
  const { page, watch } = specialist;
  await go(page, "Shared with me");
  await page.getByRole("link", { name: "Open" }).first().click();
  await look(page, "about to open");
  await page.getByRole("button", { name: "Open it now" }).click();
  await expect(page.getByText(REPORT)).toBeVisible();
  await expect(page.getByRole("application")).toBeVisible();
  await look(page, "an opened record");
  watch.clean();

  const visiting = await person(browser, "specialist", 0);
  everybody.push(visiting);
  await go(visiting.page, "Shared with me");
  await visiting.page.getByRole("link", { name: "Open" }).first().click();
  await visiting.page.getByRole("button", { name: "Open it now" }).click();
  await expect(visiting.page.getByText(REPORT)).toBeVisible();
  visiting.watch.clean();
});

test("the patient sees who opened it, and checks the proof", async () => {
  const { page, watch } = maria;
  await go(page, "What happened");
  const line = page.getByRole("listitem").filter({ hasText: /opened (what was shared|“)/ }).first();
  await expect(line).toBeVisible();
  await look(page, "what happened");
  await line.getByRole("button", { name: "Check it" }).click();
  await expect(line.getByText(/Proven|Too new to be checked|Signed, not yet on chain/)).toBeVisible();
  watch.clean();
});

test("the auditor seals the log and verifies it; then the patient's check is proven", async ({ browser }) => {
  auditor = await person(browser, "auditor");
  everybody.push(auditor);
  const { page, watch } = auditor;
  await page.getByRole("button", { name: "Seal the log now" }).click();
  await expect(page.getByText(/Written, waiting to be final|Final|The chain has the newest seal already/).first()).toBeVisible();
  await page.getByRole("button", { name: "Verify" }).click();
  await expect(page.getByText("Everything holds").first()).toBeVisible();
  await look(page, "audit");
  await page.getByRole("button", { name: "Sign this report" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Sign", exact: true }).click();
  const [json] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "JSON" }).click()]);
  const signed = JSON.parse(readFileSync(await json.path(), "utf8")) as { report: { holds: boolean }; signature: string };
  expect(signed.report.holds).toBe(true);
  const [pdf] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "PDF" }).click()]);
  const { pdfText } = await import("./pdf");
  expect(await pdfText(await pdf.path())).toContain("Everything holds");
  watch.clean();

  await maria.page.reload();
  watch.clean();
});

test("access is taken back, and the specialist's page says so", async () => {
  const { page } = maria;
  // After a reload the keys are locked: the passphrase opens them again.
  await unlock(page);
  await go(page, "What happened");
  const line = page.getByRole("listitem").filter({ hasText: /opened (what was shared|“)/ }).first();
  await line.getByRole("button", { name: "Check it" }).click();
  await expect(line.getByText("Proven")).toBeVisible();
  await go(page, "Who can see");
  await page.getByRole("button", { name: /Take back/ }).first().click();
  const dialog = page.getByRole("dialog", { name: "Take access back?" });
  await look(page, "take access back");
  await dialog.getByRole("button", { name: "Take it back" }).click();
  await expect(dialog).toBeHidden();
  await expect(page.getByText("Taken back").first()).toBeVisible();
  await expect(specialist.page.getByText("The patient took this access back")).toBeVisible();
  maria.watch.clean();
  specialist.watch.clean();
});

test("the patient takes everything away in one file", async () => {
  const { page, watch } = maria;
  await go(page, "Me");
  const [zip] = await Promise.all([page.waitForEvent("download", { timeout: 120_000 }), page.getByRole("button", { name: "Save my whole record" }).click()]);
  const bytes = readFileSync(await zip.path());
  expect(bytes.subarray(0, 2).toString()).toBe("PK");
  expect(bytes.length).toBeGreaterThan(100_000);
  watch.clean();
});

test("a report is sent back with a reason that its author reads", async () => {
  const { page } = doctor;
  await write(page, { title: "A report with a mistake", report: "Left arm.", image: smallImage() });
  await go(maria.page, "Inbox");
  await maria.page.getByRole("link", { name: /A report with a mistake/ }).click();
  await maria.page.getByRole("button", { name: "Send back" }).click();
  const dialog = maria.page.getByRole("dialog", { name: "Send this report back?" });
  await dialog.getByLabel("What is wrong with it?").fill("It was my right arm.");
  await look(maria.page, "send back");
  await dialog.getByRole("button", { name: "Send back" }).click();
  await expect(maria.page.getByRole("heading", { name: "Inbox" })).toBeVisible();
  await expect(page.getByText("It was my right arm.")).toBeVisible();
  doctor.watch.clean();
  maria.watch.clean();
});

test("a record is erased for good", async () => {
  const { page, watch } = maria;
  await go(page, "My record");
  await page.getByRole("link", { name: new RegExp(TITLE) }).first().click();
  await page.getByRole("button", { name: "Erase" }).click();
  const dialog = page.getByRole("dialog", { name: "Erase this record for good?" });
  await expect(dialog.getByRole("button", { name: "Erase for good" })).toBeDisabled();
  await dialog.getByLabel("I understand").check();
  await look(page, "erase");
  await dialog.getByRole("button", { name: "Erase for good" }).click();
  await expect(page.getByText("Erased", { exact: true }).first()).toBeVisible();
  watch.clean();
});
