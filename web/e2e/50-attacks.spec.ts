/** What somebody hostile would try, against the real node and in the real browser. */
import { readFileSync } from "node:fs";

import { expect, go, person, test, visitor } from "./people";
import { home, nodeAt, radiograph } from "./scene";

const SCRIPT = `<img src=x onerror="globalThis.stolen=1"><script>globalThis.stolen=1</script>"'{{7*7}}`;

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
  await page.route("http://evil.example/", (route) => route.fulfill({ contentType: "text/html", body: `<iframe src="${home()}/"></iframe>` }));
  await page.goto("http://evil.example/");
  const frame = page.frames()[1];
  await page.waitForTimeout(2_000);
  const shown = frame ? await frame.locator("#root").count().catch(() => 0) : 0;
  expect(shown).toBe(0);
  await context.close();
});

test("other origins are given nothing, and a cookie of theirs signs nobody in", async ({ request, browser }) => {
  const answer = await request.get(`${home()}/api/v1/node`, { headers: { origin: "http://evil.example" } });
  expect(answer.headers()["access-control-allow-origin"]).toBeUndefined();
  const chosen = await request.get(`${home()}/api/v1/session`, { headers: { cookie: "stele_session=0123456789abcdef0123456789abcdef" } });
  expect(chosen.status()).toBe(401);
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.route("http://evil.example/", (route) => route.fulfill({ contentType: "text/html", body: "<h1>evil</h1>" }));
  await page.goto("http://evil.example/");
  const crossed = await page.evaluate(async (url) => {
    try {
      await fetch(`${url}/api/v1/session`, { credentials: "include" });
      return "read";
    } catch {
      return "blocked";
    }
  }, home());
  expect(crossed).toBe("blocked");
  await context.close();
});

test("a session token is made anew at each sign-in and dies at sign-out", async ({ browser, request }) => {
  const tokens: string[] = [];
  const someone = await visitor(browser);
  someone.page.on("request", (asked) => {
    const token = asked.headers()["authorization"];
    if (token && !tokens.includes(token)) tokens.push(token);
  });
  const { signIn, unlock } = await import("./people");
  await signIn(someone.page, "neighbour");
  await someone.page.getByRole("button", { name: "Sign out" }).first().click();
  await expect(someone.page.getByRole("heading", { name: /Sign in to/ })).toBeVisible();
  await unlock(someone.page);
  await expect.poll(() => tokens.length).toBeGreaterThanOrEqual(2);
  const old = await request.get(`${home()}/api/v1/session`, { headers: { authorization: tokens[0] ?? "" } });
  expect(old.status()).toBe(401);
  const stored = await someone.page.evaluate(() => JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage), document.cookie]));
  for (const token of tokens) expect(stored).not.toContain(token.replace("Bearer ", ""));
  someone.watch.clean();
  await someone.context.close();
});

