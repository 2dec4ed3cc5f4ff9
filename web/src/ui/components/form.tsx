/** Fields with their label, hint and error tied to them. */
import { Upload } from "lucide-react";
import {
  type ChangeEvent,
  type InputHTMLAttributes,
  type ReactNode,
  type SelectHTMLAttributes,
  type TextareaHTMLAttributes,
  useId,
  useRef,
  useState,
} from "react";

import { useT } from "../i18n";
import { Button } from "./basics";

interface Frame {
  label: ReactNode;
  hint?: ReactNode;
  error?: string | undefined;
}

function useFrame({ hint, error }: Frame) {
  const id = useId();
  const described = [hint ? `${id}-hint` : "", error ? `${id}-error` : ""].filter(Boolean).join(" ");
  const aria = {
    id,
    "aria-invalid": error ? true : undefined,
    "aria-describedby": described || undefined,
  } as const;
  return { id, aria };
}

function Around({ id, frame, children }: { id: string; frame: Frame; children: ReactNode }) {
  return (
    <div className="field">
      <label htmlFor={id}>{frame.label}</label>
      {children}
      {frame.hint ? (
        <p className="hint" id={`${id}-hint`}>
          {frame.hint}
        </p>
      ) : null}
      {frame.error ? (
        <p className="error" id={`${id}-error`} role="alert">
          {frame.error}
        </p>
      ) : null}
    </div>
  );
}

export function Field({ label, hint, error, ...rest }: Frame & InputHTMLAttributes<HTMLInputElement>) {
  const frame = { label, hint, error };
  const { id, aria } = useFrame(frame);
  return (
    <Around id={id} frame={frame}>
      <input dir="auto" {...rest} {...aria} className="input" />
    </Around>
  );
}

export function TextArea({ label, hint, error, ...rest }: Frame & TextareaHTMLAttributes<HTMLTextAreaElement>) {
  const frame = { label, hint, error };
  const { id, aria } = useFrame(frame);
  return (
    <Around id={id} frame={frame}>
      <textarea dir="auto" {...rest} {...aria} className="input" />
    </Around>
  );
}

export function Select({ label, hint, error, children, ...rest }: Frame & SelectHTMLAttributes<HTMLSelectElement>) {
  const frame = { label, hint, error };
  const { id, aria } = useFrame(frame);
  return (
    <Around id={id} frame={frame}>
      <select {...rest} {...aria} className="input">
        {children}
      </select>
    </Around>
  );
}

export function Check({ label, ...rest }: { label: ReactNode } & InputHTMLAttributes<HTMLInputElement>) {
  return (
    <label className="check">
      <input type="checkbox" {...rest} />
      <span>{label}</span>
    </label>
  );
}

export interface Option<V extends string> {
  value: V;
  label: ReactNode;
  hint?: ReactNode;
}

/** One of a few, each with its words. */
export function Choices<V extends string>({ legend, options, value, onPick }: { legend: string; options: readonly Option<V>[]; value: V; onPick: (value: V) => void }) {
  const name = useId();
  return (
    <fieldset>
      <legend className="legend">{legend}</legend>
      <div className="choices">
        {options.map((option) => (
          <label key={option.value} className="choice">
            <input type="radio" name={name} value={option.value} checked={option.value === value} onChange={() => onPick(option.value)} />
            <span>
              <strong>{option.label}</strong>
              {option.hint ? <span className="hint">{option.hint}</span> : null}
            </span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

/** A place to drop files on, with a button for those who do not drag. */
export function FileDrop({ accept, multiple, label, hint, onFiles }: { accept: string; multiple?: boolean; label: string; hint?: string; onFiles: (files: File[]) => void }) {
  const t = useT();
  const input = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  const take = (list: FileList | null) => {
    const files = [...(list ?? [])];
    if (files.length > 0) onFiles(multiple ? files : files.slice(0, 1));
  };
  const picked = (event: ChangeEvent<HTMLInputElement>) => {
    take(event.target.files);
    // The same file can be picked again after it was taken away.
    event.target.value = "";
  };
  return (
    <div
      className={over ? "drop over" : "drop"}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        take(event.dataTransfer.files);
      }}
    >
      <Upload aria-hidden />
      <p className="strong">{label}</p>
      {hint ? <p className="small">{hint}</p> : null}
      <Button onClick={() => input.current?.click()}>{t("Choose files")}</Button>
      <input ref={input} type="file" accept={accept} multiple={multiple} onChange={picked} className="sr-only" tabIndex={-1} aria-label={label} />
    </div>
  );
}
