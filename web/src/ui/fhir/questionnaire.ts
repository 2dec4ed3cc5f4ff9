/**
 * Templates of reports: FHIR R4 Questionnaires, as far as a form needs them. A hospital adds its
 * own as data; what a form cannot show is left out of it, not guessed.
 */

export interface Coding {
  system?: string | undefined;
  code: string;
  display: string;
}

export type ItemType = "group" | "display" | "string" | "text" | "integer" | "decimal" | "quantity" | "date" | "dateTime" | "boolean" | "choice" | "attachment";

export interface Item {
  linkId: string;
  text: string;
  type: ItemType;
  required: boolean;
  repeats: boolean;
  options: readonly Coding[];
  items: readonly Item[];
  unit: string | null;
  least: number | null;
  most: number | null;
}

export interface Template {
  id: string;
  title: string;
  description: string;
  items: readonly Item[];
  source: Readonly<Record<string, unknown>>;
}

const TYPES = new Set<string>(["group", "display", "string", "text", "integer", "decimal", "quantity", "date", "dateTime", "boolean", "choice", "attachment"]);
const DEEPEST = 5;
const MOST_ITEMS = 200;

type Json = Readonly<Record<string, unknown>>;

function object(value: unknown): Json | null {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : null;
}

function list(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.map(object).filter((one) => one !== null) : [];
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function coding(value: unknown, language: string): Coding | null {
  const option = object(value);
  if (!option) return null;
  const code = object(option["valueCoding"]);
  if (code) {
    const system = text(code["system"]);
    return { ...(system ? { system } : {}), code: text(code["code"]), display: words(code, "display", language) || text(code["code"]) };
  }
  const plain = text(option["valueString"]);
  return plain ? { code: plain, display: plain } : null;
}

function extension(item: Json, ending: string): Json | null {
  return list(item["extension"]).find((one) => text(one["url"]).endsWith(ending)) ?? null;
}

function bound(item: Json, ending: string): number | null {
  const found = extension(item, ending);
  const value = found?.["valueInteger"] ?? found?.["valueDecimal"];
  return typeof value === "number" ? value : null;
}

function unit(item: Json): string | null {
  const found = object(extension(item, "questionnaire-unit")?.["valueCoding"]);
  return found ? text(found["display"]) || text(found["code"]) || null : null;
}

/** The words of a template in the reader's language, where it has them (FHIR's translation extension). */
function words(of: Json, name: string, language: string): string {
  const around = object(of[`_${name}`]);
  for (const translation of around ? list(around["extension"]) : []) {
    if (!text(translation["url"]).endsWith("/translation")) continue;
    const inside = list(translation["extension"]);
    const spoken = inside.find((one) => one["url"] === "lang")?.["valueCode"];
    const content = inside.find((one) => one["url"] === "content")?.["valueString"];
    if (spoken === language && typeof content === "string") return content;
  }
  return text(of[name]);
}

function readItem(item: Json, depth: number, budget: { left: number }, language: string): Item | null {
  const kind = text(item["type"]) === "open-choice" ? "choice" : text(item["type"]);
  budget.left -= 1;
  if (!TYPES.has(kind) || depth > DEEPEST || budget.left < 0) return null;
  return {
    linkId: text(item["linkId"]),
    text: words(item, "text", language) || text(item["linkId"]),
    type: kind as ItemType,
    required: item["required"] === true,
    repeats: item["repeats"] === true,
    options: list(item["answerOption"]).map((option) => coding(option, language)).filter((option) => option !== null),
    items: list(item["item"]).map((child) => readItem(child, depth + 1, budget, language)).filter((child) => child !== null),
    unit: unit(item),
    least: bound(item, "minValue"),
    most: bound(item, "maxValue"),
  };
}

export function readTemplate(value: unknown, language: string): Template | null {
  const source = object(value);
  if (source?.["resourceType"] !== "Questionnaire") return null;
  const budget = { left: MOST_ITEMS };
  return {
    id: text(source["id"]) || text(source["name"]) || text(source["url"]),
    title: words(source, "title", language) || text(source["name"]),
    description: words(source, "description", language),
    items: list(source["item"]).map((item) => readItem(item, 0, budget, language)).filter((item) => item !== null),
    source,
  };
}

export function readTemplates(body: unknown, language: string): readonly Template[] {
  return list(body).map((one) => readTemplate(one, language)).filter((template) => template !== null);
}

/** An answer as the form keeps it. */
export type Value = string | number | boolean | Coding | null;
export type Answers = Readonly<Record<string, readonly Value[]>>;

export function answered(value: Value | undefined): value is Exclude<Value, null> {
  return value !== null && value !== undefined && value !== "";
}

/** All questions that must be answered and are not. */
export function missing(items: readonly Item[], answers: Answers): readonly Item[] {
  return items.flatMap((item) => {
    const below = missing(item.items, answers);
    const lacks = item.required && item.type !== "group" && item.type !== "attachment" && !(answers[item.linkId] ?? []).some(answered);
    return lacks ? [item, ...below] : below;
  });
}

export function sayValue(value: Value, item: Item): string {
  if (value === null) return "";
  if (typeof value === "object") return value.display;
  if (typeof value === "boolean") return value ? "✓" : "–";
  return item.unit ? `${String(value)} ${item.unit}` : String(value);
}

/** The FHIR answer of one value. */
function fhirValue(value: Exclude<Value, null>, item: Item): Record<string, unknown> {
  if (typeof value === "object") return { valueCoding: value };
  if (typeof value === "boolean") return { valueBoolean: value };
  switch (item.type) {
    case "integer":
      return { valueInteger: Number(value) };
    case "decimal":
      return { valueDecimal: Number(value) };
    case "quantity":
      return { valueQuantity: { value: Number(value), ...(item.unit ? { unit: item.unit } : {}) } };
    case "date":
      return { valueDate: String(value) };
    case "dateTime":
      return { valueDateTime: new Date(String(value)).toISOString() };
    default:
      return { valueString: String(value) };
  }
}

/** The items of a QuestionnaireResponse; questions without an answer are left out. */
export function responseItems(items: readonly Item[], answers: Answers): readonly Record<string, unknown>[] {
  return items.flatMap((item) => {
    const below = responseItems(item.items, answers);
    const given = (answers[item.linkId] ?? []).filter(answered).map((value) => fhirValue(value, item));
    if (below.length === 0 && given.length === 0) return [];
    return [{ linkId: item.linkId, text: item.text, ...(given.length > 0 ? { answer: given } : {}), ...(below.length > 0 ? { item: below } : {}) }];
  });
}

/** The same in words, for the narrative and the PDF. */
export function lines(items: readonly Item[], answers: Answers, depth = 0): readonly string[] {
  return items.flatMap((item) => {
    const below = lines(item.items, answers, depth + 1);
    const given = (answers[item.linkId] ?? []).filter(answered).map((value) => sayValue(value, item));
    if (given.length > 0) return [`${item.text}: ${given.join(", ")}`, ...below];
    return below.length > 0 && depth > 0 ? [item.text, ...below] : below;
  });
}
