/** Signed in, and nothing here yet: become a patient, accept an invitation, or apply as a hospital. */
import { useQuery } from "@tanstack/react-query";
import { Copy } from "lucide-react";
import { lazy, Suspense, useEffect, useState } from "react";
import { useLocation } from "wouter";

import type { Wire } from "../../../lib";
import { Button, Fold, Notice, PageHead, Said, Skeleton, Time } from "../../components/basics";
import { Field, FileDrop } from "../../components/form";
import { Problem } from "../../components/problem";
import { SignDialog } from "../../components/sign";
import { toast } from "../../components/toasts";
import { useOffers } from "../../data/features";
import { FRESH_MS, useFollow } from "../../data/hooks";
import { useSignedIn } from "../../data/session";
import { bytes } from "../../format";
import { useT } from "../../i18n";
import { roleWords } from "../../words";

const Qr = lazy(() => import("../../components/qr"));

export default function WelcomePage() {
  const t = useT();
  const { session, who, refresh } = useSignedIn();
  const [, go] = useLocation();
  const invitation = useQuery({ queryKey: ["invitation"], queryFn: () => session.staff.invitation(), refetchInterval: FRESH_MS });
  const applications = useOffers("/api/v1/applications");
  // As soon as the hospital has enrolled or admitted this person, the app shows their pages.
  useEffect(() => {
    const timer = setInterval(() => void refresh().catch(() => undefined), FRESH_MS);
    return () => clearInterval(timer);
  }, [refresh]);
  const known = who.patient !== null || who.staff !== null || who.registrar || who.institution;
  useEffect(() => {
    if (known) go("/", { replace: true });
  }, [known, go]);
  return (
    <div className="stack loose narrow">
      <PageHead title={t("Welcome")} lead={t("Your key is ready. {{hospital}} does not know you yet.", { hospital: session.card.name })} />
      {invitation.data ? <Accept role={roleWords(invitation.data.role)} deadline={invitation.data.deadline} /> : null}
      <PatientCard />
      <section className="card stack" aria-labelledby="work">
        <h2 id="work">{t("I work here")}</h2>
        <p>{t("Give this address to whoever admits staff. Your invitation then appears on this page.")}</p>
        <CopyText text={session.address} label={t("Your address")} />
      </section>
      {applications ? <Apply /> : null}
    </div>
  );
}

export function CopyText({ text, label }: { text: string; label: string }) {
  const t = useT();
  const [copied, setCopied] = useState(false);
  return (
    <div className="row">
      <input className="input mono grow" readOnly aria-label={label} value={text} onFocus={(event) => event.target.select()} />
      <Button small onClick={() => void navigator.clipboard.writeText(text).then(() => setCopied(true))}>
        <Copy size={16} aria-hidden /> {copied ? t("Copied") : t("Copy")}
        <span className="sr-only"> {label}</span>
      </Button>
    </div>
  );
}

export function PatientCard() {
  const t = useT();
  const { session } = useSignedIn();
  // A wallet outside of the app opens a window for the card's signature: only when asked to, and once.
  const [asked, ask] = useState(session.account.wallet === "app");
  const card = useQuery({ queryKey: ["card"], queryFn: () => session.patient.card(), enabled: asked, staleTime: Infinity, retry: false, refetchOnWindowFocus: false });
  return (
    <section className="card stack" aria-labelledby="patient">
      <h2 id="patient">{t("I am a patient")}</h2>
      <p>{t("Show this card at the desk of the hospital, or send it. It holds your public key and no secret. When they have enrolled you, this page changes by itself.")}</p>
      {card.error ? <Problem error={card.error} retry={() => void card.refetch()} /> : null}
      {asked || card.data ? null : (
        <div className="buttons">
          <Button onClick={() => ask(true)}>{t("Make my card")}</Button>
        </div>
      )}
      {card.data ? (
        <>
          <Suspense fallback={<Skeleton lines={2} />}>
            <Qr text={card.data} label={t("Your patient card as a QR code")} />
          </Suspense>
          <CopyText text={card.data} label={t("Your patient card")} />
        </>
      ) : null}
    </section>
  );
}

