/** A record's words and parts, for whoever may read it: patient, doctor or guest. */
import { useQuery } from "@tanstack/react-query";
import { Download, FileText, Image as ImageIcon } from "lucide-react";
import { lazy, Suspense, useState } from "react";

import type { DocumentText, OpenedGrant, OpenedRecord, PartInfo } from "../../../lib";
import { Button, Facts, Fold, Said, Skeleton } from "../../components/basics";
import { Problem } from "../../components/problem";
import { useDocument } from "../../data/hooks";
import { bytes as size } from "../../format";
import { useT } from "../../i18n";
import { saveBlob } from "../../save";
import { partWords } from "../../words";

const Viewer = lazy(() => import("../../viewer"));
const Answers = lazy(() => import("./answers"));

type Readable = Pick<OpenedRecord | OpenedGrant, "document" | "part" | "parts">;

export function isPicture(part: PartInfo): boolean {
  return /^(image\/(png|jpeg)|application\/dicom)$/.test(part.mediaType) && part.name !== "heatmap";
}

function usePart(id: string, opened: Readable, name: string | undefined) {
  return useQuery({
    queryKey: ["part", id, name],
    queryFn: async () => new Uint8Array(await (await opened.part(name ?? "")).arrayBuffer()),
    enabled: name !== undefined,
    staleTime: Infinity,
    gcTime: 60_000,
    retry: false,
  });
}

export function Words({ text }: { text: DocumentText }) {
  return (
    <article className="stack">
      {text.sections.map((section, i) => (
        <section key={i} className="stack tight">
          <h2>
            <Said>{section.title}</Said>
          </h2>
          <Said prose>{section.text}</Said>
        </section>
      ))}
    </article>
  );
}

/** The pictures of a record, one at a time. */
export function Pictures({ id, opened, label }: { id: string; opened: Readable; label: string }) {
  const pictures = opened.parts.filter(isPicture);
  const [chosen, choose] = useState(0);
  const part = pictures[chosen];
  const heat = opened.parts.some((other) => other.name === "heatmap") && chosen === 0 ? "heatmap" : undefined;
  const picture = usePart(id, opened, part?.name);
  const heatmap = usePart(id, opened, heat);
  if (!part) return null;
  return (
    <div className="stack tight">
      {pictures.length > 1 ? (
        <div className="buttons">
          {pictures.map((other, i) => (
            <Button key={other.name} small aria-pressed={i === chosen} kind={i === chosen ? "primary" : ""} onClick={() => choose(i)}>
              {partWords(other.name)}
            </Button>
          ))}
        </div>
      ) : null}
      {picture.error ? <Problem error={picture.error} /> : null}
      {picture.data ? (
        <Suspense fallback={<Skeleton lines={2} />}>
          <Viewer bytes={picture.data} label={label} heatmap={heatmap.data} />
        </Suspense>
      ) : picture.isPending ? (
        <Skeleton lines={2} />
      ) : null}
    </div>
  );
}

function Parts({ opened }: { opened: Readable }) {
  const t = useT();
  const [error, setError] = useState<unknown>(null);
  const save = async (part: PartInfo) => {
    setError(null);
    try {
      saveBlob(await opened.part(part.name), fileName(part));
    } catch (failure) {
      setError(failure);
    }
  };
  return (
    <div className="stack tight">
      <ul className="list">
        {opened.parts.map((part) => (
          <li key={part.name} className="row between">
            <span className="row">
              {isPicture(part) ? <ImageIcon size={18} aria-hidden /> : <FileText size={18} aria-hidden />}
              <span>
                {partWords(part.name)} <span className="muted small">{size(part.size)}</span>
              </span>
            </span>
            <Button small kind="quiet" onClick={() => void save(part)}>
              <Download size={16} aria-hidden /> {t("Download")}
              <span className="sr-only"> {partWords(part.name)}</span>
            </Button>
          </li>
        ))}
      </ul>
      {error ? <Problem error={error} /> : null}
    </div>
  );
}

const ENDINGS: Record<string, string> = {
  "application/fhir+json": "json",
  "application/json": "json",
  "application/dicom": "dcm",
  "application/pdf": "pdf",
  "image/png": "png",
  "image/jpeg": "jpg",
};

/** A name of ours: whatever the file was called elsewhere does not decide what is written here. */
function fileName(part: PartInfo): string {
  const plain = part.name.replaceAll(/[^a-z0-9-]/gi, "-").slice(0, 60);
  return `${plain}.${ENDINGS[part.mediaType] ?? "bin"}`;
}

/** The name in the document's Patient resource. */
function patientName(bundle: unknown): string {
  const entries = (bundle as { entry?: { resource?: { resourceType?: string; name?: { family?: string; given?: string[] }[] } }[] } | null)?.entry;
  const name = Array.isArray(entries) ? entries.find((entry) => entry.resource?.resourceType === "Patient")?.resource?.name?.[0] : undefined;
  return [...(Array.isArray(name?.given) ? name.given : []), name?.family].filter((word) => typeof word === "string").join(" ");
}

/** All of it. */
export function RecordBody({ id, opened }: { id: string; opened: Readable }) {
  const t = useT();
  const hasDocument = opened.parts.some((part) => part.name === "document");
  const document = useDocument([id], hasDocument ? opened : undefined);
  return (
    <div className="stack loose">
      {document.error ? <Problem error={document.error} /> : null}
      <Pictures id={id} opened={opened} label={document.data?.text.title ?? t("Picture of the record")} />
      {document.data ? (
        <div className="sheet stack">
          <Facts
            rows={[
              [t("Patient"), <Said key="p">{patientName(document.data.bundle) || document.data.text.patient}</Said>],
              [t("Written by"), <Said key="a">{document.data.text.author}</Said>],
              [t("Hospital"), <Said key="h">{document.data.text.institution}</Said>],
            ]}
          />
          <Words text={document.data.text} />
          <Suspense fallback={null}>
            <Answers bundle={document.data.bundle} />
          </Suspense>
        </div>
      ) : hasDocument && document.isPending ? (
        <Skeleton lines={4} />
      ) : null}
      <Fold label={t("Files ({{count}})", { count: opened.parts.length })}>
        <Parts opened={opened} />
      </Fold>
    </div>
  );
}