test("scripts in titles, reports, reasons and file names stay text", async ({ browser }) => {
  const doctor = await person(browser, "doctor");
  const { page, watch } = doctor;
  await page.getByRole("row").filter({ hasNotText: "Doukas" }).nth(1).getByRole("link", { name: "Write" }).click();
  await page.locator("input[type=file]").setInputFiles({ name: `${SCRIPT.replaceAll("/", "")}.dcm`, mimeType: "application/dicom", buffer: readFileSync(radiograph()) });
  await expect(page.getByRole("application")).toBeVisible();
  await page.getByLabel("Title").fill(`Title ${SCRIPT}`);
  await page.getByRole("textbox", { name: "Report", exact: true }).fill(`Report ${SCRIPT}`);
  await page.getByRole("button", { name: "Preview and sign" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Sign and send" }).click();
  await expect(page.getByRole("heading", { name: "Sent", exact: true })).toBeVisible({ timeout: 90_000 });

  const maria = await person(browser, "patient");
  await maria.page.getByRole("link", { name: /Title <img/ }).first().click({ timeout: 60_000 });
  await expect(maria.page.getByText(/Report <img/).first()).toBeVisible();
  await maria.page.getByRole("button", { name: "Send back" }).click();
  const dialog = maria.page.getByRole("dialog");
  await dialog.getByLabel("What is wrong with it?").fill(`Reason ${SCRIPT}`);
  await dialog.getByRole("button", { name: "Send back" }).click();
  await expect(page.getByText(/Reason <img/).first()).toBeVisible({ timeout: 60_000 });
  for (const { page: shown } of [doctor, maria]) expect(await shown.evaluate(() => (globalThis as { stolen?: number }).stolen)).toBeUndefined();
  watch.clean();
  maria.watch.clean();
  await doctor.context.close();
  await maria.context.close();
});

test("SVG, HTML and disguised files are refused by name, in the page and by the node", async ({ browser }) => {
  const doctor = await person(browser, "doctor");
  const { page, watch } = doctor;
  await page.getByRole("row").filter({ hasNotText: "Doukas" }).nth(1).getByRole("link", { name: "Write" }).click();
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
  await page.getByRole("row").filter({ hasText: "Doukas" }).getByRole("link", { name: "Write" }).click();
  await page.locator("input[type=file]").setInputFiles(radiograph());
  await expect(page.getByText("This image says that it is of somebody else")).toBeVisible();
  await page.getByLabel("Title").fill("Wrong patient");
  await expect(page.getByRole("button", { name: "Preview and sign" })).toBeDisabled();
  doctor.watch.clean();
  await doctor.context.close();
});

test("a patient reaches nothing of another patient, by whatever id", async ({ browser, request }) => {
  const maria = await person(browser, "patient");
  let token = "";
  const neighbour = await visitor(browser);
  neighbour.page.on("request", (asked) => (token = asked.headers()["authorization"] ?? token));
  const { signIn } = await import("./people");
  const views: { record: string; manifest: string; parts: string[] }[] = [];
  maria.page.on("response", async (answer) => {
    if (/\/api\/v1\/(records|pending)$/.test(answer.url()) && answer.ok()) views.push(...((await answer.json()) as typeof views));
  });
  await go(maria.page, "My record");
  await maria.page.waitForTimeout(6_000);
  await signIn(neighbour.page, "neighbour");
  expect(views.length, "the scene has records of the patient by now").toBeGreaterThan(0);
  expect(token).not.toBe("");
  const headers = { authorization: token };
  for (const view of views.slice(0, 3)) {
    const tries = [
      request.get(`${home()}/api/v1/records/${view.record}/sealed/${view.manifest}`, { headers }),
      request.get(`${home()}/api/v1/records/${view.record}/sealed/${view.parts[0] ?? ""}`, { headers }),
      request.get(`${home()}/api/v1/records/${view.record}/evidence`, { headers }),
      request.post(`${home()}/api/v1/pending/${view.record}/refuse`, { headers, data: { reason: "0x00" } }),
      request.get(`${home()}/api/v1/uploads/${view.record}`, { headers }),
      request.get(`${home()}/api/v1/patients`, { headers }),
      request.get(`${home()}/api/v1/hospital/records`, { headers }),
    ];
    for (const answer of await Promise.all(tries)) expect([400, 403, 404, 422], answer.url()).toContain(answer.status());
  }
  // The address bar gives no more than the routes do.
  await neighbour.page.evaluate((path) => history.pushState(null, "", path), `/inbox/${views[0]?.record ?? ""}`);
  await neighbour.page.evaluate(() => dispatchEvent(new PopStateEvent("popstate")));
  await expect(neighbour.page.getByText("This report does not wait any more")).toBeVisible();
  maria.watch.clean();
  neighbour.watch.clean();
  await maria.context.close();
  await neighbour.context.close();
});

test("no redirect leads elsewhere, and oversized bodies are refused", async ({ request }) => {
  for (const path of ["//evil.example", "/\\evil.example", "/?next=http://evil.example", "/login?redirect=//evil.example"]) {
    const answer = await request.get(`${home()}${path}`, { maxRedirects: 0, headers: { accept: "text/html" } });
    expect(answer.status(), path).toBeLessThan(500);
    expect(answer.headers()["location"], path).toBeUndefined();
  }
  const large = await request.post(`${home()}/api/v1/session`, { data: Buffer.alloc(3_000_000, 0x20), headers: { "content-type": "application/json" } });
  expect(large.status()).toBe(413);
});

test("a slow body is cut off instead of held for ever", async () => {
  const { connect } = await import("node:net");
  const { hostname, port } = new URL(nodeAt(0).url);
  const started = Date.now();
  const ended = await new Promise<string>((done) => {
    const socket = connect(Number(port), hostname, () => {
      socket.write("POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{");
    });
    let answer = "";
    socket.on("data", (bytes: Buffer) => {
      answer += bytes.toString();
      if (answer.includes("\r\n")) done(answer.slice(0, 40));
    });
    socket.on("close", () => done(answer || "closed"));
    setTimeout(() => {
      socket.destroy();
      done("held");
    }, 100_000);
  });
  expect(ended).not.toBe("held");
  expect(Date.now() - started).toBeLessThan(100_000);
});
