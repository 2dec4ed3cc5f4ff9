/** A new report: choose the patient, fill in a template or drop an image in, preview, sign, send. */
import { useQuery } from "@tanstack/react-query";
import { ArrowLeft, Eye, Trash2 } from "lucide-react";
import { lazy, Suspense, useMemo, useRef, useState } from "react";
import { useLocation, useParams, useSearch } from "wouter";

import type { Hex, NewPart, PatientLine, Progress } from "../../../lib";
import { Badge, Button, ButtonLink, Empty, Facts, Fold, Notice, PageHead, Said, Skeleton } from "../../components/basics";
import { Choices, Field, FileDrop, Select, TextArea } from "../../components/form";
import { Problem } from "../../components/problem";
import { Questions } from "../../components/questions";
import { SignDialog } from "../../components/sign";
import { toast } from "../../components/toasts";
import { useOffers } from "../../data/features";
import { fullName, useFoundPatients, useName, usePatients, useRefresh } from "../../data/hooks";
import { heatmapBytes, type Reading, useReader } from "../../data/reading";
import { useSession } from "../../data/session";
import { documentBundle, type Report, sections } from "../../fhir/document";
import type { Found } from "../../fhir/identity";
import { type Answers, missing, readTemplates, type Template } from "../../fhir/questionnaire";
import { bytes as size, day, now, percent } from "../../format";
import { language, useT } from "../../i18n";
import { saveBlob } from "../../save";
import { pictureType } from "../../viewer/frame";
import { sendPrescriptionNote } from "./note";
import { MorePatients } from "./patients";

const Viewer = lazy(() => import("../../viewer"));
const MOST_FILES = 8;
/** Files that go along as they are and are never shown in the page: papers, and curves of an ECG. */
const PAPERS = /\.(pdf|scp|edf|csv)$/i;
const MOST_BYTES = 200_000_000;

interface Picture {
  id: string;
  name: string;
  bytes: Uint8Array;
  mediaType: string;
  reading: Reading | null;
  /** How the file's patient compares with the chosen one; nothing for PNG and JPEG, which name none. */
  found: Found | null;
  /** Why the author says that it is this patient's, where that is in doubt. */
  confirmed: string;
}

function useTemplates() {
  const session = useSession();
  const offered = useOffers("/api/v1/templates");
  return useQuery({
    queryKey: ["templates", language()],
    queryFn: async () => readTemplates(await session.json<unknown>("GET", "/api/v1/templates"), language()),
    enabled: offered === true,
    staleTime: Infinity,
  });
}

export default function ReportPage() {
  const t = useT();
  const { patient } = useParams<{ patient?: string }>();
  const corrects = new URLSearchParams(useSearch()).get("corrects");
  const patients = usePatients();
  // A node that does not answer for a while must not take away what was written.
  if (!patients.data) return patients.error ? <Problem error={patients.error} retry={() => void patients.refetch()} /> : <Skeleton lines={4} />;
  const line = patients.data.find((one) => one.patient === patient);
  if (!line) return <PickPatient />;
  return (
    <div className="stack loose narrow">
      <ButtonLink to="/report" kind="quiet" small>
        <ArrowLeft size={16} aria-hidden className="flip" /> {t("Another patient")}
      </ButtonLink>
      <Compose key={`${line.patient}${corrects ?? ""}`} line={line} corrects={corrects as Hex | null} />
    </div>
  );
}

