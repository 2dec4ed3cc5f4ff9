/** Templates and PDF, prescriptions, guests by link, consultations, appointments, news: care between people. */

import { expect, go, look, person, type Someone, test, visitor } from "./people";
import { pdfText } from "./pdf";
import { home } from "./scene";

test.describe.configure({ mode: "serial" });

let doctor: Someone;
let maria: Someone;
let guest: Someone;
const everybody: Someone[] = [];
let link = "";
const GUEST = `guest-${String(Date.now())}@example.org`;

test.afterAll(async () => {
  for (const someone of everybody) await someone.context.close();
});

async function choosePatient(page: Someone["page"]): Promise<void> {
  await go(page, "Patients");
  await page.getByRole("row").filter({ hasNotText: "Doukas" }).nth(1).getByRole("link", { name: "Write" }).click();
}

async function send(page: Someone["page"]): Promise<void> {
  await page.getByRole("button", { name: "Preview and sign" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Sign and send" }).click();
  await expect(page.getByRole("heading", { name: "Sent", exact: true })).toBeVisible({ timeout: 90_000 });
}

async function approve(page: Someone["page"], title: RegExp): Promise<void> {
  await go(page, "Inbox");
  await page.getByRole("link", { name: title }).first().click({ timeout: 60_000 });
  await page.getByRole("button", { name: "Add to my record" }).click({ timeout: 60_000 });
  await page.getByRole("dialog").getByRole("button", { name: "Add it now" }).click();
  await expect(page.getByRole("heading", { name: "My record" })).toBeVisible({ timeout: 60_000 });
}

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
  await expect(page.getByRole("heading", { name: "Sent", exact: true })).toBeVisible({ timeout: 90_000 });
  watch.clean();

  maria = await person(browser, "patient");
  everybody.push(maria);
  await approve(maria.page, /High blood pressure/);
  await maria.page.getByRole("link", { name: /High blood pressure/ }).first().click();
  await expect(maria.page.getByText("Salt less, walk more.")).toBeVisible({ timeout: 60_000 });
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
  for (const box of await page.locator("main input.input[required], main textarea.input[required]").all()) {
    const type = await box.getAttribute("type");
    if (!(await box.inputValue())) await box.fill(type === "number" ? "1" : type === "date" ? "2026-12-01" : "Amlodipine 5 mg, once a day");
  }
  for (const select of await page.locator("main select[required]").all()) await select.selectOption({ index: 1 });
  await send(page);
  await go(page, "Prescriptions");
  await expect(page.getByText(/Amlodipine 5 mg/).first()).toBeVisible({ timeout: 60_000 });
  await look(page, "prescriptions");
  await go(maria.page, "Messages");
  await expect(maria.page.getByText(/Amlodipine|Prescription/).first()).toBeVisible({ timeout: 60_000 });
  watch.clean();
});

test("the patient shares by link; the guest needs the code from the e-mail", async ({ browser, request }) => {
  const { page, watch } = maria;
  await go(page, "My record");
  await page.getByRole("link", { name: /High blood pressure/ }).first().click();
  await page.getByRole("button", { name: "Share" }).click({ timeout: 60_000 });
  const dialog = page.getByRole("dialog", { name: /Share/ });
  await dialog.getByRole("radio", { name: /A guest, by link/ }).check();
  await dialog.getByLabel("E-mail of the guest").fill(GUEST);
  await look(page, "share by link");
  await dialog.getByRole("button", { name: "Make the link" }).click();
  const box = page.getByRole("dialog", { name: "The link is ready" }).getByRole("textbox", { name: "Link" });
  await expect(box).toBeVisible({ timeout: 60_000 });
  link = await box.inputValue();
  await look(page, "the link is ready");
  await page.getByRole("button", { name: "Done" }).click();

  guest = await visitor(browser);
  everybody.push(guest);
  guest.watch.record = true;
  await guest.page.goto(link);
  await look(guest.page, "guest");
  await expect(async () => {
    await guest.page.getByRole("button", { name: /Send me the code|Send another code/ }).click();
    await expect(guest.page.getByLabel("Code from the e-mail")).toBeVisible({ timeout: 2_000 });
  }).toPass({ timeout: 30_000 });
  await guest.page.getByLabel("Code from the e-mail").fill("000000");
  await guest.page.getByRole("button", { name: "Open", exact: true }).click();
  await expect(guest.page.getByText(/Not opened/)).toBeVisible({ timeout: 60_000 });
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
  await expect(guest.page.getByText("Salt less, walk more.")).toBeVisible({ timeout: 60_000 });
  await look(guest.page, "guest opened");
  const secret = new URL(link).hash.slice(1);
  const told = guest.watch.wire.filter((line) => new URL(line.url).pathname.includes(secret) || new URL(line.url).search.includes(secret) || line.sent?.includes(secret) === true);
  expect(told.map((line) => line.url), "the link's secret never leaves the page").toEqual([]);
  guest.watch.clean();
  watch.clean();
});

test("the link is revoked while the guest's page is open", async () => {
  const { page, watch } = maria;
  await go(page, "Who can see");
  const row = page.getByRole("listitem").filter({ hasText: GUEST }).first();
  await expect(row).toBeVisible({ timeout: 60_000 });
  await look(page, "who can see with a link");
  await row.getByRole("button", { name: /Take back/ }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Take it back" }).click();
  // With the link the node forgets the guest's address.
  await expect(row).toBeHidden({ timeout: 60_000 });
  await expect(page.getByText("Taken back").first()).toBeVisible();
  await expect(guest.page.getByRole("heading", { name: "This is not shared with you any more" })).toBeVisible({ timeout: 60_000 });
  await look(guest.page, "guest revoked");
  watch.clean();
});
