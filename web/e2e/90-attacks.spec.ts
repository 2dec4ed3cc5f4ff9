/** What somebody hostile would try, against the real node and in the real browser. */
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";

import { type Browser } from "@playwright/test";

import { choosePatient, expect, NEIGHBOUR, person, signIn, type Someone, test, unlock, visitor } from "./people";
import { home, nodeAt, radiograph } from "./scene";
import { Tap } from "./wire";

/** Longer than a node waits for a request. */
const PATIENCE_MS = 100_000;
/** For how long a page is left alone. */
const QUIET_MS = 15_000;

/** Send bytes and nothing more; how the node ends it. */
function trickle(bytes: string): Promise<string> {
  const { hostname, port } = new URL(home());
  return new Promise((done) => {
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    const end = (how: string) => {
      clearTimeout(timer);
      socket.destroy();
      done(how);
    };
    const timer = setTimeout(() => end("held"), PATIENCE_MS);
    let answer = "";
    socket.on("data", (more: Buffer) => {
      answer += more.toString();
      if (answer.includes("\r\n")) end(answer.slice(0, answer.indexOf("\r\n")));
    });
    socket.on("error", () => end("reset"));
    socket.on("close", () => end("closed"));
  });
}

/** Begun with the first test, looked at by the last: they take as long as the node's patience. */
let slow: Promise<string[]>;
test.beforeAll(() => {
  slow = Promise.all([
    trickle("POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"),
    trickle("POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"),
    trickle("GET /api/v1/node HTTP/1.1\r\nHost: x\r\nX-Slow: "),
  ]);
});

/** A page of somebody else, at another port of the same site: the browser sends it this site's cookies. */
async function evilPage(html: string): Promise<{ url: string; server: Server }> {
  const server = createServer((_, answer) => answer.setHeader("content-type", "text/html").end(html));
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return { url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/`, server };
}

/** Somebody who signed in, and the tokens that their page used. */
async function withTokens(browser: Browser, name: string, cookies: { name: string; value: string; url: string }[] = []): Promise<{ someone: Someone; tokens: string[] }> {
  const someone = await visitor(browser);
  await someone.context.addCookies(cookies);
  const tokens: string[] = [];
  someone.page.on("request", (asked) => {
    const token = asked.headers()["authorization"]?.replace("Bearer ", "");
    if (token && !tokens.includes(token)) tokens.push(token);
  });
  await signIn(someone.page, name);
  await expect.poll(() => tokens.length).toBeGreaterThan(0);
  return { someone, tokens };
}

test("the page cannot be framed, sniffed or given a looser policy", async ({ request }) => {
  for (const path of ["/", "/inbox", "/g", "/verify", "/no/such/page"]) {
    const answer = await request.get(`${home()}${path}`, { headers: { accept: "text/html" } });
    const headers = answer.headers();
    expect(headers["x-frame-options"], path).toBe("DENY");
    expect(headers["x-content-type-options"], path).toBe("nosniff");
    const policy = headers["content-security-policy"] ?? "";
    expect(policy, path).toContain("frame-ancestors 'none'");
    expect(policy, path).toContain("default-src 'none'");
    expect(policy, path).not.toContain("unsafe");
    expect(policy, path).not.toMatch(/https?:|\*/);
  }
});

test("another page cannot frame the app", async ({ browser }) => {
  const context = await browser.newContext();
  const page = await context.newPage();
  const { url, server } = await evilPage(`<iframe src="${home()}/"></iframe>`);
  await page.goto(url);
  await expect.poll(() => page.frames()[1]?.url()).toMatch(/^chrome-error:/);
  await context.close();
  server.close();
});

test("other origins are given nothing", async ({ request, browser }) => {
  const answer = await request.get(`${home()}/api/v1/node`, { headers: { origin: "http://evil.example" } });
  expect(answer.headers()["access-control-allow-origin"]).toBeUndefined();
  const asked = await request.fetch(`${home()}/api/v1/session`, { method: "OPTIONS", headers: { origin: "http://evil.example", "access-control-request-method": "POST", "access-control-request-headers": "authorization" } });
  expect(asked.headers()["access-control-allow-origin"]).toBeUndefined();
  const context = await browser.newContext();
  const page = await context.newPage();
  const { url, server } = await evilPage("<h1>evil</h1>");
  await page.goto(url);
  const crossed = await page.evaluate(async (to) => fetch(`${to}/api/v1/node`, { credentials: "include" }).then(() => "read", () => "blocked"), home());
  expect(crossed).toBe("blocked");
  await context.close();
  server.close();
});

test("a form on another page does nothing with the cookie of somebody who signed in", async ({ browser, request }) => {
  const { someone, tokens } = await withTokens(browser, "auditor");
  const token = tokens[0] ?? "";
  const cookie = { cookie: `stele_session=${token}` };
  expect((await request.get(`${home()}/api/v1/session`, { headers: cookie })).status(), "the node takes a session by cookie").toBe(200);
  const forms = [
    ["/api/v1/log/anchor", "text/plain"],
    ["/api/v1/log/anchor", "application/x-www-form-urlencoded"],
    ["/api/v1/notifications/seen", "text/plain"],
    ["/api/v1/uploads", "multipart/form-data"],
  ] as const;
  const html = forms.map(([path, type], i) => `<form id="f${String(i)}" method="post" action="${home()}${path}" enctype="${type}"><input name='{"up_to":"9' value='"}'></form>`).join("");
  const { url, server } = await evilPage(html);
  // What was sent and answered is read off the wire. The browser's own report of a request that replaces its
  // page is no witness: the frame that would tell the headers may be gone, and the question waits for ever.
  const tap = await Tap.open();
  const answered = () => tap.exchanges.filter(({ method, status }) => method === "POST" && status !== 0);
  const context = await browser.newContext({ proxy: tap.proxy });
  await context.addCookies([{ name: "stele_session", value: token, url: home(), sameSite: "Lax" }]);
  for (const [i, [path, type]] of forms.entries()) {
    const page = await context.newPage();
    await page.goto(url);
    // Submitted once the call is over, which would otherwise end with the page that it runs in.
    await page.evaluate((id) => void setTimeout(() => document.querySelector<HTMLFormElement>(`#${id}`)?.submit()), `f${String(i)}`);
    await expect.poll(() => answered().length, { message: `${path} ${type}` }).toBe(i + 1);
    const exchange = answered()[i];
    expect(exchange?.url).toBe(`${home()}${path}`);
    const head = exchange?.head.toString() ?? "";
    expect(head.toLowerCase(), "the form as it is meant").toContain(`content-type: ${type}`);
    expect(head, "the browser sent the cookie").toContain(`stele_session=${token}`);
    expect(exchange?.status, `${path} ${type}`).toBe(401);
    await page.close();
  }
  await context.close();
  await tap.close();
  server.close();
  someone.watch.clean();
  await someone.context.close();
});