function PickPatient() {
  const t = useT();
  const [, go] = useLocation();
  const [wanted, want] = useState("");
  const found = useFoundPatients(wanted);
  const nobody = found.data !== undefined && found.lines.length === 0;
  return (
    <div className="stack loose narrow">
      <PageHead title={t("For whom?")} lead={t("Choose the patient first; their data are filled in for you.")} />
      <Field label={t("Search by name, number or birth date")} type="search" value={wanted} onChange={(event) => want(event.target.value)} autoComplete="off" />
      {found.error ? <Problem error={found.error} retry={() => void found.refetch()} /> : null}
      {nobody && found.wanted === "" ? <Empty title={t("No patients yet")} action={<ButtonLink to="/enrol" kind="primary">{t("Enrol a patient")}</ButtonLink>} /> : null}
      {nobody && found.wanted !== "" ? <Empty title={t("Nobody found")} /> : null}
      <ul className="list">
        {found.lines.map((line) => (
          <li key={line.patient}>
            <Button onClick={() => go(`/report/${line.patient}`)} className="item">
              <span className="main" style={{ textAlign: "start" }}>
                <Said>{fullName(line)}</Said>
                <span className="muted small">
                  {" "}
                  {day(line.demographics.birth_date)} · <Said>{line.demographics.id}</Said>
                </span>
              </span>
            </Button>
          </li>
        ))}
      </ul>
      <MorePatients found={found} />
    </div>
  );
}

async function readPicture(file: File, patient: PatientLine): Promise<Picture> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const type = pictureType(bytes);
  const base = { id: crypto.randomUUID(), name: file.name, bytes, reading: null, confirmed: "" };
  if (type) return { ...base, mediaType: type, found: null };
  const { compareFile } = await import("../../fhir/identity");
  const found = compareFile(bytes, patient.demographics);
  if (!found) throw new TypeError("unknown");
  return { ...base, mediaType: "application/dicom", found };
}

