/** A grant to a role: sealed to all who hold it now, seen and opened at their own hospital. */
import { signedIn } from "../tests/support/scene";
import { expect, go, look, person, SLOW, test } from "./people";
import { taken } from "./reports";
import { nodeAt, scene } from "./scene";

const TITLE = "For whoever is on duty";

test("a patient shares with all doctors of another hospital", async ({ browser }) => {
  test.setTimeout(300_000);
  const [author, patient] = await Promise.all([signedIn(scene(), "doctor", 0), signedIn(scene(), "patient", 0)]);
  await taken(author, patient, TITLE);
  const maria = await person(browser, "patient");
  const { page, watch } = maria;
  await go(page, "My record");
  await page.getByRole("link", { name: new RegExp(TITLE) }).first().click();
  await page.getByRole("button", { name: "Share" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("radio", { name: /All who hold a role/ }).check();
  await expect(dialog.getByText("Nobody", { exact: true })).toBeVisible();
  await expect(dialog.getByRole("button", { name: "Share" })).toBeDisabled();
  await dialog.getByLabel("Role", { exact: true }).selectOption({ label: "Doctor" });
  await dialog.getByLabel("Address of another hospital").fill(nodeAt(1).institution);
  await expect(dialog.getByText("Dr", { exact: false }).first()).toBeVisible({ timeout: SLOW });
  await look(page, "share with a role");
  await dialog.getByRole("button", { name: "Share" }).click();
  await expect(dialog).toBeHidden({ timeout: SLOW });
  await go(page, "Who can see");
  await expect(page.getByText(/^Doctor: all at/).first()).toBeVisible({ timeout: SLOW });
  watch.clean();

  const specialist = await person(browser, "specialist", 1);
  await go(specialist.page, "Shared with me");
  await specialist.page.getByRole("link", { name: "Open" }).first().click();
  await specialist.page.getByRole("button", { name: "Open it now" }).click();
  await expect(specialist.page.getByRole("heading", { name: TITLE })).toBeVisible({ timeout: SLOW });
  specialist.watch.clean();
  await specialist.context.close();
  await maria.context.close();
});
