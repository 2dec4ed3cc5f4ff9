/** Whatever goes over the wire in a doctor's and a patient's session holds no word and no pixel of the record. */
import { readFileSync } from "node:fs";

import { expect, person, test } from "./people";
import { radiograph } from "./scene";

const WORDS = ["Xylographic-periosteum", "Quokkabone"];
/** Runs of pixels from the middle of the radiograph, long enough to occur nowhere else. */
const RUN = 48;

function runs(file: Buffer): Buffer[] {
  return [0.4, 0.5, 0.6].map((share) => {
    const at = Math.floor(file.length * share);
    return file.subarray(at, at + RUN);
  });
}

function encodings(needle: Buffer): Buffer[] {
  const base64 = needle.toString("base64").slice(4, -4);
  return [needle, Buffer.from(needle.toString("hex")), Buffer.from(base64)];
}

test("the network log of a doctor and a patient holds no plaintext", async ({ browser }, info) => {
  const doctor = await person(browser, "doctor");
  const maria = await person(browser, "patient");
  const sealed = await doctor.page.evaluate(async () => {
    const api = (await (await fetch("/api/openapi.json")).json()) as { paths: Record<string, unknown> };
    return "/api/v1/uploads/sealed" in api.paths;
  });
  expect(sealed, "the node takes uploads that were sealed in the browser").toBe(true);
  doctor.watch.record = true;
  maria.watch.record = true;
  const { page } = doctor;
  await page.getByRole("row").filter({ hasNotText: "Doukas" }).nth(1).getByRole("link", { name: "Write" }).click();
  await page.locator("input[type=file]").setInputFiles(radiograph());
  await page.getByLabel("Title").fill(`About ${WORDS[1] ?? ""}`);
  await page.getByRole("textbox", { name: "Report", exact: true }).fill(`The ${WORDS[0] ?? ""} looks normal.`);
  await page.getByRole("button", { name: "Preview and sign" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Sign and send" }).click();
  await expect(page.getByRole("heading", { name: "Sent", exact: true })).toBeVisible({ timeout: 90_000 });

  await maria.page.getByRole("link", { name: new RegExp(WORDS[1] ?? "") }).first().click({ timeout: 60_000 });
  await expect(maria.page.getByText(WORDS[0] ?? "")).toBeVisible({ timeout: 60_000 });
  await expect(maria.page.getByRole("application")).toBeVisible({ timeout: 60_000 });
  await maria.page.getByRole("button", { name: "Add to my record" }).click();
  await maria.page.getByRole("dialog").getByRole("button", { name: "Add it now" }).click();
  await expect(maria.page.getByText("Sealed on chain").first()).toBeVisible({ timeout: 90_000 });
  await maria.page.waitForTimeout(2_000);

  const needles = [...WORDS.map((word) => Buffer.from(word)), ...runs(readFileSync(radiograph()))].flatMap(encodings);
  const wire = [...doctor.watch.wire, ...maria.watch.wire];
  const bytes = wire.reduce((sum, line) => sum + (line.sent?.length ?? 0) + (line.got?.length ?? 0), 0);
  expect(bytes, "the image went over the wire twice, sealed").toBeGreaterThan(2_000_000);
  const found = wire.filter((line) => needles.some((needle) => line.sent?.includes(needle) === true || line.got?.includes(needle) === true));
  expect(found.map((line) => `${line.method} ${line.url}`)).toEqual([]);
  const log = wire.map((line) => `${line.method} ${new URL(line.url).pathname} sent ${String(line.sent?.length ?? 0)} got ${String(line.got?.length ?? 0)}`);
  await info.attach("network.txt", { body: log.join("\n"), contentType: "text/plain" });
  console.log(`searched ${String(wire.length)} exchanges, ${String(bytes)} bytes, for ${String(needles.length)} needles`);
  doctor.watch.clean();
  maria.watch.clean();
  await doctor.context.close();
  await maria.context.close();
});
