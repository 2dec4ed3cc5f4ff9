/** Registrar, hospital and technician: one journey each. */
import { readFileSync } from "node:fs";

import { approve, expect, fillIn, go, look, PASSPHRASE, PATIENT, person, send, SLOW, smallImage, test, visitor } from "./people";
import { nodeAt } from "./scene";

test("a newcomer makes a key, prints the kit, and is enrolled with the card", async ({ browser }) => {
  const fresh = await visitor(browser);
  const { page } = fresh;
  await page.goto("/");
  await expect(page.getByRole("heading", { name: /Sign in to/ })).toBeVisible();
  await look(page, "sign in");
  await page.getByRole("button", { name: "Make a new key" }).click();
  await page.getByLabel("Your name").fill("Eleni Μαρία al-Ḥasan-Featherstonehaugh");
  await page.getByLabel("A new passphrase").fill(PASSPHRASE);
  await look(page, "make a key");
  await page.getByRole("button", { name: "Make my key" }).click();
  await expect(page.getByRole("heading", { name: "Your recovery kit" })).toBeVisible();
  await look(page, "recovery kit");
  const words = await page.locator(".kit-words li").allTextContents();
  await page.getByLabel("I have printed it").check();
  await page.getByRole("button", { name: "Go on" }).click();
  await expect(page.getByRole("heading", { name: "Welcome" })).toBeVisible();
  await look(page, "welcome");
  const card = await page.getByRole("textbox", { name: "Your patient card" }).inputValue();

  const hospital = await person(browser, nodeAt(0).name);
  await go(hospital.page, "Patients");
  await hospital.page.getByRole("button", { name: "Enrol a patient" }).click();
  const dialog = hospital.page.getByRole("dialog", { name: "Enrol a patient" });
  await dialog.getByLabel("The patient's card").fill(card);
  await dialog.getByLabel("Given names").fill("Eleni Μαρία");
  await dialog.getByLabel("Family name").fill("الحسن-Featherstonehaugh");
  await dialog.getByLabel("Number at this hospital").fill(`E-${String(Date.now())}`);
  await dialog.getByLabel("Born").fill("1990-02-28");
  await look(hospital.page, "enrol a patient");
  await dialog.getByRole("button", { name: "Enrol", exact: true }).click();
  await expect(dialog).toBeHidden();
  await expect(hospital.page.getByText("الحسن-Featherstonehaugh").first()).toBeVisible();
  await look(hospital.page, "patients of the hospital");
  await expect(page.getByRole("heading", { name: "Inbox" })).toBeVisible({ timeout: SLOW });
  await look(page, "empty inbox");
  fresh.watch.clean();
  hospital.watch.clean();

  // The kit alone brings the key back, in another browser.
  const again = await visitor(browser);
  await again.page.goto("/");
  await again.page.getByRole("button", { name: "Bring a key" }).click();
  await again.page.getByLabel("The code of the kit").fill(words.join(" "));
  await again.page.getByLabel("Your name").fill("Eleni");
  await again.page.getByLabel("A new passphrase").fill("another long sentence");
  await look(again.page, "bring a key");
  await again.page.getByRole("button", { name: "Use this key" }).click();
  await expect(again.page.getByRole("heading", { name: "Inbox" })).toBeVisible({ timeout: SLOW });
  again.watch.clean();
  for (const someone of [fresh, hospital, again]) await someone.context.close();
});

test("the hospital invites a pharmacist, who accepts; it suspends and reinstates them", async ({ browser }) => {
  const nurse = await visitor(browser);
  await nurse.page.goto("/");
  await nurse.page.getByRole("button", { name: "Make a new key" }).click();
  await nurse.page.getByLabel("Your name").fill("Ivo Lindqvist");
  await nurse.page.getByLabel("A new passphrase").fill(PASSPHRASE);
  await nurse.page.getByRole("button", { name: "Make my key" }).click();
  await nurse.page.getByLabel("I have printed it").check();
  await nurse.page.getByRole("button", { name: "Go on" }).click();
  const address = await nurse.page.getByRole("textbox", { name: "Your address" }).inputValue();

  const hospital = await person(browser, nodeAt(0).name);
  const { page } = hospital;
  await page.getByRole("button", { name: "Invite somebody" }).click();
  const invite = page.getByRole("dialog", { name: "Invite somebody" });
  await invite.getByLabel("Their address").fill(address);
  await invite.getByLabel("Role").selectOption("pharmacist");
  await look(page, "invite somebody");
  await invite.getByRole("button", { name: "Sign the invitation" }).click();
  await expect(invite).toBeHidden();
  await nurse.page.getByRole("button", { name: "Accept the invitation" }).click();
  const join = nurse.page.getByRole("dialog", { name: /^Join/ });
  await expect(join).toBeVisible();
  await look(nurse.page, "accept an invitation");
  await join.getByRole("button", { name: "Join" }).click();
  await expect(nurse.page.getByRole("heading", { name: "Patients" })).toBeVisible();

  await go(page, "Patients");
  await go(page, "People");
  const row = page.getByRole("listitem").filter({ hasText: "Ivo Lindqvist" });
  for (const [act, state] of [["Suspend", "Suspended"], ["Reinstate", "Active"]] as const) {
    await row.getByRole("button", { name: act }).click();
    await page.getByRole("dialog").getByRole("button", { name: act }).click();
    await expect(row.getByText(state)).toBeVisible();
  }
  await expect(row).toHaveCount(1);
  nurse.watch.clean();
  hospital.watch.clean();
  await nurse.context.close();
  await hospital.context.close();
});

