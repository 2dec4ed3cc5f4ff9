/** People who use the app as people do: a browser profile each, keys brought by their key file. */
import { AxeBuilder } from "@axe-core/playwright";
import { type Browser, type BrowserContext, expect, type Page, test as base } from "@playwright/test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { extname, join } from "node:path";

import { png } from "../tests/support/png";
import { nodeAt, ROOT, scene } from "./scene";

type FilePayload = { name: string; mimeType: string; buffer: Buffer };

export const PASSPHRASE = "a sentence that is long enough";
const DEMO = "demo";
/** For what seals, signs and waits for a chain on a machine that does other things as well. */
export const SLOW = 120_000;
/** Enough for pages and radiographs alike, and a tenth of the bytes. */
const COLOURS = 128;

const LOOPBACK = new Set(["127.0.0.1", "localhost"]);

/** What must never happen on any page; every test ends by asking for it. */
export class Watch {
  readonly violations: string[] = [];
  readonly foreign: string[] = [];
  readonly faults: string[] = [];

  async on(context: BrowserContext): Promise<void> {
    const own = new Set(scene().nodes.map((node) => new URL(node.url).port));
    await context.exposeBinding("steleViolation", (_, text: string) => void this.violations.push(text));
    await context.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (event) => {
        const report = (globalThis as unknown as { steleViolation: (text: string) => void }).steleViolation;
        report(`${event.violatedDirective}: ${event.blockedURI} ${event.sourceFile}:${String(event.lineNumber)}`);
      });
    });
    context.on("request", (request) => {
      const url = new URL(request.url());
      const here = LOOPBACK.has(url.hostname) && own.has(url.port);
      if (/^https?:$/.test(url.protocol) && !here) this.foreign.push(request.url());
    });
    context.on("weberror", (error) => this.faults.push(error.error().message));
  }

  clean(): void {
    expect(this.violations, "violations of the content security policy").toEqual([]);
    expect(this.foreign, "requests to third parties").toEqual([]);
    expect(this.faults, "uncaught errors of the page").toEqual([]);
  }
}

const TYPES: Record<string, string> = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".wasm": "application/wasm", ".json": "application/json" };
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; font-src 'self'; worker-src 'self'; manifest-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

/** For work on the pages with a program that was built before them: WEB_FROM_DISK=1 serves web/dist. */
async function fromDisk(context: BrowserContext): Promise<void> {
  if (!process.env["WEB_FROM_DISK"]) return;
  const dist = join(ROOT, "web/dist");
  const own = scene().nodes.map((node) => new URL(node.url).host);
  await context.route(
    (url) => own.includes(url.host) && !/^\/(api|peer|ipfs|vault|healthz|readyz|metrics)(\/|$)/.test(url.pathname),
    async (route) => {
      const path = new URL(route.request().url()).pathname;
      const file = join(dist, path);
      const found = path !== "/" && existsSync(file) ? file : join(dist, "index.html");
      await route.fulfill({ body: readFileSync(found), headers: { "content-type": TYPES[extname(found)] ?? "application/octet-stream", "content-security-policy": POLICY } });
    },
  );
}

export interface Someone {
  context: BrowserContext;
  page: Page;
  watch: Watch;
}

/** A fresh browser profile at a hospital's page. */
export async function visitor(browser: Browser, node = 0, options: Parameters<Browser["newContext"]>[0] = {}): Promise<Someone> {
  const context = await browser.newContext({ baseURL: nodeAt(node).url, locale: "en-GB", reducedMotion: "reduce", acceptDownloads: true, ...options });
  const watch = new Watch();
  await watch.on(context);
  await fromDisk(context);
  return { context, page: await context.newPage(), watch };
}

export function keyFile(name: string): string {
  const person = scene().people[name];
  if (person) return person;
  const hospital = scene().nodes.find((node) => node.name === name);
  if (!hospital) throw new Error(`nobody is called ${name}`);
  return join(hospital.folder.startsWith("/") ? hospital.folder : join(ROOT, hospital.folder), "hospital.key");
}

/** Bring a key file and sign in, by the pages alone. */
export async function signIn(page: Page, name: string): Promise<void> {
  await page.goto("/");
  await page.getByRole("button", { name: "Bring a key" }).click();
  await page.getByLabel("Key file").check();
  await page.locator("input[type=file]").setInputFiles({ name: `${name}.key`, mimeType: "application/json", buffer: readFileSync(keyFile(name)) });
  await page.getByLabel("Passphrase of the file").fill(DEMO);
  await page.getByLabel("A new passphrase").fill(PASSPHRASE);
  await page.getByRole("button", { name: "Use this key" }).click();
  await expect(page.getByRole("navigation", { name: "Main" })).toBeVisible({ timeout: SLOW });
}