test("a session is made anew at each sign-in, is nobody else's choice, and dies at sign-out", async ({ browser, request }) => {
  const chosen = "0123456789abcdef".repeat(4);
  const held = async (headers: Record<string, string>) => (await request.get(`${home()}/api/v1/session`, { headers })).status();
  const { someone, tokens } = await withTokens(browser, "neighbour", [{ name: "stele_session", value: chosen, url: home() }]);
  for (const headers of [{ cookie: `stele_session=${chosen}` }, { authorization: `Bearer ${chosen}` }]) expect(await held(headers)).toBe(401);
  expect(tokens).not.toContain(chosen);
  await someone.page.getByRole("button", { name: "Sign out" }).first().click();
  await expect(someone.page.getByRole("heading", { name: /Sign in to/ })).toBeVisible();
  await unlock(someone.page);
  await expect.poll(() => tokens.length).toBe(2);
  expect(await held({ authorization: `Bearer ${tokens[0] ?? ""}` })).toBe(401);
  expect(await held({ authorization: `Bearer ${tokens[1] ?? ""}` })).toBe(200);
  const stored = await someone.page.evaluate(() => JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage)]));
  for (const token of tokens) expect(stored).not.toContain(token);
  expect((await someone.context.cookies()).map(({ value }) => value)).toEqual([chosen]);
  someone.watch.clean();
  await someone.context.close();
});

test("SVG, HTML and disguised files are refused by name, in the page and by the node", async ({ browser }) => {
  const doctor = await person(browser, "doctor");
  const { page, watch } = doctor;
  await choosePatient(page);
  const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>');
  for (const [name, mimeType, buffer] of [["x.svg", "image/svg+xml", svg], ["x.png", "image/png", svg], ["x.html", "text/html", Buffer.from("<script>alert(1)</script>")]] as const) {
    await page.locator("input[type=file]").setInputFiles({ name, mimeType, buffer });
    await expect(page.getByText(`“${name}” is neither DICOM, PNG nor JPEG.`)).toBeVisible();
  }
  watch.clean();
  await doctor.context.close();
});

