/** The patient's choices when a report enters the record: when it is sent, and who pays. */
import { signedIn } from "../tests/support/scene";
import { expect, go, look, signIn, SLOW, type Someone, test, visitor } from "./people";
import { baseFee, rpc, sent } from "./reports";
import { scene } from "./scene";
import { announceWallet, type TestWallet } from "./wallet";

test.describe.configure({ mode: "serial" });

const DEAR = 100_000_000_000n;
let maria: Someone;
let wallet: TestWallet;
const TITLES = ["Waits until it is cheap", "Waits and is sent at once", "Paid from an own wallet", "Paid by the hospital after all"] as const;

test.beforeAll(async ({ browser }) => {
  const [doctor, patient] = await Promise.all([signedIn(scene(), "doctor", 0), signedIn(scene(), "patient", 0)]);
  for (const title of TITLES) await sent(doctor, patient, title);
  maria = await visitor(browser);
  wallet = await announceWallet(maria.context, 31_337, scene().rpc);
  await rpc("anvil_setBalance", wallet.address, "0xde0b6b3a7640000");
  await signIn(maria.page, "patient");
});

test.afterAll(async () => {
  await maria.context.close();
});

async function asked(title: string) {
  const { page } = maria;
  await go(page, "Inbox");
  await page.getByRole("link", { name: new RegExp(title) }).click();
  await page.getByRole("button", { name: "Add to my record" }).click();
  return page.getByRole("dialog", { name: "Add to my record?" });
}

test("an approval waits for a low fee, says so, and goes out when the fee falls", async () => {
  const { page, watch } = maria;
  await baseFee(DEAR);
  const dialog = await asked(TITLES[0]);
  await dialog.getByRole("radio", { name: /When it is cheap/ }).check();
  await dialog.getByLabel("At the latest").selectOption("2");
  await look(page, "when it is cheap");
  await dialog.getByRole("button", { name: "Add it when it is cheap" }).click();
  await expect(page.getByText(/Waiting for a cheap hour, at the latest on/)).toBeVisible({ timeout: SLOW });
  await look(page, "waiting for a cheap hour");
  await go(page, "My record");
  await expect(page.getByRole("link", { name: new RegExp(TITLES[0]) }).getByText("Waits for a cheap hour")).toBeVisible();
  await page.reload();
  await expect(page.getByRole("heading", { name: /Sign in to/ })).toBeVisible();
  await page.locator("main li button").first().click();
  await page.getByLabel("Passphrase").fill("a sentence that is long enough");
  await page.getByRole("button", { name: "Sign in" }).click();
  await go(page, "My record");
  await expect(page.getByRole("link", { name: new RegExp(TITLES[0]) }).getByText("Waits for a cheap hour")).toBeVisible({ timeout: SLOW });
  await baseFee(1_000_000n);
  await expect(page.getByRole("link", { name: new RegExp(TITLES[0]) }).getByText("Sealed on chain")).toBeVisible({ timeout: SLOW });
  watch.clean();
});

test("whoever does not want to wait any more sends it", async () => {
  const { page, watch } = maria;
  await baseFee(DEAR);
  const dialog = await asked(TITLES[1]);
  await dialog.getByRole("radio", { name: /When it is cheap/ }).check();
  await dialog.getByRole("button", { name: "Add it when it is cheap" }).click();
  await expect(page.getByText(/Waiting for a cheap hour/).first()).toBeVisible({ timeout: SLOW });
  await page.getByRole("button", { name: "Send it now" }).click();
  await expect(page.getByText("Sealed on chain").first()).toBeVisible({ timeout: SLOW });
  await expect(page.getByText(/Waiting for a cheap hour/)).toHaveCount(0);
  watch.clean();
});

test("an own wallet pays: it is asked once, its transaction is the one on chain", async () => {
  const { page, watch } = maria;
  await baseFee(1_000_000_000n);
  const before = Number(await rpc<string>("eth_getTransactionCount", wallet.address, "latest"));
  const dialog = await asked(TITLES[2]);
  await dialog.getByRole("radio", { name: /My own wallet/ }).check();
  await expect(dialog.getByText("Your wallet's address will stand beside this seal")).toBeVisible();
  await look(page, "my own wallet pays");
  await dialog.getByRole("button", { name: "Add it, and pay with my wallet" }).click();
  await expect(page.getByText("Sealed on chain").first()).toBeVisible({ timeout: SLOW });
  expect(wallet.asked.filter((method) => method === "eth_sendTransaction")).toHaveLength(1);
  expect(Number(await rpc<string>("eth_getTransactionCount", wallet.address, "latest"))).toBe(before + 1);
  watch.clean();
});

test("a wallet that says no leaves the choice: the hospital pays", async () => {
  const { page, watch } = maria;
  const before = Number(await rpc<string>("eth_getTransactionCount", wallet.address, "latest"));
  const dialog = await asked(TITLES[3]);
  await dialog.getByRole("radio", { name: /My own wallet/ }).check();
  wallet.refuse = true;
  await dialog.getByRole("button", { name: "Add it, and pay with my wallet" }).click();
  await expect(page.getByText("Your wallet has not sent it")).toBeVisible({ timeout: SLOW });
  await expect(page.getByText("Waits for your own wallet").first()).toBeVisible();
  await look(page, "waits for your own wallet");
  await page.getByRole("button", { name: /^Let .* pay$/ }).click();
  await expect(page.getByText("Sealed on chain").first()).toBeVisible({ timeout: SLOW });
  expect(Number(await rpc<string>("eth_getTransactionCount", wallet.address, "latest"))).toBe(before);
  watch.clean();
});
