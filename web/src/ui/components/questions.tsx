/** A form made of a template's questions. */
import type { Answers, Coding, Item, Value } from "../fhir/questionnaire";
import { useT } from "../i18n";
import { Check, Field, Select, TextArea } from "./form";
import { Button } from "./basics";

interface Props {
  items: readonly Item[];
  answers: Answers;
  onChange: (answers: Answers) => void;
  wrong: ReadonlySet<string>;
}

export function Questions({ items, answers, onChange, wrong }: Props) {
  return (
    <div className="form">
      {items.map((item) => (
        <Question key={item.linkId} item={item} answers={answers} onChange={onChange} wrong={wrong} />
      ))}
    </div>
  );
}

function Question({ item, answers, onChange, wrong }: Omit<Props, "items"> & { item: Item }) {
  const t = useT();
  const values = answers[item.linkId] ?? [];
  const set = (next: readonly Value[]) => onChange({ ...answers, [item.linkId]: next });
  if (item.type === "display") return <p className="muted">{item.text}</p>;
  // Attachments are dropped on the page's own place for files.
  if (item.type === "attachment") return null;
  if (item.type === "group") {
    return (
      <fieldset className="card flat">
        <legend className="legend">{item.text}</legend>
        <Questions items={item.items} answers={answers} onChange={onChange} wrong={wrong} />
      </fieldset>
    );
  }
  const error = wrong.has(item.linkId) ? t("This needs an answer.") : undefined;
  if (item.type === "choice" && item.repeats) {
    return <Several item={item} values={values} set={set} error={error} />;
  }
  const shown = item.repeats ? [...values, ...(values.length === 0 ? [null] : [])] : [values[0] ?? null];
  return (
    <div className="stack tight">
      {shown.map((value, i) => (
        <One
          key={i}
          item={item}
          label={shown.length > 1 ? `${item.text} (${String(i + 1)})` : item.text}
          value={value}
          error={i === 0 ? error : undefined}
          set={(next) => set(shown.map((old, at) => (at === i ? next : old)))}
        />
      ))}
      {item.repeats ? (
        <div>
          <Button small kind="quiet" onClick={() => set([...shown, null])}>
            {t("One more")}
            <span className="sr-only"> {item.text}</span>
          </Button>
        </div>
      ) : null}
      {item.items.length > 0 ? <Questions items={item.items} answers={answers} onChange={onChange} wrong={wrong} /> : null}
    </div>
  );
}

function Several({ item, values, set, error }: { item: Item; values: readonly Value[]; set: (values: readonly Value[]) => void; error: string | undefined }) {
  const has = (option: Coding) => values.some((value) => typeof value === "object" && value?.code === option.code);
  return (
    <fieldset>
      <legend className="legend">{item.text}</legend>
      <div className="choices">
        {item.options.map((option) => (
          <Check
            key={option.code}
            label={option.display}
            checked={has(option)}
            onChange={(event) => set(event.target.checked ? [...values, option] : values.filter((value) => typeof value !== "object" || value?.code !== option.code))}
          />
        ))}
      </div>
      {error ? (
        <p className="hint" role="alert">
          {error}
        </p>
      ) : null}
    </fieldset>
  );
}

interface OneProps {
  item: Item;
  label: string;
  value: Value;
  error: string | undefined;
  set: (value: Value) => void;
}

function One({ item, label, value, error, set }: OneProps) {
  const t = useT();
  const name = item.required ? `${label} *` : label;
  const common = { label: name, error, required: item.required };
  const plain = typeof value === "string" || typeof value === "number" ? String(value) : "";
  switch (item.type) {
    case "boolean":
      return <Check label={name} checked={value === true} onChange={(event) => set(event.target.checked)} />;
    case "choice": {
      const code = typeof value === "object" && value !== null ? value.code : "";
      return (
        <Select {...common} value={code} onChange={(event) => set(item.options.find((option) => option.code === event.target.value) ?? null)}>
          <option value="">{t("Choose …")}</option>
          {item.options.map((option) => (
            <option key={option.code} value={option.code}>
              {option.display}
            </option>
          ))}
        </Select>
      );
    }
    case "text":
      return <TextArea {...common} value={plain} maxLength={20_000} onChange={(event) => set(event.target.value)} />;
    case "integer":
    case "decimal":
    case "quantity":
      return (
        <Field
          {...common}
          type="number"
          inputMode="decimal"
          step={item.type === "integer" ? 1 : "any"}
          min={item.least ?? undefined}
          max={item.most ?? undefined}
          hint={item.unit ?? undefined}
          value={plain}
          onChange={(event) => set(event.target.value === "" ? null : Number(event.target.value))}
        />
      );
    case "date":
      return <Field {...common} type="date" value={plain} onChange={(event) => set(event.target.value)} />;
    case "dateTime":
      return <Field {...common} type="datetime-local" value={plain} onChange={(event) => set(event.target.value)} />;
    default:
      return <Field {...common} value={plain} maxLength={2_000} onChange={(event) => set(event.target.value)} />;
  }
}