test("an image that says it is of somebody else is not sent", async ({ browser }) => {
  const doctor = await person(browser, "doctor");
  const { page } = doctor;
  await choosePatient(page, NEIGHBOUR);
  await page.locator("input[type=file]").setInputFiles(radiograph());
  await expect(page.getByText("This image says that it is of somebody else")).toBeVisible();
  await page.getByLabel("Title").fill("Wrong patient");
  await expect(page.getByRole("button", { name: "Preview and sign" })).toBeDisabled();
  doctor.watch.clean();
  await doctor.context.close();
});

test("no redirect leads elsewhere", async ({ request }) => {
  for (const path of ["//evil.example", "/\\evil.example", "/?next=http://evil.example", "/login?redirect=//evil.example"]) {
    const answer = await request.get(`${home()}${path}`, { maxRedirects: 0, headers: { accept: "text/html" } });
    expect(answer.status(), path).toBeLessThan(500);
    expect(answer.headers()["location"], path).toBeUndefined();
  }
});

test("links into the app lead nowhere else, whatever they carry", async ({ browser }) => {
  const hospital = await person(browser, nodeAt(0).name);
  const { page, watch } = hospital;
  for (const path of ["/people?add=javascript:globalThis.stolen=1", "/enrol?card=%3Cimg%20src%3Dx%20onerror%3D%22globalThis.stolen%3D1%22%3E", "//evil.example", "/report/..%2f..%2f?corrects=javascript:1", "/letters/javascript:globalThis.stolen=1"]) {
    await page.evaluate((to) => {
      history.pushState(null, "", `${location.origin}${to}`);
      dispatchEvent(new PopStateEvent("popstate"));
    }, path);
    await expect(page.locator("main")).not.toBeEmpty();
    expect(new URL(page.url()).origin, path).toBe(home());
    expect(await page.evaluate(() => (globalThis as { stolen?: number }).stolen), path).toBeUndefined();
    await page.keyboard.press("Escape");
  }
  watch.clean();
  await hospital.context.close();
});

test("oversized bodies and headers are refused", async ({ request }) => {
  const post = (path: string, more: string) => trickle(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${more}`);
  for (const path of ["/api/v1/session", "/api/v1/chain"]) expect(await post(path, "Content-Length: 3000000\r\n\r\n"), path).toMatch(/^HTTP\/1.1 413/);
  for (const path of ["/api/v1/uploads", "/api/v1/uploads/sealed", "/peer/v1/requests"]) expect(await post(path, `Content-Length: ${String(2 ** 40)}\r\n\r\n`), path).toMatch(/^HTTP\/1.1 4(01|13)/);
  // Without a length the node counts; whoever goes on sending is cut off.
  const chunk = `100000\r\n${" ".repeat(0x10_00_00)}\r\n`;
  expect(await post("/api/v1/session", `Transfer-Encoding: chunked\r\n\r\n${chunk.repeat(3)}`)).toMatch(/^HTTP\/1.1 413|^reset$|^closed$/);
  const deep = "[".repeat(200_000);
  expect(await post("/api/v1/session", `Content-Length: ${String(deep.length)}\r\n\r\n${deep}`)).toMatch(/^HTTP\/1.1 4(00|22)/);
  const header = await trickle(`GET /api/v1/node HTTP/1.1\r\nHost: x\r\nX-Large: ${"a".repeat(2_000_000)}\r\n\r\n`);
  expect(header).toMatch(/^HTTP\/1.1 4|^reset$|^closed$/);
  expect((await request.get(`${home()}/healthz`)).status()).toBe(200);
});

test("a page that is left open asks for little", async ({ browser }) => {
  const maria = await person(browser, "patient");
  await expect(maria.page.getByRole("heading", { name: "Inbox" })).toBeVisible();
  await expect(maria.page.getByRole("status", { name: "Loading" })).toHaveCount(0);
  const asked: string[] = [];
  maria.page.on("request", (one) => asked.push(new URL(one.url()).pathname));
  await new Promise((wake) => setTimeout(wake, QUIET_MS));
  expect(asked.length, asked.join(" ")).toBeLessThanOrEqual(5);
  maria.watch.clean();
  await maria.context.close();
});

test("a request that comes too slowly is cut off instead of held for ever", async () => {
  test.setTimeout(2 * PATIENCE_MS);
  for (const end of await slow) expect(end).not.toBe("held");
});
