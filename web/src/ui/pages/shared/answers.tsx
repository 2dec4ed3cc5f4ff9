/** The filled-in form of a document, if it has one, as a table. */
import { Fold, Said } from "../../components/basics";
import { useT } from "../../i18n";

type Json = Readonly<Record<string, unknown>>;

function list(value: unknown): readonly Json[] {
  return Array.isArray(value) ? (value.filter((one) => typeof one === "object" && one !== null) as Json[]) : [];
}

function sayAnswer(answer: Json): string {
  const [value] = Object.entries(answer).filter(([key]) => key.startsWith("value")).map(([, inside]) => inside);
  if (typeof value === "object" && value !== null) {
    const inside = value as Json;
    const shown = inside["display"] ?? inside["code"] ?? inside["value"];
    const unit = inside["unit"];
    return `${typeof shown === "string" || typeof shown === "number" ? String(shown) : ""}${typeof unit === "string" ? ` ${unit}` : ""}`;
  }
  if (typeof value === "boolean") return value ? "✓" : "–";
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

interface Row {
  id: string;
  text: string;
  answer: string;
}

function rows(items: readonly Json[], prefix = ""): readonly Row[] {
  return items.flatMap((item, i) => {
    const id = `${prefix}${String(i)}.`;
    const answer = list(item["answer"]).map(sayAnswer).join(", ");
    const text = typeof item["text"] === "string" ? item["text"] : "";
    return [...(answer ? [{ id, text, answer }] : []), ...rows(list(item["item"]), id)];
  });
}

export default function AnswersTable({ bundle }: { bundle: unknown }) {
  const t = useT();
  const entries = typeof bundle === "object" && bundle !== null ? list((bundle as Json)["entry"]) : [];
  const response = entries.map((entry) => entry["resource"] as Json | undefined).find((resource) => resource?.["resourceType"] === "QuestionnaireResponse");
  const shown = response ? rows(list(response["item"])) : [];
  if (shown.length === 0) return null;
  return (
    <Fold label={t("As a table")}>
      <div className="table-wrap" tabIndex={0}>
        <table>
          <tbody>
            {shown.map((row) => (
              <tr key={row.id}>
                <th scope="row">
                  <Said>{row.text}</Said>
                </th>
                <td>
                  <Said>{row.answer}</Said>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Fold>
  );
}
