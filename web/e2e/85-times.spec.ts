/** What each task takes: clicks (and presses of Enter), and the machine's seconds from the first to "done". */
import type { BrowserContext, Page } from "@playwright/test";

import { signedIn } from "../tests/support/scene";
import { expect, go, PATIENT, person, SLOW, test, unlock } from "./people";
import { radiograph, scene } from "./scene";

interface Task {
  task: string;
  clicks: number;
  seconds: number;
}

const TITLE = "Counted and timed";

/** Counts what a person does with the mouse or with Enter; typing and reading are not counted. */
async function counting(context: BrowserContext): Promise<() => number> {
  let count = 0;
  await context.exposeBinding("steleCount", () => void (count += 1));
  await context.addInitScript(() => {
    const tell = (globalThis as unknown as { steleCount: () => void }).steleCount;
    // A press of Enter on a button or link is a click to the page, too; one of a label is told twice.
    document.addEventListener("click", (event) => event.isTrusted && event.detail !== 0 && tell(), true);
    document.addEventListener("keydown", (event) => event.key === "Enter" && tell(), true);
  });
  return () => count;
}

test("clicks and seconds of the everyday tasks", async ({ browser }) => {
  test.setTimeout(600_000);
  const done: Task[] = [];
  const timed = async (task: string, clicks: () => number, run: () => Promise<void>): Promise<void> => {
    const [before, from] = [clicks(), Date.now()];
    await run();
    done.push({ task, clicks: clicks() - before, seconds: (Date.now() - from) / 1000 });
  };
  const specialist = await signedIn(scene(), "specialist", 1);

  const doctor = await person(browser, "doctor");
  const doctorClicks = await counting(doctor.context);
  await enterAgain(doctor.page);
  await timed("put an X-ray into a patient's file", doctorClicks, async () => {
    const { page } = doctor;
    await page.getByRole("searchbox").fill(PATIENT);
    await page.getByRole("row").filter({ hasText: PATIENT }).getByRole("link", { name: "Write" }).click();
    const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.getByRole("button", { name: "Choose files" }).first().click()]);
    await chooser.setFiles(radiograph());
    await expect(page.getByRole("application")).toBeVisible({ timeout: SLOW });
    await page.getByLabel("Title").fill(TITLE);
    await page.getByRole("textbox", { name: "Report", exact: true }).fill("No fracture.");
    await page.getByRole("button", { name: "Preview and sign" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Sign and send" }).click();
    await expect(page.getByRole("heading", { name: "Sent", exact: true })).toBeVisible({ timeout: SLOW });
  });

  const maria = await person(browser, "patient");
  const clicks = await counting(maria.context);
  const { page } = maria;
  await enterAgain(page);
  await timed("look at it", clicks, async () => {
    await page.getByRole("link", { name: new RegExp(TITLE) }).first().click();
    await expect(page.getByRole("application")).toBeVisible({ timeout: SLOW });
  });
  await timed("say yes to an entry, until it is sealed on chain", clicks, async () => {
    await page.getByRole("button", { name: "Add to my record" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Add it now" }).click();
    await expect(page.getByRole("link", { name: new RegExp(TITLE) }).first().getByText("Sealed on chain")).toBeVisible({ timeout: SLOW });
  });
  await page.getByRole("link", { name: new RegExp(TITLE) }).first().click();
  await expect(page.getByRole("button", { name: "Share" })).toBeEnabled({ timeout: SLOW });
  await timed("share with a doctor elsewhere, until a day", clicks, async () => {
    await page.getByRole("button", { name: "Share" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("textbox", { name: /address/i }).fill(specialist.address);
    await dialog.getByRole("button", { name: "Share" }).click();
    await expect(dialog).toBeHidden({ timeout: SLOW });
  });
  const mine = await expect.poll(async () => (await specialist.staff.grants()).some((grant) => grant.stage === "given"), { timeout: SLOW }).toBe(true).then(() => specialist.staff.grants());
  const newest = [...mine].sort((a, b) => b.from - a.from)[0];
  if (!newest) throw new Error("the grant did not reach the specialist");
  await expect.poll(async () => specialist.staff.open(newest.grant).then(() => "opened", (error: unknown) => String(error)), { timeout: SLOW }).toBe("opened");
  await timed("see who looked, and check the proof", clicks, async () => {
    await go(page, "What happened");
    await page.getByRole("button", { name: /Check it/ }).first().click();
    await expect(page.getByText(/Proven|Signed|Too new|waits/i).first()).toBeVisible({ timeout: SLOW });
  });
  await timed("take it back, until the page says so", clicks, async () => {
    await go(page, "Who can see");
    await page.getByRole("button", { name: /^Take back/ }).first().click();
    await page.getByRole("dialog").getByRole("button", { name: "Take it back" }).click();
    await expect(page.getByRole("dialog")).toBeHidden({ timeout: SLOW });
  });
  for (const { task, clicks: count, seconds } of done) console.log(`${task.padEnd(52)} ${String(count).padStart(2)} clicks ${seconds.toFixed(1).padStart(6)} s`);
  expect(done).toHaveLength(6);
  for (const { task, clicks: count } of done) expect(count, task).toBeLessThanOrEqual(5);
  doctor.watch.clean();
  maria.watch.clean();
  await doctor.context.close();
  await maria.context.close();
});

/** Load the page again, so that the counting is in it, and open the keys that it has. */
async function enterAgain(page: Page): Promise<void> {
  await page.goto("/");
  await unlock(page);
}
