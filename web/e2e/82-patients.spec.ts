/** The doctor's list: patients with a live grant, the others by search, and one patient's timeline. */
import { signedIn } from "../tests/support/scene";
import { expect, go, look, PATIENT, person, SLOW, test } from "./people";
import { taken } from "./reports";
import { scene } from "./scene";

test("a patient is in the list while a grant is live, and found by search otherwise", async ({ browser }) => {
  test.setTimeout(300_000);
  const [author, patient] = await Promise.all([signedIn(scene(), "doctor", 0), signedIn(scene(), "patient", 0)]);
  for (const line of await patient.patient.grants()) {
    if (line.stage === "given" && "person" in line.recipient && line.recipient.person === author.address) await patient.patient.revoke(line.grant);
  }
  const record = await taken(author, patient, "Seen while it is shared");
  const doctor = await person(browser, "doctor");
  const { page, watch } = doctor;
  await go(page, "Patients");
  await expect(page.getByText("Nobody at the moment")).toBeVisible({ timeout: SLOW });
  await page.getByRole("searchbox").fill(PATIENT);
  await expect(page.getByRole("row").filter({ hasText: PATIENT }).getByRole("link", { name: "Write" })).toBeVisible();
  await look(page, "patients found");
  await page.getByRole("searchbox").fill("");
  await expect(page.getByRole("row")).toHaveCount(0);
  const until = Math.floor(Date.now() / 1000) + 86_400;
  const grant = await patient.patient.grant({ to: author.address, controller: record.controller, parts: ["document"], purpose: "TREAT", until });
  if (grant.act) await patient.settled(grant.act);
  await expect(page.getByRole("link", { name: new RegExp(PATIENT) }).first()).toBeVisible({ timeout: SLOW });
  await look(page, "patients open to me");
  await page.getByRole("link", { name: new RegExp(PATIENT) }).first().click();
  await expect(page.getByText("They shared a record with you").first()).toBeVisible();
  await expect(page.getByText("You sent a report").first()).toBeVisible();
  await look(page, "one patient");
  await patient.patient.revoke(grant.grant);
  await expect(page.getByText("Taken back").first()).toBeVisible({ timeout: SLOW });
  await go(page, "Patients");
  await expect(page.getByText("Nobody at the moment")).toBeVisible({ timeout: SLOW });
  watch.clean();
  await doctor.context.close();
});
