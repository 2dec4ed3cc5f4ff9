/** Whatever goes over the wire in a doctor's and a patient's session holds no word and no pixel of the record. */
import { readFileSync, writeFileSync } from "node:fs";

import { expect, person, type Someone, test, visitor, write } from "./people";
import { home, radiograph } from "./scene";
import { type Exchange, holding, Tap } from "./wire";

const WORDS = ["Xylographic-periosteum", "Quokkabone"] as const;
/** Runs of pixels from the middle of the radiograph, long enough to occur nowhere else. */
const RUN = 48;
const IMAGE = readFileSync(radiograph());
const NEEDLES = [...WORDS.map((word) => Buffer.from(word)), ...[0.4, 0.5, 0.6].map((share) => Math.floor(IMAGE.length * share)).map((at) => IMAGE.subarray(at, at + RUN))];

const names = (exchanges: readonly Exchange[]) => exchanges.map(({ method, url }) => `${method} ${new URL(url).pathname}`);

/** Close the profiles and wait until what they asked for has been answered or cut. */
async function quiet(tap: Tap, ...people: Someone[]): Promise<void> {
  for (const someone of people) {
    someone.watch.clean();
    await someone.context.close();
  }
  await expect.poll(() => tap.idle).toBe(true);
}

test("the search finds a word or a pixel that is sent, in whatever form", async ({ browser }) => {
  const tap = await Tap.open();
  const careless = await visitor(browser, 0, { proxy: tap.proxy });
  await careless.page.goto("/verify");
  const base64 = IMAGE.toString("base64");
  await careless.page.evaluate(
    async ([image, word, start]) => {
      const bytes = Uint8Array.from(atob(image), (letter) => letter.charCodeAt(0));
      const form = (part: Blob) => {
        const made = new FormData();
        made.append("part", part);
        return made;
      };
      const post = (name: string, body: BodyInit) => fetch(`/api/v1/session?${name}`, { method: "POST", body }).catch(() => null);
      const xhr = new XMLHttpRequest();
      xhr.open("POST", "/api/v1/session?xhr");
      const answered = new Promise((done) => (xhr.onloadend = done));
      xhr.send(form(new Blob([bytes])));
      await answered;
      await post("form", form(new Blob([bytes.subarray(Number(start))])));
      await post("base64", JSON.stringify({ image: image.slice(Number(start)) }));
      await post("hex", Array.from(bytes.subarray(Number(start), Number(start) + 2_000_000), (byte) => byte.toString(16).padStart(2, "0")).join(""));
      await post("word", form(new Blob([`the ${word} looks normal`])));
      navigator.sendBeacon("/api/v1/session?beacon", new Blob([`the ${word} looks normal`]));
      await fetch(`/api/v1/node?${word}`);
    },
    [base64, WORDS[0], String(Math.floor(IMAGE.length * 0.35))] as const,
  );
  const asked = () => new Set(holding(tap.exchanges, NEEDLES).map(({ url }) => new URL(url).search.slice(1)));
  await expect.poll(() => [...asked()].sort()).toEqual(["base64", "beacon", "form", "hex", "word", "xhr", WORDS[0]].sort());
  await careless.context.close();
  await tap.close();
});

test("the network log of a doctor and a patient holds no plaintext", async ({ browser }, info) => {
  const tap = await Tap.open();
  const doctor = await person(browser, "doctor", 0, { proxy: tap.proxy });
  const maria = await person(browser, "patient", 0, { proxy: tap.proxy });
  await write(doctor.page, { title: `About ${WORDS[1]}`, report: `The ${WORDS[0]} looks normal.`, image: radiograph() });

  await maria.page.getByRole("link", { name: new RegExp(WORDS[1]) }).first().click();
  await expect(maria.page.getByText(WORDS[0])).toBeVisible();
  await expect(maria.page.getByRole("application")).toBeVisible();
  await maria.page.getByRole("button", { name: "Add to my record" }).click();
  await maria.page.getByRole("dialog").getByRole("button", { name: "Add it now" }).click();
  await expect(maria.page.getByRole("heading", { name: "My record" })).toBeVisible();
  await expect(maria.page.getByText("Sealed on chain").first()).toBeVisible();
  await quiet(tap, doctor, maria);
  await tap.close();

  const log = tap.exchanges.map(({ method, url, sent, got, status }) => `${String(status).padStart(3, "0")} ${method.padEnd(6)} ${new URL(url).pathname} sent ${String(sent.length)} got ${String(got.length)}`);
  const path = info.outputPath("network.txt");
  writeFileSync(path, `${log.join("\n")}\n`);
  await info.attach("network.txt", { path, contentType: "text/plain" });

  expect(tap.tunnels).toEqual([]);
  expect([...new Set(tap.exchanges.map(({ url }) => new URL(url).origin))]).toEqual([home()]);
  const upload = tap.exchanges.filter(({ method, url }) => method === "POST" && url.endsWith("/api/v1/uploads/sealed"));
  expect(upload.length, "one upload").toBe(1);
  expect(upload[0]?.sent.length, "the sealed image is in it").toBeGreaterThan(IMAGE.length);
  const fetched = tap.exchanges.filter(({ url, got }) => url.includes("/sealed/") && got.length > 7_000_000);
  expect(fetched.length, "the patient fetched the sealed image").toBeGreaterThan(0);
  expect(names(holding(tap.exchanges, NEEDLES))).toEqual([]);
  const bytes = tap.exchanges.reduce((sum, { head, sent, got }) => sum + head.length + sent.length + got.length, 0);
  console.log(`searched ${String(tap.exchanges.length)} exchanges, ${String(bytes)} bytes, for ${String(NEEDLES.length)} needles in all their forms; the log is ${path}`);
});
