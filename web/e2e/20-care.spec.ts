/** Templates and PDF, prescriptions, guests by link, consultations, appointments, news: care between people. */

import { pdfText } from "./pdf";
import { approve, choosePatient, expect, go, look, person, send, SLOW, type Someone, test, visitor } from "./people";
import { home } from "./scene";
import { holding, Tap } from "./wire";

test.describe.configure({ mode: "serial" });

let doctor: Someone;
let maria: Someone;
let guest: Someone;
const everybody: Someone[] = [];
let link = "";
let tap: Tap | undefined;
const GUEST = `guest-${String(Date.now())}@example.org`;

test.afterAll(async () => {
  for (const someone of everybody) await someone.context.close();
  await tap?.close();
});

test("a blood pressure report from the hospital's template, with its PDF", async ({ browser }) => {
  doctor = await person(browser, "doctor");
  everybody.push(doctor);
  const { page, watch } = doctor;
  await choosePatient(page);
  await page.getByRole("radio", { name: /High blood pressure/ }).check();
  await page.getByRole("button", { name: "Preview and sign" }).click();
  await expect(page.getByText("This needs an answer.").first()).toBeVisible();
  const systolic = page.getByRole("spinbutton", { name: /Systolic/ });
  const diastolic = page.getByRole("spinbutton", { name: /Diastolic/ });
  for (let i = 0; i < (await systolic.count()); i += 1) {
    await systolic.nth(i).fill(String(141 + i));
    await diastolic.nth(i).fill(String(91 + i));
  }
  await page.getByRole("textbox", { name: "Report", exact: true }).fill("Salt less, walk more.");
  await look(page, "blood pressure");
  await page.getByRole("button", { name: "Preview and sign" }).click();
  const [pdf] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Look at the PDF" }).click()]);
  const text = await pdfText(await pdf.path());
  for (const words of ["Asklepieion", "High blood pressure", "142", "Salt less, walk more.", "Dr Asha Rao"]) expect(text).toContain(words);
  await page.getByRole("dialog").getByRole("button", { name: "Sign and send" }).click();
  await expect(page.getByRole("heading", { name: "Sent", exact: true })).toBeVisible({ timeout: SLOW });
  watch.clean();

  maria = await person(browser, "patient");
  everybody.push(maria);
  await approve(maria.page, /High blood pressure/);
  await maria.page.getByRole("link", { name: /High blood pressure/ }).first().click();
  await expect(maria.page.getByText("Salt less, walk more.")).toBeVisible();
  await look(maria.page, "a record from a template");
  await maria.page.getByText(/^Files \(/).click();
  const [sealed] = await Promise.all([maria.page.waitForEvent("download"), maria.page.getByRole("button", { name: "Download the PDF" }).click()]);
  expect(await pdfText(await sealed.path())).toContain("Salt less, walk more.");
  maria.watch.clean();
});

test("a prescription is in the doctor's list and in the patient's messages", async () => {
  const { page, watch } = doctor;
  await choosePatient(page);
  await page.getByRole("radio", { name: /Prescription/ }).check();
  await page.getByRole("textbox", { name: "Name and strength" }).fill("Amlodipine 5 mg");
  await page.getByRole("textbox", { name: "Dose" }).fill("1 tablet");
  await page.getByRole("textbox", { name: "How often" }).fill("once a day, in the morning");
  for (const select of await page.locator("main select[required]").all()) await select.selectOption({ index: 1 });
  await send(page);
  await go(page, "Prescriptions");
  await expect(page.getByText(/Amlodipine 5 mg/).first()).toBeVisible();
  await look(page, "prescriptions");
  await go(maria.page, "Messages");
  await expect(maria.page.getByText(/Amlodipine|Prescription/).first()).toBeVisible();
  watch.clean();
});

test("the patient shares by link; the guest needs the code from the e-mail", async ({ browser, request }) => {
  const { page, watch } = maria;
  await go(page, "My record");
  await page.getByRole("link", { name: /High blood pressure/ }).first().click();
  await page.getByRole("button", { name: "Share" }).click();
  const dialog = page.getByRole("dialog", { name: /Share/ });
  await dialog.getByRole("radio", { name: /A guest, by link/ }).check();
  await dialog.getByLabel("E-mail of the guest").fill(GUEST);
  await look(page, "share by link");
  await dialog.getByRole("button", { name: "Make the link" }).click();
  const box = page.getByRole("dialog", { name: "The link is ready" }).getByRole("textbox", { name: "Link" });
  await expect(box).toBeVisible();
  link = await box.inputValue();
  await look(page, "the link is ready");
  await page.getByRole("button", { name: "Done" }).click();

  const heard = await Tap.open();
  tap = heard;
  guest = await visitor(browser, 0, { proxy: heard.proxy });
  everybody.push(guest);
  await guest.page.goto(link);
  await look(guest.page, "guest");
  await expect(async () => {
    await guest.page.getByRole("button", { name: /Send me the code|Send another code/ }).click();
    await expect(guest.page.getByLabel("Code from the e-mail")).toBeVisible({ timeout: 2_000 });
  }).toPass();
  await guest.page.getByLabel("Code from the e-mail").fill("000000");
  await guest.page.getByRole("button", { name: "Open", exact: true }).click();
  await expect(guest.page.getByText(/Not opened/)).toBeVisible();
  let code = "";
  await expect
    .poll(
      async () => {
        const mails = (await (await request.get(`${home()}/api/v1/mails`)).json()) as { to: string; text: string }[];
        code = /\b(\d{6})\b/.exec(mails.find((mail) => mail.to === GUEST)?.text ?? "")?.[1] ?? "";
        return code;
      },
      { timeout: 60_000 },
    )
    .toMatch(/^\d{6}$/);
  await guest.page.getByLabel("Code from the e-mail").fill(code);
  await guest.page.getByRole("button", { name: "Open", exact: true }).click();
  await expect(guest.page.getByText("Salt less, walk more.")).toBeVisible();
  await look(guest.page, "guest opened");
  const secret = Buffer.from(new URL(link).hash.slice(1), "base64url");
  // Format, grant and link come first, and the node knows them; then the keys.
  expect(holding(heard.exchanges, [secret.subarray(65, 97), Buffer.from(new URL(link).hash.slice(1))]).map(({ url }) => url), "the link's secret never leaves the page").toEqual([]);
  expect(holding(heard.exchanges, [secret.subarray(1, 33)]).length, "the grant's id does").toBeGreaterThan(0);
  guest.watch.clean();
  watch.clean();
});

test("the link is revoked while the guest's page is open", async () => {
  const { page, watch } = maria;
  await go(page, "Who can see");
  const row = page.getByRole("listitem").filter({ hasText: GUEST }).first();
  await expect(row).toBeVisible();
  await look(page, "who can see with a link");
  await row.getByRole("button", { name: /Take back/ }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Take it back" }).click();
  // With the link the node forgets the guest's address.
  await expect(row).toBeHidden();
  await expect(page.getByText("Taken back").first()).toBeVisible();
  await expect(guest.page.getByRole("heading", { name: "This is not shared with you any more" })).toBeVisible();
  await look(guest.page, "guest revoked");
  watch.clean();
});
