/** Phones, the back button, two tabs, zoom, the dark, other languages, right-to-left text, and a node that restarts. */
import { devices } from "@playwright/test";

import { choosePatient, expect, fillIn, go, look, person, picture, SLOW, test, unlock } from "./people";
import { radiograph, ready, restart } from "./scene";

test("a patient's phone: every page fits, and the thumb reaches the menu", async ({ browser }) => {
  const { viewport, userAgent, deviceScaleFactor, isMobile, hasTouch } = devices["Pixel 7"];
  const phone = { viewport, userAgent, deviceScaleFactor, isMobile, hasTouch };
  const maria = await person(browser, "patient", 0, phone);
  const { page, watch } = maria;
  for (const label of ["Inbox", "My record", "Who can see", "What happened", "Me"]) {
    await go(page, label);
    await expect(page.getByRole("status", { name: "Loading" })).toHaveCount(0);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(wide, `${label} scrolls sideways`).toBeLessThanOrEqual(1);
    await look(page, `phone ${label}`);
  }
  watch.clean();
  await maria.context.close();
});

test("the back button leads through the pages, and the focus follows", async ({ browser }) => {
  const maria = await person(browser, "patient");
  const { page } = maria;
  await go(page, "My record");
  await go(page, "Who can see");
  await expect(page.getByRole("heading", { name: "Who can see" })).toBeFocused();
  await page.goBack();
  await expect(page.getByRole("heading", { name: "My record" })).toBeVisible();
  await page.goBack();
  await expect(page.getByRole("heading", { name: "Inbox" })).toBeVisible();
  await page.goForward();
  await expect(page.getByRole("heading", { name: "My record" })).toBeVisible();
  maria.watch.clean();
  await maria.context.close();
});

test("two tabs: both work, and to sign out in one signs out in the other", async ({ browser }) => {
  const maria = await person(browser, "patient");
  const second = await maria.context.newPage();
  await second.goto("/");
  await unlock(second);
  await expect(second.getByRole("heading", { name: "Inbox" })).toBeVisible();
  await go(maria.page, "My record");
  await second.getByRole("button", { name: "Sign out" }).first().click();
  await expect(second.getByRole("heading", { name: /Sign in to/ })).toBeVisible();
  await expect(maria.page.getByRole("heading", { name: /Sign in to/ })).toBeVisible();
  maria.watch.clean();
  await maria.context.close();
});

test("keyboard alone: skip link, menu, and the title of the page it leads to", async ({ browser }) => {
  const maria = await person(browser, "patient");
  const { page } = maria;
  await page.reload();
  await unlock(page);
  const skip = page.getByRole("link", { name: "Skip to the content" });
  await skip.focus();
  await expect(skip).toBeInViewport();
  await page.keyboard.press("Enter");
  await expect(page.locator("main")).toBeFocused();
  const opener = page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Me", exact: true });
  await opener.focus();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1 })).toBeFocused();
  maria.watch.clean();
  await maria.context.close();
});

test("dark, Spanish, right-to-left and 200 % zoom", async ({ browser }) => {
  const maria = await person(browser, "patient", 0, { colorScheme: "dark" });
  const { page, watch } = maria;
  await look(page, "dark inbox");
  await go(page, "My record");
  await look(page, "dark my record");
  await page.getByRole("combobox", { name: "Language" }).selectOption("es");
  await expect(page.getByRole("heading", { name: "Mi historia" })).toBeVisible();
  await expect(page.locator("html")).toHaveAttribute("lang", "es");
  await look(page, "spanish my record");
  await page.evaluate(() => document.documentElement.setAttribute("dir", "rtl"));
  await picture(page, "right to left");
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(wide, "right to left scrolls sideways").toBeLessThanOrEqual(1);
  await page.evaluate(() => document.documentElement.setAttribute("dir", "ltr"));
  // 200 % of zoom is half of the width in CSS pixels.
  await page.setViewportSize({ width: 640, height: 430 });
  for (const label of ["Bandeja", "Mi historia", "Quién puede ver", "Qué pasó", "Yo"]) {
    await go(page, label);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(over, `${label} at 200 %`).toBeLessThanOrEqual(1);
  }
  await go(page, "Mi historia");
  await expect(page.getByRole("listitem").first()).toBeVisible();
  await picture(page, "zoom 200");
  watch.clean();
  await maria.context.close();
});

test("the node restarts in the middle of an upload; the same button goes on", async ({ browser }) => {
  test.setTimeout(4 * SLOW);
  const doctor = await person(browser, "doctor");
  const { page } = doctor;
  await choosePatient(page);
  await fillIn(page, { title: "Sent through a restart", report: "Nothing is lost.", image: radiograph() });
  await page.getByRole("button", { name: "Preview and sign" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Sign and send" }).click();
  await page.waitForRequest((asked) => asked.url().includes("/api/v1/uploads"));
  await restart(0);
  const sent = page.getByRole("heading", { name: "Sent", exact: true });
  const failed = dialog.getByText("That did not work");
  await expect(sent.or(failed)).toBeVisible({ timeout: SLOW });
  if (await failed.isVisible()) {
    await ready(0);
    await dialog.getByRole("button", { name: "Sign and send" }).click();
  }
  await expect(sent).toBeVisible({ timeout: SLOW });
  const maria = await person(browser, "patient");
  await expect(maria.page.getByRole("link", { name: /Sent through a restart/ })).toHaveCount(1);
  await maria.context.close();
  await doctor.context.close();
});
