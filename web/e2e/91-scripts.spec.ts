/** Scripts in every field that one person writes and another reads, and in file names: they stay text. */
import { NodeError } from "../src/lib";
import { signedIn, stranger } from "../tests/support/scene";
import { approve, choosePatient, expect, fillIn, go, person, send, smallImage, type Someone, test, unlock } from "./people";
import { home, nodeAt, scene } from "./scene";
import { seed } from "./seed";

const ATTACK = `<img src=x onerror="globalThis.stolen=1"><script>globalThis.stolen=1</script>"'{{7*7}}`;
const evil = (field: string) => `${field} ${ATTACK}`;

/** The overview shows one letter of each conversation. */
const LETTERS = /(letter|answer) <img src=x/;

/** Nothing of it ran, nothing of it became part of the page, and nothing was computed. */
async function unharmed({ page, watch }: Someone, where: string): Promise<void> {
  expect(await page.evaluate(() => (globalThis as { stolen?: number }).stolen), where).toBeUndefined();
  expect(await page.locator("img[src='x'], main script").count(), where).toBe(0);
  await expect(page.getByText("{{7*7}}").or(page.locator("main")).first()).toBeVisible();
  expect(await page.getByText(`"'49`).count(), where).toBe(0);
  watch.clean();
}

/** Go through pages; where words are named, the page has to show them as they were written. */
async function walk(someone: Someone, pages: readonly (readonly [label: string, shown?: string | RegExp])[]): Promise<void> {
  for (const [label, shown] of pages) {
    await go(someone.page, label);
    await expect(someone.page.getByRole("status", { name: "Loading" })).toHaveCount(0);
    if (shown) await expect(someone.page.getByText(typeof shown === "string" ? `${shown} <img src=x` : shown).first(), label).toBeVisible();
    await unharmed(someone, label);
  }
}

test("in reports, file names, reasons, letters, requests and names", async ({ browser }) => {
  const technician = await signedIn(scene(), "technician", 0);
  const profile = await technician.json<{ name: string }>("GET", "/api/v1/profile");
  const seeded = await seed(evil);
  await technician.json("PUT", "/api/v1/profile", { ...profile, name: evil("name"), department: evil("department") });

  const maria = await person(browser, "patient");
  await walk(maria, [["Inbox", "a waiting report's title"], ["My record", "label"], ["Who can see"], ["What happened"], ["Messages", LETTERS], ["Appointments", "reason of an appointment"], ["News"], ["Me"]]);
  await maria.page.evaluate((to) => {
    history.pushState(null, "", to);
    dispatchEvent(new PopStateEvent("popstate"));
  }, `/letters/${seeded.thread}`);
  for (const words of ["letter", "answer"]) await expect(maria.page.getByText(`${words} <img src=x`).first()).toBeVisible();
  await unharmed(maria, "a conversation");
  await go(maria.page, "My record");
  await maria.page.getByRole("link", { name: /label <img/ }).first().click();
  await expect(maria.page.getByText("report <img src=x").first()).toBeVisible();
  await unharmed(maria, "a record");
  await go(maria.page, "Inbox");
  await maria.page.locator(`a[href="/requests/${seeded.request}"]`).click();
  await expect(maria.page.getByText("reason of a request <img src=x").first()).toBeVisible();
  await unharmed(maria, "a request");

  const doctor = await person(browser, "doctor");
  await walk(doctor, [["Patients"], ["Sent"], ["Messages", LETTERS], ["Appointments", "reason of an appointment"], ["Shared with me"], ["Ask for access"], ["Prescriptions"]]);
  await go(doctor.page, "Shared with me");
  await doctor.page.locator(`a[href="/shared/${seeded.grant.grant}"]`).click();
  await doctor.page.getByRole("button", { name: "Open it now" }).click();
  await expect(doctor.page.getByText("title <img src=x").first()).toBeVisible();
  await unharmed(doctor, "an opened record");

  // A file's name and a refusal's reason go through the pages themselves.
  const image = { ...smallImage(), name: `${ATTACK.replaceAll("/", "")}.png` };
  await choosePatient(doctor.page);
  await fillIn(doctor.page, { title: evil("page's title"), report: evil("page's report"), image });
  await unharmed(doctor, "the editor");
  await send(doctor.page);
  await go(maria.page, "Inbox");
  await maria.page.getByRole("link", { name: /page's title <img/ }).first().click();
  await expect(maria.page.getByText("page's report <img src=x").first()).toBeVisible();
  await maria.page.getByRole("button", { name: "Send back" }).click();
  const dialog = maria.page.getByRole("dialog");
  await dialog.getByLabel("What is wrong with it?").fill(evil("refusal"));
  await dialog.getByRole("button", { name: "Send back" }).click();
  await expect(doctor.page.getByText("refusal <img src=x").first()).toBeVisible();
  await unharmed(doctor, "a refusal");
  await approve(maria.page, /a waiting report's title/);
  await unharmed(maria, "after the approval");

  const hospital = await person(browser, nodeAt(0).name);
  await walk(hospital, [["People", "name"], ["Patients"], ["Records held"], ["Copies"], ["Unusual access"], ["Figures"]]);
  await technician.json("PUT", "/api/v1/profile", profile);
  for (const someone of [maria, doctor, hospital]) await someone.context.close();
});

test("in patients' names, and in applications and their documents' names", async ({ browser }) => {
  const newcomer = await stranger(home());
  const desk = await signedIn(scene(), "doctor", 0);
  const line = await desk.staff.enrol({ id: `X-${String(Date.now())}`, id_system: "urn:example", family: evil("family").slice(0, 90), given: ["<b>given</b>"], birth_date: "1990-01-01", sex: "other" }, await newcomer.patient.card());
  await desk.settled(line.act);

  const applicant = await stranger(home());
  const documents = [{ name: `${ATTACK.replaceAll("/", "")}.pdf`, content: Buffer.from("%PDF-1.4\n%%EOF\n").toString("base64") }];
  await applicant.json("POST", "/api/v1/applications", { institution: applicant.address, name: evil("clinic"), url: "https://clinic.example", documents });
  for (const url of ["javascript:alert(1)", "data:text/html,x", `https://x.example/${ATTACK}`]) {
    const asked = applicant.json("POST", "/api/v1/applications", { institution: applicant.address, name: "Clinic", url, documents });
    await expect(asked, url).rejects.toThrow(NodeError);
  }

  const doctor = await person(browser, "doctor");
  await go(doctor.page, "Patients");
  await doctor.page.getByRole("searchbox").fill("family <img");
  await expect(doctor.page.getByText("family <img src=x").first()).toBeVisible();
  await doctor.page.getByRole("row").filter({ hasText: "family <img" }).first().getByRole("link", { name: "Write" }).click();
  await expect(doctor.page.getByText("family <img src=x").first()).toBeVisible();
  await unharmed(doctor, "a report for that patient");

  const registrar = await person(browser, "registrar");
  await expect(registrar.page.getByText("clinic <img src=x").first()).toBeVisible();
  await unharmed(registrar, "applications");
  const id = (await applicant.json<{ id: string }[]>("GET", "/api/v1/applications")).at(-1)?.id ?? "";
  const office = await signedIn(scene(), "registrar", 0);
  await office.json("POST", `/api/v1/applications/${id}/decision`, { admit: false, reason: evil("decision") });
  await registrar.page.reload();
  await unlock(registrar.page);
  await expect(registrar.page.getByText("decision <img src=x").first()).toBeVisible();
  await unharmed(registrar, "a decision");
  for (const someone of [doctor, registrar]) await someone.context.close();
});
