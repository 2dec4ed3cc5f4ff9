/** A key under a passkey: Chromium's own authenticator, with the extension that gives secrets (PRF). */
import type { Page } from "@playwright/test";

import { expect, look, test, visitor } from "./people";
import { nodeAt, ready, restart } from "./scene";

/** A fingerprint sensor that says yes. */
async function authenticator(page: Page): Promise<{ used: () => Promise<number> }> {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("WebAuthn.enable");
  const { authenticatorId } = await devtools.send("WebAuthn.addVirtualAuthenticator", {
    options: { protocol: "ctap2", ctap2Version: "ctap2_1", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true, hasPrf: true, automaticPresenceSimulation: true },
  });
  return {
    used: async () => {
      const { credentials } = await devtools.send("WebAuthn.getCredentials", { authenticatorId });
      return credentials.reduce((sum, { signCount }) => sum + signCount, 0);
    },
  };
}

/** Passkeys belong to names, never to numbers: this hospital is at `localhost` for the time of the test. */
const LAST = 2;
let named = "";
test.beforeAll(async () => {
  named = `http://localhost:${new URL(nodeAt(LAST).url).port}`;
  await restart(LAST, { STELE_PUBLIC_URL: named });
  await ready(LAST);
});
test.afterAll(async () => {
  await restart(LAST);
  await ready(LAST);
});

test("a key is made under a passkey, and the passkey alone opens it again", async ({ browser }) => {
  const someone = await visitor(browser, LAST, { baseURL: named });
  const { page, watch } = someone;
  const { used } = await authenticator(page);
  await page.goto("/");
  await page.getByRole("button", { name: "Make a new key" }).click();
  await page.getByLabel("Your name").fill("Ada");
  await page.getByRole("radio", { name: /With this device/ }).check();
  await expect(page.getByLabel("A new passphrase")).toHaveCount(0);
  await look(page, "a key under a passkey");
  await page.getByRole("button", { name: "Make my key" }).click();
  await page.getByLabel("I have printed it").check();
  await page.getByRole("button", { name: "Go on" }).click();
  await expect(page.getByRole("heading", { name: "Welcome" })).toBeVisible();
  const address = await page.getByRole("textbox", { name: "Your address" }).inputValue();
  await page.getByRole("button", { name: "Sign out" }).first().click();

  const before = await used();
  await page.locator("main li button").first().click();
  await expect(page.getByText("Your device asks for your fingerprint, face or PIN.")).toBeVisible();
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("heading", { name: "Welcome" })).toBeVisible();
  expect(await page.getByRole("textbox", { name: "Your address" }).inputValue()).toBe(address);
  expect(await used(), "the passkey was used").toBeGreaterThan(before);
  watch.clean();
  await someone.context.close();
});

test("where passkeys cannot work, they are not offered", async ({ browser }) => {
  const someone = await visitor(browser);
  await authenticator(someone.page);
  await someone.page.goto("/");
  await someone.page.getByRole("button", { name: "Make a new key" }).click();
  await expect(someone.page.getByLabel("A new passphrase")).toBeVisible();
  // The question for it has been answered by now: the page asks nothing of the network meanwhile.
  await someone.page.getByLabel("Your name").fill("Ada");
  await expect(someone.page.getByRole("radio", { name: /With this device/ })).toHaveCount(0);
  someone.watch.clean();
  await someone.context.close();
});
