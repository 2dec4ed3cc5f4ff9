/** Somebody else's ids on every route of the node's own API document: nothing comes back, nothing changes. */
import { NodeError, type Session } from "../src/lib";
import { signedIn, stranger } from "../tests/support/scene";
import { expect, person, test } from "./people";
import { home, scene } from "./scene";
import { seed, type Seeded } from "./seed";

type Method = "GET" | "POST" | "PUT" | "DELETE";
interface Schema {
  $ref?: string;
  type?: string | string[];
  properties?: Record<string, Schema>;
  items?: Schema;
  enum?: unknown[];
  oneOf?: Schema[];
  allOf?: Schema[];
}
interface Operation {
  parameters?: { name: string; in: string }[];
  requestBody?: { content: Record<string, { schema: Schema }> };
}
interface Api {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
}
interface Answer {
  status: number;
  text: string;
}
type Ids = Record<string, string>;

/** Routes that answer anybody who has signed in, with something that is theirs or everybody's. */
const OWN_OR_OPEN = new Set([
  "GET /api/v1/session", "GET /api/v1/node", "GET /api/v1/acts/{id}", "GET /api/v1/applications", "GET /api/v1/appointments", "GET /api/v1/directory/{wallet}", "GET /api/v1/grants", "GET /api/v1/index",
  "GET /api/v1/letters", "GET /api/v1/links", "GET /api/v1/notifications", "GET /api/v1/pending", "GET /api/v1/profile", "GET /api/v1/records", "GET /api/v1/registry/invitation",
  "GET /api/v1/requests", "GET /api/v1/slots", "GET /api/v1/staff", "GET /api/v1/templates", "GET /api/v1/trail", "GET /api/v1/costs", "GET /api/forecast", "GET /api/openapi.json", "GET /api/v1/log/checkpoint",
  "GET /api/v1/log/consistency", "GET /api/v1/log/tile/{path}", "GET /fhir/metadata", "GET /fhir/Organization/{wallet}", "GET /fhir/PractitionerRole", "GET /fhir/PractitionerRole/{wallet}",
  "GET /fhir/Questionnaire", "GET /fhir/Questionnaire/{id}", "GET /healthz", "GET /readyz", "GET /metrics", "POST /api/v1/session/nonce", "POST /api/v1/chain", "POST /api/v1/notifications/seen",
  // It never says whether there is such a link.
  "POST /api/v1/links/{id}/code",
]);
/** What would end the attackers' own sessions, or rename them; and the demo's mails, which are everybody's to read. */
const NOT_TRIED = new Set(["POST /api/v1/session", "DELETE /api/v1/session", "PUT /api/v1/profile", "GET /api/v1/mails"]);

/** The patient's ids by the names that routes and bodies have for them. */
function idsOf({ patient, doctor, record, pending, grant, link, request, letter, thread, slot, appointment }: Seeded): Ids {
  return {
    record: record.view.record, series: record.view.series, controller: record.controller, commitment: record.view.commitment, cid: record.view.manifest, draft: pending.record, corrects: record.view.record,
    grant: grant.grant, request, link: link.id, letter, thread, slot, appointment, act: grant.act ?? record.view.act ?? "",
    patient: patient.who.patient ?? "", wallet: patient.address, to: doctor.address, doctor: doctor.address, owner: patient.address, email: "guest@example.org", number: "0", path: "0/000",
  };
}

/** `{id}` means what the collection before it holds. */
const COLLECTIONS: Record<string, string> = { acts: "act", appointments: "appointment", letters: "letter", links: "link", slots: "slot", applications: "record", Questionnaire: "record" };

function pathWith(path: string, ids: Ids): string {
  return path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const collection = /\/(\w+)\/\{id\}/.exec(path)?.[1] ?? "";
    const id = ids[name] ?? ids[COLLECTIONS[collection] ?? ""];
    if (id === undefined) throw new Error(`this test knows no id for {${name}} in ${path}: add it`);
    return id;
  });
}

function queryWith({ parameters = [] }: Operation, path: string, ids: Ids): string {
  const named = parameters.filter(({ name, in: where }) => where !== "header" && !path.includes(`{${name}}`));
  const query = new URLSearchParams(named.map(({ name }) => [name, ids[name] ?? "0"]));
  return named.length === 0 ? "" : `?${query.toString()}`;
}

/** A body of the route's own shape, with the patient's ids wherever they fit. */
function bodyOf(schema: Schema, api: Api, ids: Ids, name = ""): unknown {
  if (schema.$ref) return bodyOf(api.components.schemas[schema.$ref.split("/").at(-1) ?? ""] ?? {}, api, ids, name);
  const whole = schema.allOf ?? schema.oneOf?.slice(-1);
  if (whole) return Object.assign({}, ...whole.map((one) => bodyOf(one, api, ids, name))) as unknown;
  if (schema.enum) return schema.enum[0];
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  switch (type) {
    case "object":
      return Object.fromEntries(Object.entries(schema.properties ?? {}).map(([key, one]) => [key, bodyOf(one, api, ids, key)]));
    case "array":
      return [bodyOf(schema.items ?? {}, api, ids, name)];
    case "integer":
    case "number":
      return 1;
    case "boolean":
      return true;
    default:
      return ids[name] ?? `0x${"11".repeat(32)}`;
  }
}

