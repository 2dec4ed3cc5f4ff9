/** Compressed radiographs in the viewer: the same picture as uncompressed, under the same policy. */
import { join } from "node:path";

import { choosePatient, expect, look, person, SLOW, test } from "./people";
import { radiograph } from "./scene";

const PRESSED = join(radiograph(), "../RG1_J2KR.dcm");

test("a radiograph in JPEG 2000 is shown as its original, bit for bit", async ({ browser }) => {
  test.setTimeout(400_000);
  const doctor = await person(browser, "doctor");
  const { page, watch } = doctor;
  const loaded: string[] = [];
  page.on("request", (asked) => loaded.push(new URL(asked.url()).pathname));
  const pixels = async (file: string): Promise<string> => {
    await choosePatient(page);
    await page.locator("input[type=file]").setInputFiles(file);
    await expect(page.getByRole("application")).toBeVisible({ timeout: SLOW });
    return page.getByRole("application").locator("canvas").first().evaluate(async (canvas: HTMLCanvasElement) => {
      const { data } = canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height) ?? { data: new Uint8ClampedArray() };
      const digest = await crypto.subtle.digest("SHA-256", data);
      return `${String(canvas.width)}x${String(canvas.height)} ${Array.from(new Uint8Array(digest), (byte) => byte.toString(16)).join("")}`;
    });
  };
  const codec = /codec|openjpeg/;
  const plain = await pixels(radiograph());
  expect(plain).toMatch(/^\d{3,}x\d{3,} /);
  expect(loaded.filter((path) => codec.test(path)), "loaded before it is needed").toEqual([]);
  expect(await pixels(PRESSED)).toBe(plain);
  expect(loaded.some((path) => codec.test(path))).toBe(true);
  await look(page, "a radiograph in jpeg 2000");
  watch.clean();
  await doctor.context.close();
});