test("the hospital sees its people, records, copies, unusual access and figures", async ({ browser }) => {
  const hospital = await person(browser, nodeAt(0).name);
  const { page, watch } = hospital;
  await expect(page.getByRole("heading", { name: "People", exact: true })).toBeVisible();
  await look(page, "people");
  for (const [menu, heading] of [["Records held", "Records held"], ["Copies", "Copies and repairs"], ["Unusual access", "Unusual access"], ["Figures", "Figures"]] as const) {
    await go(page, menu);
    await expect(page.getByRole("heading", { name: heading, level: 1 })).toBeVisible();
    await expect(page.getByRole("status", { name: "Loading" })).toHaveCount(0);
    await look(page, heading);
  }
  watch.clean();
  await hospital.context.close();
});

test("the registrar finds a hospital, suspends it and admits it again", async ({ browser }) => {
  const registrar = await person(browser, "registrar");
  const { page, watch } = registrar;
  await page.getByLabel("Wallet of the hospital").fill(nodeAt(2).institution);
  await expect(page.getByText("Active hospital")).toBeVisible();
  await look(page, "hospitals");
  await page.getByRole("button", { name: "Suspend it" }).click();
  const suspend = page.getByRole("dialog", { name: "Suspend this hospital?" });
  await look(page, "suspend a hospital");
  await suspend.getByRole("button", { name: "Suspend it" }).click();
  await expect(page.getByText("No active hospital")).toBeVisible();
  await page.getByRole("button", { name: "Admit it" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Admit it" }).click();
  await expect(page.getByText("Active hospital")).toBeVisible();
  watch.clean();
  await registrar.context.close();
});

test("a hospital applies with its licence; the registrar reads it and refuses with a reason", async ({ browser }) => {
  const applicant = await visitor(browser);
  const { page } = applicant;
  await page.goto("/");
  await page.getByRole("button", { name: "Make a new key" }).click();
  await page.getByLabel("Your name").fill("Epidaurus Clinic");
  await page.getByLabel("A new passphrase").fill(PASSPHRASE);
  await page.getByRole("button", { name: "Make my key" }).click();
  await page.getByLabel("I have printed it").check();
  await page.getByRole("button", { name: "Go on" }).click();
  await page.getByText("I speak for a hospital").click();
  await page.getByLabel("Name of the hospital").fill("Epidaurus Clinic");
  await page.getByLabel("Where its node answers").fill("https://epidaurus.example");
  const licence = readFileSync(new URL("./files/licence.pdf", import.meta.url));
  await page.locator("input[type=file]").setInputFiles({ name: "licence.pdf", mimeType: "application/pdf", buffer: licence });
  await look(page, "apply as a hospital");
  await page.getByRole("button", { name: "Apply", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Send the application" }).click();
  await expect(page.getByText("Waits for the registrar")).toBeVisible();

  const registrar = await person(browser, "registrar");
  await expect(registrar.page.getByRole("heading", { name: "Epidaurus Clinic" }).first()).toBeVisible();
  const [file] = await Promise.all([registrar.page.waitForEvent("download"), registrar.page.getByRole("button", { name: /Download/ }).first().click()]);
  expect(readFileSync(await file.path()).equals(licence)).toBe(true);
  await look(registrar.page, "applications");
  await registrar.page.getByRole("button", { name: "Refuse" }).first().click();
  const dialog = registrar.page.getByRole("dialog");
  await dialog.getByLabel("Reason").fill("The licence has expired.");
  await look(registrar.page, "refuse an application");
  await dialog.getByRole("button", { name: "Refuse" }).click();
  await expect(dialog).toBeHidden();
  await expect(page.getByText("The licence has expired.")).toBeVisible();
  applicant.watch.clean();
  registrar.watch.clean();
  await applicant.context.close();
  await registrar.context.close();
});

test("the technician uploads, and corrects an upload", async ({ browser }) => {
  const technician = await person(browser, "technician");
  const { page, watch } = technician;
  await go(page, "Upload");
  await look(page, "choose a patient");
  await page.getByRole("button").filter({ hasText: PATIENT }).click();
  await fillIn(page, { title: "Chest, to be corrected", report: "Taken standing.", image: smallImage(2) });
  await send(page);

  const maria = await person(browser, "patient");
  await approve(maria.page, /Chest, to be corrected/);

  const row = page.getByRole("listitem").filter({ hasText: "In the patient's record" }).first();
  await row.getByRole("link", { name: "Correct it" }).click();
  await expect(page.getByRole("heading", { name: "Correct a report" })).toBeVisible();
  await fillIn(page, { title: "Chest, corrected", report: "Taken lying down.", image: smallImage(3) });
  await look(page, "correct a report");
  await page.getByRole("button", { name: "Preview and sign" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Sign and send" }).click();
  await expect(page.getByText("Version 2").first()).toBeVisible({ timeout: SLOW });
  await go(maria.page, "Inbox");
  await expect(maria.page.getByText("A correction").first()).toBeVisible();
  await look(maria.page, "inbox");
  watch.clean();
  maria.watch.clean();
  await technician.context.close();
  await maria.context.close();
});