async function asSession(session: Session, method: Method, path: string, body: unknown): Promise<Answer> {
  try {
    return { status: 200, text: JSON.stringify((await session.json<unknown>(method, path, body)) ?? "") };
  } catch (error) {
    if (error instanceof NodeError) return { status: error.status, text: error.message };
    // An answer that is no JSON was still an answer; what it says can be read where asking again changes nothing.
    return { status: 200, text: method === "GET" ? await (await session.bytes(method, path)).text() : "" };
  }
}

async function asNobody(method: Method, path: string, body: unknown): Promise<Answer> {
  const answer = await fetch(home() + path, { method, headers: { "content-type": "application/json" }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  return { status: answer.status, text: await answer.text() };
}

/** A patient of the same hospital with whom nobody has shared anything. */
async function otherPatient(desk: Session): Promise<Session> {
  const other = await stranger(home());
  const demographics = { id: `O-${String(Date.now())}`, id_system: "urn:example", family: "Unrelated", given: ["Una"], birth_date: "1980-01-01", sex: "female" } as const;
  await desk.settled((await desk.staff.enrol(demographics, await other.patient.card())).act);
  expect((await other.refresh()).patient).not.toBeNull();
  return other;
}

/** What nobody else's answer may hold. */
function secretsOf(seeded: Seeded): string[] {
  const { record, pending, grant, link, request, letter, thread, appointment } = seeded;
  return [record.view.record, record.controller, record.view.manifest, ...record.view.parts, pending.record, pending.manifest, grant.grant, link.id, link.email, request, letter, thread, appointment, seeded.patient.who.patient ?? ""];
}

async function standing({ patient, doctor }: Seeded): Promise<string> {
  const own = await Promise.all(["/api/v1/records", "/api/v1/pending", "/api/v1/grants", "/api/v1/links", "/api/v1/requests", "/api/v1/appointments", "/api/v1/profile"].map((path) => patient.json<unknown>("GET", path)));
  const letters = await Promise.all([patient, doctor].map((one) => one.json<{ id: string; seen_at: number | null }[]>("GET", "/api/v1/letters?since=0")));
  return JSON.stringify([own, letters, await doctor.json<unknown>("GET", `/api/v1/slots?doctor=${doctor.address}`)]);
}

test("another patient, a stranger and nobody get nothing by the patient's ids, on any route", async () => {
  const seeded = await seed((field) => `Ids: ${field}`);
  const api = (await (await fetch(`${home()}/api/openapi.json`)).json()) as Api;
  const ids = idsOf(seeded);
  const secrets = secretsOf(seeded);
  const before = await standing(seeded);
  const other = await otherPatient(seeded.doctor);
  const nobodyKnown = await stranger(home());
  const callers: [string, (method: Method, path: string, body: unknown) => Promise<Answer>][] = [
    ["nobody", asNobody],
    ["a stranger", (...ask) => asSession(nobodyKnown, ...ask)],
    ["another patient", (...ask) => asSession(other, ...ask)],
  ];
  const wrong: string[] = [];
  let tried = 0;
  for (const [path, operations] of Object.entries(api.paths)) {
    for (const [verb, operation] of Object.entries(operations)) {
      const method = verb.toUpperCase() as Method;
      const route = `${method} ${path}`;
      if (NOT_TRIED.has(route)) continue;
      const schema = Object.values(operation.requestBody?.content ?? {})[0]?.schema;
      const bodies = method === "GET" || method === "DELETE" ? [undefined] : schema ? [bodyOf(schema, api, ids), {}] : [undefined];
      for (const body of bodies) {
        for (const [who, ask] of callers) {
          const { status, text } = await ask(method, pathWith(path, ids) + queryWith(operation, path, ids), body);
          tried += 1;
          const shown = secrets.filter((secret) => text.includes(secret));
          // A path that was asked for may be repeated in an error's words; it is known to whoever asked.
          if (status < 400 && shown.length > 0) wrong.push(`${who} ${route}: shows ${shown.join(", ")}`);
          if (status < 400 && !OWN_OR_OPEN.has(route)) wrong.push(`${who} ${route}: answered ${String(status)}`);
          if (status === 429 || (status >= 500 && ![501, 503].includes(status))) wrong.push(`${who} ${route}: ${String(status)}`);
        }
      }
    }
  }
  console.log(`tried ${String(tried)} requests on ${String(Object.keys(api.paths).length)} paths with ${String(Object.keys(ids).length)} ids of somebody else`);
  expect(wrong).toEqual([]);
  // Both were signed in until the end, and her name is not for them.
  for (const one of [other, nobodyKnown]) expect((await one.directory(seeded.patient.address)).name ?? "").toBe("");
  // The same question of the one whom it concerns does show them: the search can find something.
  expect(secrets.filter((secret) => before.includes(secret)).length).toBeGreaterThan(5);
  expect(await standing(seeded)).toBe(before);
});

test("an id in the address bar gives no more than the routes do", async ({ browser }) => {
  const neighbour = await person(browser, "neighbour");
  const maria = await signedIn(scene(), "patient", 0);
  const [pending] = await maria.patient.inbox();
  const [record] = await maria.patient.records();
  expect(pending && record, "the patient has a report and a record").toBeTruthy();
  for (const [path, words] of [[`/inbox/${pending?.record ?? ""}`, "This report does not wait any more"], [`/record/${record?.controller ?? ""}`, "No such record"]] as const) {
    await neighbour.page.evaluate((to) => {
      history.pushState(null, "", to);
      dispatchEvent(new PopStateEvent("popstate"));
    }, path);
    await expect(neighbour.page.getByText(words).first()).toBeVisible();
  }
  neighbour.watch.clean();
  await neighbour.context.close();
});
