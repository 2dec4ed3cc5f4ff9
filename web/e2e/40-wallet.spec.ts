/** Somebody with a wallet of their own: it appears by itself, signs in, and its "no" is respected. */
import { expect, look, PASSPHRASE, test, visitor } from "./people";
import { announceWallet } from "./wallet";

test("a browser wallet is found, signs in, and its refusal is shown in plain words", async ({ browser }) => {
  const someone = await visitor(browser);
  const wallet = await announceWallet(someone.context, 31_337);
  const { page, watch } = someone;
  await page.goto("/");
  await page.getByRole("button", { name: "Use Test Wallet" }).click();
  await page.getByLabel("Passphrase of the second key").fill(PASSPHRASE);
  await look(page, "use a wallet");
  wallet.refuse = true;
  await page.getByRole("button", { name: "Connect and sign in" }).click();
  await expect(page.getByText("Not signed in")).toBeVisible();
  wallet.refuse = false;
  await page.getByRole("button", { name: "Connect and sign in" }).click();
  await expect(page.getByRole("heading", { name: "Your recovery kit" })).toBeVisible();
  await page.getByLabel("I have printed it").check();
  await page.getByRole("button", { name: "Go on" }).click();
  await expect(page.getByRole("heading", { name: "Welcome" })).toBeVisible();
  expect(wallet.asked).toContain("personal_sign");
  await page.getByRole("button", { name: "Make my card" }).click();
  await expect(page.getByLabel("Your patient card", { exact: true })).toBeVisible();
  expect(wallet.asked.some((method) => method.startsWith("eth_signTypedData"))).toBe(true);
  await page.getByRole("button", { name: "Sign out" }).first().click();
  await expect(page.getByRole("heading", { name: /Sign in to/ })).toBeVisible();
  watch.clean();
  await someone.context.close();
});