function Accept({ role, deadline }: { role: string; deadline: number }) {
  const t = useT();
  const { session, refresh } = useSignedIn();
  const follow = useFollow();
  const [open, setOpen] = useState(false);
  const [name, setName] = useState(session.account.name);
  const accept = async () => {
    const view = await session.staff.acceptInvitation();
    const title = t("Joining {{hospital}}", { hospital: session.card.name });
    follow(view.act, title);
    await session.settled(view.act);
    await refresh();
    const key = await session.staff.stateKey(name.trim());
    if (key) follow(key.act, t("Publishing your key's fingerprint"));
    await refresh();
  };
  return (
    <section className="card stack" aria-labelledby="invited">
      <h2 id="invited">{t("You are invited")}</h2>
      <p>
        {t("{{hospital}} offers you the role: {{role}}.", { hospital: session.card.name, role })} {t("The offer ends")} <Time at={deadline} />.
      </p>
      <div className="buttons">
        <Button kind="primary" onClick={() => setOpen(true)}>
          {t("Accept the invitation")}
        </Button>
      </div>
      {open ? (
        <SignDialog
          open
          onClose={() => setOpen(false)}
          title={t("Join {{hospital}}?", { hospital: session.card.name })}
          what={t("Your role at this hospital is written on chain, and a fingerprint of your sealing key, so that nobody can exchange it: two signatures.")}
          rows={[
            [t("Role"), role],
            [t("Until when"), t("Until the hospital ends it")],
            [t("Cost"), t("{{hospital}} pays for you", { hospital: session.card.name })],
          ]}
          confirm={t("Join")}
          disabled={name.trim() === ""}
          onConfirm={accept}
        >
          <Field label={t("Your name, as patients see it")} value={name} maxLength={200} onChange={(event) => setName(event.target.value)} />
        </SignDialog>
      ) : null}
    </section>
  );
}

type Applied = Wire<"ApplicationView">;

const MOST = 5_000_000;
const TYPES = new Set(["application/pdf", "image/png", "image/jpeg"]);

async function base64(file: File): Promise<string> {
  const data = new Uint8Array(await file.arrayBuffer());
  let text = "";
  for (let at = 0; at < data.length; at += 8192) text += String.fromCodePoint(...data.subarray(at, at + 8192));
  return btoa(text);
}

function Apply() {
  const t = useT();
  const { session } = useSignedIn();
  const mine = useQuery({ queryKey: ["applications"], queryFn: () => session.json<readonly Applied[]>("GET", "/api/v1/applications"), refetchInterval: FRESH_MS, retry: false });
  const [name, setName] = useState("");
  const [url, setUrl] = useState("");
  const [files, setFiles] = useState<readonly File[]>([]);
  const [wrong, setWrong] = useState<string | null>(null);
  const [open, setOpen] = useState(false);
  const last = mine.data?.at(-1);
  const take = (chosen: File[]) => {
    const bad = chosen.find((file) => file.size > MOST || !TYPES.has(file.type));
    setWrong(bad ? t("“{{name}}” is no PDF, PNG or JPEG of at most {{most}}.", { name: bad.name, most: bytes(MOST) }) : null);
    setFiles([...files, ...chosen.filter((file) => file !== bad)].slice(0, 4));
  };
  const apply = async () => {
    const documents = await Promise.all(files.map(async (file) => ({ name: file.name, content: await base64(file) })));
    await session.json("POST", "/api/v1/applications", { institution: session.address, name: name.trim(), url: url.trim(), documents });
    await mine.refetch();
    toast("applied", "done", t("Sent to the registrar"));
  };
  return (
    <Fold label={t("I speak for a hospital")}>
      <section className="card stack" aria-labelledby="apply">
        <h2 id="apply">{t("Apply as a hospital")}</h2>
        {last ? (
          <Notice tone={last.stage === "refused" ? "bad" : "plain"} title={<Said>{last.name}</Said>}>
            <p>{{ open: t("Waits for the registrar"), admitted: t("Admitted"), refused: t("Refused") }[last.stage]}</p>
            {last.reason ? <Said prose>{last.reason}</Said> : null}
          </Notice>
        ) : null}
        <Field label={t("Name of the hospital")} value={name} maxLength={200} onChange={(event) => setName(event.target.value)} />
        <Field label={t("Where its node answers")} type="url" placeholder="https://" value={url} onChange={(event) => setUrl(event.target.value)} />
        <FileDrop multiple accept="application/pdf,image/png,image/jpeg" label={t("Licences and other credentials")} hint={t("PDF, PNG or JPEG, 5 MB each")} onFiles={take} />
        {wrong ? <Notice tone="bad" live title={wrong} /> : null}
        {files.map((file) => (
          <p key={file.name} className="small">
            <Said>{file.name}</Said> {bytes(file.size)}
          </p>
        ))}
        <div className="buttons">
          <Button kind="primary" disabled={name.trim() === "" || url.trim() === "" || files.length === 0} onClick={() => setOpen(true)}>
            {t("Apply")}
          </Button>
        </div>
        {open ? (
          <SignDialog
            open
            onClose={() => setOpen(false)}
            title={t("Apply as a hospital?")}
            what={t("The registrar reads your documents and admits the hospital on chain, or refuses with a reason.")}
            rows={[
              [t("Name"), <Said key="n">{name}</Said>],
              [t("Documents"), t("{{count}} files", { count: files.length })],
              [t("Cost"), t("Nothing")],
            ]}
            confirm={t("Send the application")}
            onConfirm={apply}
          />
        ) : null}
      </section>
    </Fold>
  );
}