function Compose({ line, corrects }: { line: PatientLine; corrects: Hex | null }) {
  const t = useT();
  const session = useSession();
  const sealed = useOffers("/api/v1/uploads/sealed");
  const readings = useOffers("/api/v1/readings");
  const templates = useTemplates();
  const author = useAuthorName();
  const [templateId, setTemplate] = useState("");
  const template = templates.data?.find((one) => one.id === templateId) ?? null;
  const [title, setTitle] = useState("");
  const [text, setText] = useState("");
  const [answers, setAnswers] = useState<Answers>({});
  const [pictures, setPictures] = useState<readonly Picture[]>([]);
  const [papers, setPapers] = useState<readonly File[]>([]);
  const [bodyPart, setBodyPart] = useState("");
  const [modality, setModality] = useState("DX");
  const [refused, setRefused] = useState<string | null>(null);
  const [tried, setTried] = useState(false);
  const lacking = missing(template?.items ?? [], answers);
  const wrong = new Set(tried ? lacking.map((item) => item.linkId) : []);
  const [previewing, preview] = useState(false);
  const [issuedAt] = useState(now);
  const blocked = pictures.find((picture) => isBlocked(picture));
  const confirmations = pictures.flatMap((picture, i) => confirmation(picture, i + 1));

  const take = async (files: File[]) => {
    setRefused(null);
    for (const file of files) {
      if (file.size > MOST_BYTES) {
        setRefused(t("“{{name}}” is larger than {{most}}.", { name: file.name, most: size(MOST_BYTES) }));
        continue;
      }
      if (sealed && PAPERS.test(file.name)) {
        setPapers((had) => [...had, file].slice(0, MOST_FILES));
        continue;
      }
      try {
        const picture = await readPicture(file, line);
        setPictures((had) => (had.length < (sealed ? MOST_FILES : 1) ? [...had, picture] : sealed ? had : [picture]));
        setTitle((had) => had || t("X-ray"));
      } catch {
        setRefused(t("“{{name}}” is neither DICOM, PNG nor JPEG.", { name: file.name }));
      }
    }
  };

  const report: Report = {
    title: title.trim(),
    patient: line.demographics,
    author: { wallet: session.address, name: author },
    institution: { wallet: session.card.institution, name: session.card.name },
    template,
    answers,
    text,
    confirmations,
    readings: pictures.map((picture) => picture.reading).filter((reading) => reading !== null),
    issuedAt,
    attachments: [...pictures.map((_, i) => (i === 0 ? t("the image") : t("image {{n}}", { n: i + 1 }))), ...papers.map((paper) => paper.name)],
  };
  const look = () => {
    setTried(true);
    if (lacking.length === 0 && title.trim()) preview(true);
    else if (!title.trim()) setRefused(t("Give the report a title."));
  };
  const choose = (id: string) => {
    setTemplate(id);
    setAnswers({});
    setTried(false);
    const chosen = templates.data?.find((one) => one.id === id);
    if (chosen) setTitle(chosen.title);
  };

  return (
    <>
      <PageHead
        title={corrects ? t("Correct a report") : t("New report")}
        lead={
          <>
            {t("For")} <Said>{fullName(line)}</Said>, {day(line.demographics.birth_date)}, <Said>{line.demographics.id}</Said>
          </>
        }
      />
      {corrects ? <Notice title={t("This becomes a new version")}>{t("The patient sees both, the earlier one stays readable.")}</Notice> : null}
      {sealed && templates.data && templates.data.length > 0 ? (
        <Choices
          legend={t("What kind of report?")}
          value={templateId}
          onPick={choose}
          options={[{ value: "", label: t("X-ray or free text"), hint: t("Images, and what you say of them.") }, ...templates.data.map((one) => ({ value: one.id, label: one.title, hint: one.description }))]}
        />
      ) : null}
      <Field label={t("Title")} value={title} maxLength={200} onChange={(event) => setTitle(event.target.value)} required />
      {template ? <Questions items={template.items} answers={answers} onChange={setAnswers} wrong={wrong} /> : null}
      <section className="stack" aria-labelledby="images">
        <h2 id="images">{t("Images")}</h2>
        {pictures.length === 0 || sealed ? (
          <FileDrop accept={sealed ? ".dcm,.dicom,.png,.jpg,.jpeg,.pdf,.scp,.edf,.csv" : ".dcm,.dicom,.png,.jpg,.jpeg"} multiple={sealed === true} label={t("Drop X-rays here")} hint={sealed ? t("DICOM, PNG or JPEG; papers and ECG files (PDF, SCP, EDF, CSV) go along, too") : t("DICOM, PNG or JPEG")} onFiles={(files) => void take(files)} />
        ) : null}
        {refused ? <Notice tone="bad" live title={refused} /> : null}
        {papers.map((paper) => (
          <div key={paper.name} className="row between">
            <p>
              <Said>{paper.name}</Said> <span className="muted small">{size(paper.size)}</span>
            </p>
            <Button small kind="quiet" onClick={() => setPapers((had) => had.filter((one) => one !== paper))}>
              <Trash2 size={16} aria-hidden /> {t("Take away")}
              <span className="sr-only"> {paper.name}</span>
            </Button>
          </div>
        ))}
        {pictures.map((picture, i) => (
          <PictureCard
            key={picture.id}
            picture={picture}
            number={i + 1}
            canRead={readings === true}
            patient={line}
            onConfirm={(confirmed) => setPictures((had) => had.map((one) => (one.id === picture.id ? { ...one, confirmed } : one)))}
            onRead={(reading) => setPictures((had) => had.map((one) => (one.id === picture.id ? { ...one, reading } : one)))}
            onRemove={() => setPictures((had) => had.filter((one) => one.id !== picture.id))}
          />
        ))}
        {pictures.some((picture) => picture.mediaType !== "application/dicom") && !sealed ? (
          <div className="form two">
            <Select label={t("How it was taken")} value={modality} onChange={(event) => setModality(event.target.value)}>
              <option value="DX">{t("Digital X-ray")}</option>
              <option value="CR">{t("Computed radiography")}</option>
              <option value="OT">{t("Other")}</option>
            </Select>
            <Field label={t("Body part")} value={bodyPart} maxLength={100} onChange={(event) => setBodyPart(event.target.value)} />
          </div>
        ) : null}
      </section>
      <TextArea label={t("Report")} value={text} maxLength={50_000} rows={8} onChange={(event) => setText(event.target.value)} />
      <div className="buttons end">
        <Button kind="primary" disabled={blocked !== undefined || (!sealed && pictures.length === 0)} onClick={look}>
          <Eye size={18} aria-hidden /> {t("Preview and sign")}
        </Button>
      </div>
      {previewing ? <Preview report={report} pictures={pictures} papers={papers} line={line} corrects={corrects} sealed={sealed === true} modality={modality} bodyPart={bodyPart} onClose={() => preview(false)} /> : null}
    </>
  );
}

