/** People trusted in an emergency: named, told, opening, extended by later records, taken back. */
import { signedIn } from "../tests/support/scene";
import { expect, go, look, PATIENT, person, SLOW, type Someone, test } from "./people";
import { sent, taken } from "./reports";
import { scene } from "./scene";

test.describe.configure({ mode: "serial" });

const FIRST = "An allergy to penicillin";
const LATER = "A new pacemaker";
let maria: Someone;
let nikos: Someone;

test.beforeAll(async ({ browser }) => {
  const [doctor, patient] = await Promise.all([signedIn(scene(), "doctor", 0), signedIn(scene(), "patient", 0)]);
  // A scene may have seen this before.
  for (const one of await patient.patient.trusted()) await patient.patient.distrust(one.wallet);
  await taken(doctor, patient, FIRST);
  await sent(doctor, patient, LATER);
  maria = await person(browser, "patient");
  nikos = await person(browser, "neighbour");
});

test.afterAll(async () => {
  await maria.context.close();
  await nikos.context.close();
});

test("a patient names somebody, who then finds her records", async () => {
  test.setTimeout(300_000);
  await go(nikos.page, "Me");
  const address = await nikos.page.getByRole("textbox", { name: "Your address" }).inputValue();
  const { page, watch } = maria;
  await go(page, "In an emergency");
  await expect(page.getByText("Nobody yet")).toBeVisible();
  await look(page, "nobody trusted yet");
  await page.getByRole("button", { name: "Name somebody" }).click();
  const dialog = page.getByRole("dialog", { name: "Name somebody you trust" });
  await dialog.getByLabel("Name", { exact: true }).fill("Nikos next door");
  await dialog.getByLabel("Who is it?").selectOption({ label: "neighbour" });
  await dialog.getByLabel(/Their address/).fill("0x12");
  await expect(dialog.getByText("An address begins with 0x")).toBeVisible();
  await dialog.getByLabel(/Their address/).fill(`ethereum:${address}`);
  await look(page, "name somebody you trust");
  await dialog.getByRole("button", { name: "Trust this person" }).click();
  await expect(page.getByRole("listitem").filter({ hasText: "Nikos next door" }).getByText(/may open \d+ records?/)).toBeVisible({ timeout: 240_000 });
  await look(page, "people i trust");
  watch.clean();

  await go(nikos.page, "In an emergency");
  await expect(nikos.page.getByRole("link", { name: /Open in an emergency/ }).first()).toBeVisible({ timeout: SLOW });
  await look(nikos.page, "who trusts me");
});

test("an opening is written down and told to her", async () => {
  const { page, watch } = nikos;
  // Which of her records it is shows only when it is open.
  await page.getByRole("link", { name: /Open in an emergency/ }).first().click();
  await expect(page.getByText("For an emergency only")).toBeVisible();
  await look(page, "for an emergency only");
  await page.getByRole("button", { name: "Open it now" }).click();
  await expect(page.getByText(/Signed by .*, and unchanged since/)).toBeVisible({ timeout: SLOW });
  await expect(page.getByRole("definition").filter({ hasText: PATIENT })).toBeVisible();
  watch.clean();
  await go(maria.page, "What happened");
  await expect(maria.page.getByText(/opened/).first()).toBeVisible({ timeout: SLOW });
});

test("a record that she takes in later is opened to him without asking again", async () => {
  const { page, watch } = maria;
  await go(page, "In an emergency");
  const before = Number(/\d+/.exec((await page.getByText(/may open \d+ record/).textContent()) ?? "")?.[0]);
  await go(page, "Inbox");
  await page.getByRole("link", { name: new RegExp(LATER) }).first().click();
  await page.getByRole("button", { name: "Add to my record" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Add it now" }).click();
  await expect(page.getByText("Adding records for your trusted people")).toBeVisible({ timeout: SLOW });
  await go(page, "In an emergency");
  await expect(page.getByText(new RegExp(`may open ${String(before + 1)} records`))).toBeVisible({ timeout: SLOW });
  watch.clean();
});

test("taken back, he opens nothing any more", async () => {
  test.setTimeout(300_000);
  const { page, watch } = maria;
  await go(page, "In an emergency");
  await page.getByRole("button", { name: "Take back Nikos next door" }).click();
  await page.getByRole("dialog", { name: "Take trust back?" }).getByRole("button", { name: "Take it back" }).click();
  await expect(page.getByText("Nobody yet")).toBeVisible({ timeout: 240_000 });
  watch.clean();
  await go(nikos.page, "In an emergency");
  await expect(nikos.page.getByRole("link", { name: /Open in an emergency/ })).toHaveCount(0, { timeout: SLOW });
});