/** Open the keys that this browser has already. */
export async function unlock(page: Page): Promise<void> {
  await page.locator("main li button").first().click();
  await page.getByLabel("Passphrase").fill(PASSPHRASE);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("navigation", { name: "Main" })).toBeVisible({ timeout: SLOW });
}

export async function person(browser: Browser, name: string, node = 0, options: Parameters<Browser["newContext"]>[0] = {}): Promise<Someone> {
  const someone = await visitor(browser, node, options);
  await signIn(someone.page, name);
  return someone;
}

/** The patient of the scene, as the radiograph's header names her. */
export const PATIENT = "CompressedSamples";
export const NEIGHBOUR = "Doukas";

/** A picture that is no radiograph and small: for what is about the way of a record, not its content. */
export function smallImage(seed = 1): FilePayload {
  return { name: "picture.png", mimeType: "image/png", buffer: Buffer.from(png(320, 240, seed)) };
}

export async function choosePatient(page: Page, family = PATIENT): Promise<void> {
  await go(page, "Patients");
  await page.getByRole("searchbox").fill(family);
  await page.getByRole("row").filter({ hasText: family }).getByRole("link", { name: "Write" }).click();
}

export interface Written {
  title: string;
  report: string;
  image: string | FilePayload;
}

/** Fill in a report with an image; the preview is open afterwards. */
export async function fillIn(page: Page, { title, report, image }: Written): Promise<void> {
  await page.locator("input[type=file]").setInputFiles(image);
  await expect(page.getByRole("application")).toBeVisible();
  await page.getByLabel("Title").fill(title);
  await page.getByRole("textbox", { name: "Report", exact: true }).fill(report);
}

/** Sign what was filled in, and wait until the patient has it. */
export async function send(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Preview and sign" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Sign and send" }).click();
  await expect(page.getByRole("heading", { name: "Sent", exact: true })).toBeVisible({ timeout: SLOW });
}

/** A doctor's whole way from the list of patients to "sent". */
export async function write(page: Page, written: Written): Promise<void> {
  await choosePatient(page);
  await fillIn(page, written);
  await send(page);
}

/** A patient's whole way from the inbox to the own record. */
export async function approve(page: Page, title: RegExp): Promise<void> {
  await go(page, "Inbox");
  await page.getByRole("link", { name: title }).first().click();
  await page.getByRole("button", { name: "Add to my record" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Add it now" }).click();
  await expect(page.getByRole("heading", { name: "My record" })).toBeVisible();
}

/** Look at a page: no violation of accessibility, and a picture of it where SCREENS names a folder. */
export async function look(page: Page, name: string): Promise<void> {
  await page.getByRole("status", { name: /^(Loading|Fetching)/ }).first().waitFor({ state: "hidden" });
  if (!(await page.getByRole("dialog").isVisible())) await page.evaluate(() => scrollTo(0, 0));
  await picture(page, name);
  const { violations } = await new AxeBuilder({ page }).analyze();
  const found = violations.map((one) => `${one.id}: ${one.help}: ${one.nodes.map((node) => node.html).join(" | ").slice(0, 400)}`);
  expect.soft(found, `axe on ${name}`).toEqual([]);
}

/** A picture in docs/screens, with as few colours as it needs. */
export async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env["SCREENS"];
  if (!folder) return;
  const { default: UPNG } = await import("upng-js");
  const shot = await page.screenshot({ animations: "disabled", caret: "hide" });
  const image = UPNG.decode(shot.buffer.slice(shot.byteOffset, shot.byteOffset + shot.byteLength));
  const small = UPNG.encode(UPNG.toRGBA8(image).slice(0, 1), image.width, image.height, COLOURS);
  writeFileSync(join(folder, `${name.replaceAll(/[^a-z0-9]+/gi, "-").toLowerCase()}.png`), Buffer.from(small));
}

export async function go(page: Page, label: string): Promise<void> {
  await page.getByRole("navigation").getByRole("link", { name: new RegExp(`^${label}( \\d+ new| \\d+ nuevos)?$`) }).click();
}

export const test = base;
export { expect };