function useAuthorName(): string {
  const session = useSession();
  const { data } = useQuery({ queryKey: ["directory", session.address], queryFn: () => session.directory(session.address), staleTime: 60_000 });
  return data?.name ?? session.account.name;
}

function isBlocked(picture: Picture): boolean {
  const verdict = picture.found?.verdict ?? "same";
  return verdict === "different" || (verdict === "look" && !picture.confirmed.trim());
}

/** What the author says of an image whose patient is in doubt, as it is signed into the record. */
function confirmation(picture: Picture, number: number): string[] {
  if (picture.found?.verdict !== "look" || !picture.confirmed.trim()) return [];
  return [`Image ${String(number)}: ${picture.found.words.join(", ")}. Confirmed by the author: ${picture.confirmed.trim()}`];
}

/** Both sides beside each other, and the author's word that they are one. */
function Confirm({ picture, patient, found, onConfirm }: { picture: Picture; patient: PatientLine; found: Found; onConfirm: (reason: string) => void }) {
  const t = useT();
  const chosen = patient.demographics;
  const rows = [
    [t("Name"), found.file.name, fullName(patient)],
    [t("Birth date"), found.file.birth_date, chosen.birth_date],
    [t("Number"), found.file.id, chosen.id],
    [t("Sex"), found.file.sex, chosen.sex],
  ];
  return (
    <Notice tone="warn" live title={t("Is this image of the chosen patient?")}>
      <p>{t("Found: {{words}}.", { words: found.words.join(", ") })}</p>
      <table>
        <thead>
          <tr>
            <th />
            <th>{t("The image says")}</th>
            <th>{t("Chosen")}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(([label, file, own]) => (
            <tr key={label}>
              <th>{label}</th>
              <td>
                <Said>{file || "–"}</Said>
              </td>
              <td>
                <Said>{own || "–"}</Said>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <Field label={t("Why it is this patient’s image")} hint={t("Your reason is signed into the record.")} value={picture.confirmed} onChange={(event) => onConfirm(event.target.value)} autoComplete="off" />
    </Notice>
  );
}

function PictureCard({ picture, patient, number, canRead, onRead, onConfirm, onRemove }: { picture: Picture; patient: PatientLine; number: number; canRead: boolean; onRead: (reading: Reading) => void; onConfirm: (reason: string) => void; onRemove: () => void }) {
  const t = useT();
  const heat = useMemo(() => heatmapBytes(picture.reading), [picture.reading]);
  return (
    <div className="stack tight">
      <div className="row between">
        <p>
          <span className="strong">{t("image {{n}}", { n: number })}</span> <Said>{picture.name}</Said> <span className="muted small">{size(picture.bytes.length)}</span>
        </p>
        <Button small kind="quiet" onClick={onRemove}>
          <Trash2 size={16} aria-hidden /> {t("Take away")}
        </Button>
      </div>
      {picture.found?.verdict === "different" ? (
        <Notice tone="bad" live title={t("This image says that it is of somebody else")}>
          <p>{t("Found: {{words}}. Choose the right patient or the right file.", { words: picture.found.words.join(", ") })}</p>
        </Notice>
      ) : null}
      {picture.found?.verdict === "look" ? <Confirm picture={picture} patient={patient} found={picture.found} onConfirm={onConfirm} /> : null}
      <Suspense fallback={<Skeleton lines={2} />}>
        <Viewer bytes={picture.bytes} label={t("image {{n}}", { n: number })} heatmap={heat} />
      </Suspense>
      {canRead && picture.found?.verdict !== "different" ? <ReadingPanel picture={picture} onRead={onRead} /> : null}
      {!canRead ? <p className="small muted">{t("This hospital's node offers no computer reading.")}</p> : null}
    </div>
  );
}

function ReadingPanel({ picture, onRead }: { picture: Picture; onRead: (reading: Reading) => void }) {
  const t = useT();
  const read = useReader();
  const [task, setTask] = useState("auto");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const ask = async () => {
    setBusy(true);
    setError(null);
    try {
      onRead(await read(new Blob([picture.bytes as BlobPart], { type: picture.mediaType }), task));
    } catch (failure) {
      setError(failure);
    }
    setBusy(false);
  };
  return (
    <div className="card flat stack">
      <div className="row">
        <Select label={t("Computer reading of")} value={task} onChange={(event) => setTask(event.target.value)}>
          <option value="auto">{t("whatever it shows")}</option>
          <option value="fracture">{t("broken bones")}</option>
          <option value="chest">{t("the chest")}</option>
        </Select>
        <Button busy={busy} onClick={() => void ask()}>
          {busy ? t("Reading …") : t("Read it")}
        </Button>
      </div>
      <p className="small muted">{t("For this the image goes to your hospital's own node, which reads it in memory and keeps nothing.")}</p>
      {error ? <Problem error={error} title={t("No reading")} /> : null}
      {picture.reading ? <ReadingWords reading={picture.reading} /> : null}
    </div>
  );
}

export function ReadingWords({ reading }: { reading: Reading }) {
  const t = useT();
  const sorted = [...reading.probabilities].sort((a, b) => b.p - a.p);
  return (
    <div className="stack tight" aria-live="polite">
      {reading.verdict ? <p className="strong">{reading.verdict}</p> : null}
      {reading.abstained ? (
        <Notice tone="warn" title={t("The model would rather not say")}>
          {reading.abstained}
        </Notice>
      ) : null}
      <p>{reading.certainty}</p>
      {reading.warnings.map((warning) => (
        <Notice key={warning} tone="warn" title={warning} />
      ))}
      <div className="bars">
        {sorted.slice(0, 8).map((one) => (
          <div key={one.label} className="bar-row">
            <span>{one.label}</span>
            <span className="bar" style={{ inlineSize: percent(one.p) }} aria-hidden />
            <span className="numeric">{percent(one.p)}</span>
          </div>
        ))}
      </div>
      <p className="small muted">
        {reading.model} · {reading.engine} · {Math.round(reading.milliseconds)} ms · {t("Decision support, not a diagnosis.")}
      </p>
      <Fold>
        <Facts
          rows={[
            [t("Model, SHA-256"), <span key="m" className="mono">{reading.model_sha256}</span>],
            reading.input_sha256 ? [t("Image, SHA-256"), <span key="i" className="mono">{reading.input_sha256}</span>] : null,
            [t("Threshold of the verdict"), typeof reading.threshold === "number" ? percent(reading.threshold) : t("None: the most likely class counts")],
          ]}
        />
      </Fold>
    </div>
  );
}

interface PreviewProps {
  report: Report;
  pictures: readonly Picture[];
  papers: readonly File[];
  line: PatientLine;
  corrects: Hex | null;
  sealed: boolean;
  modality: string;
  bodyPart: string;
  onClose: () => void;
}

function Preview({ report, pictures, papers, line, corrects, sealed, modality, bodyPart, onClose }: PreviewProps) {
  const t = useT();
  const session = useSession();
  const refresh = useRefresh();
  const letters = useOffers("/api/v1/letters");
  const [, go] = useLocation();
  const [progress, setProgress] = useState<Progress | null>(null);
  // The same key again makes a repeated try the same upload.
  const key = useRef(crypto.randomUUID());
  const me = useName(session.address);
  const verifyAt = `${location.origin}/verify`;
  const pdf = async () => (await import("../../pdf/report")).reportPdf(report, verifyAt);
  const send = async () => {
    const draft = sealed
      ? await session.staff.uploadSealed({ patient: line.patient, parts: partsOf(report, pictures, papers, await pdf()), ...(corrects ? { corrects } : {}) }, key.current, setProgress)
      : await session.staff.upload(plainUpload(report, pictures, line, corrects, modality, bodyPart), key.current, setProgress);
    await session.staff.sign(draft);
    if (letters && sealed) await sendPrescriptionNote(session, report, line);
    refresh();
    toast(`sent-${draft.record}`, "done", t("Sent to {{name}}", { name: fullName(line) }), t("It waits for the patient's answer."));
    go("/sent");
  };
  return (
    <SignDialog
      open
      onClose={onClose}
      title={t("Sign and send?")}
      what={sealed ? t("You sign this report as its author. It is sealed on this device for the patient and stored at several hospitals.") : t("You sign this report as its author. Your hospital's node seals it for the patient in memory and stores it at several hospitals.")}
      rows={[
        [t("To whom"), <Said key="n">{fullName(line)}</Said>],
        [t("Who signs"), me === t("you") ? report.author.name : me],
        [t("Then"), t("The patient takes it into the record or sends it back.")],
        [t("Cost"), t("Nothing now; the hospital pays when the patient approves.")],
      ]}
      confirm={t("Sign and send")}
      onConfirm={send}
    >
      <div className="sheet stack" aria-label={t("Preview")} role="region">
        <div>
          <p className="strong">
            <Said>{report.institution.name}</Said>
          </p>
          <h3>
            <Said>{report.title}</Said>
          </h3>
          <p className="small muted">
            <Said>{fullName(line)}</Said> · {day(line.demographics.birth_date)}
          </p>
        </div>
        {sections(report).map((section, i) => (
          <section key={i}>
            <h4>
              <Said>{section.title}</Said>
            </h4>
            {section.lines.map((words, at) => (
              <p key={at} dir="auto">
                {words}
              </p>
            ))}
          </section>
        ))}
        {pictures.length > 0 ? <Badge>{t("{{count}} images", { count: pictures.length })}</Badge> : null}
      </div>
      {sealed ? (
        <div>
          <Button small onClick={() => void pdf().then((blob) => saveBlob(blob, "report.pdf"))}>
            {t("Look at the PDF")}
          </Button>
        </div>
      ) : null}
      {progress ? (
        <label className="field">
          <span className="small">{t("Sealing and sending …")}</span>
          <progress max={Math.max(progress.total, 1)} value={progress.done} />
        </label>
      ) : null}
    </SignDialog>
  );
}

function plainUpload(report: Report, pictures: readonly Picture[], line: PatientLine, corrects: Hex | null, modality: string, bodyPart: string) {
  const [picture] = pictures;
  if (!picture) throw new Error("an image is needed");
  const dicom = picture.mediaType === "application/dicom";
  return {
    patient: line.patient,
    title: report.title,
    report: report.text,
    file: new Blob([picture.bytes as BlobPart], { type: picture.mediaType }),
    ...(dicom ? {} : { modality, bodyPart }),
    ...(corrects ? { corrects } : {}),
  };
}

function partsOf(report: Report, pictures: readonly Picture[], papers: readonly File[], pdf: Blob): readonly NewPart[] {
  const json = (value: unknown, type: string) => new Blob([JSON.stringify(value)], { type });
  const parts: NewPart[] = [{ name: "document", mediaType: "application/fhir+json", content: json(documentBundle(report), "application/fhir+json") }];
  pictures.forEach((picture, i) => {
    parts.push({ name: i === 0 ? "image" : `image-${String(i + 1)}`, mediaType: picture.mediaType, content: new Blob([picture.bytes as BlobPart]) });
  });
  const heat = heatmapBytes(pictures[0]?.reading);
  if (heat) parts.push({ name: "heatmap", mediaType: "image/png", content: new Blob([heat as BlobPart]) });
  const made = pictures.flatMap((picture) => (picture.reading ? [{ ...picture.reading, heatmap_png: null }] : []));
  if (made.length > 0) parts.push({ name: "reading", mediaType: "application/json", content: json(made, "application/json") });
  papers.forEach((paper, i) => {
    const mediaType = /\.pdf$/i.test(paper.name) ? "application/pdf" : "application/octet-stream";
    parts.push({ name: `file-${String(i + 1)}`, mediaType, content: paper });
  });
  parts.push({ name: "report.pdf", mediaType: "application/pdf", content: pdf });
  return parts;
}

export type { Template };
