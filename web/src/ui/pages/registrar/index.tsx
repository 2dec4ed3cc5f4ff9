/** The registrar: hospitals that apply, and hospitals that are in. */
import { useQuery } from "@tanstack/react-query";
import { Building2, FileText } from "lucide-react";
import { useState } from "react";

import type { Hex, Wire } from "../../../lib";
import { Badge, Button, Empty, Facts, Fold, Notice, PageHead, Said, Skeleton, Time, type Tone } from "../../components/basics";
import { Field, TextArea } from "../../components/form";
import { Problem } from "../../components/problem";
import { SignDialog } from "../../components/sign";
import { toast } from "../../components/toasts";
import { useOffers } from "../../data/features";
import { CALM_MS, useFollow, useName, useRefresh } from "../../data/hooks";
import { useSession } from "../../data/session";
import { bytes } from "../../format";
import { useT } from "../../i18n";
import { saveBlob } from "../../save";
import { isAddress } from "../patient/share";

type Application = Wire<"ApplicationView", "institution">;

const PATH = "/api/v1/applications";

export default function HospitalsPage() {
  const t = useT();
  const session = useSession();
  const offered = useOffers(PATH);
  const applications = useQuery({ queryKey: ["applications"], queryFn: () => session.json<readonly Application[]>("GET", PATH), enabled: offered === true, refetchInterval: CALM_MS });
  const open = (applications.data ?? []).filter((one) => one.stage === "open");
  const done = (applications.data ?? []).filter((one) => one.stage !== "open");
  return (
    <div className="stack loose narrow">
      <PageHead title={t("Hospitals")} lead={t("You check who a hospital is; whom you admit stands on chain for everybody.")} />
      {applications.error ? <Problem error={applications.error} retry={() => void applications.refetch()} /> : null}
      {offered && applications.isPending ? <Skeleton /> : null}
      {applications.data && open.length === 0 ? (
        <Empty title={t("No application waits")} sign={<Building2 size={32} aria-hidden />}>
          {t("A hospital applies on this page after signing in with its own key.")}
        </Empty>
      ) : null}
      <ul className="list">
        {open.map((one) => (
          <ApplicationCard key={one.id} one={one} />
        ))}
      </ul>
      <ByAddress />
      {done.length > 0 ? (
        <section className="stack tight" aria-labelledby="done">
          <h2 id="done">{t("Decided")}</h2>
          <ul className="list">
            {done.map((one) => (
              <DecidedCard key={one.id} one={one} />
            ))}
          </ul>
        </section>
      ) : null}
    </div>
  );
}

const ENDINGS: Record<string, string> = { "application/pdf": "pdf", "image/png": "png", "image/jpeg": "jpg" };

function Documents({ one }: { one: Application }) {
  const t = useT();
  const session = useSession();
  const [error, setError] = useState<unknown>(null);
  // The name is ours: whatever the file was called elsewhere does not decide what is written here.
  const save = (number: number, type: string) =>
    session.bytes("GET", `${PATH}/${one.id}/documents/${String(number)}`).then((file) => saveBlob(file, `credential-${String(number + 1)}.${ENDINGS[type] ?? "bin"}`), setError);
  return (
    <div className="stack tight">
      <ul className="list">
        {one.documents.map((document, i) => (
          <li key={i} className="row">
            <FileText size={18} aria-hidden />
            <Said>{document.name}</Said> <span className="muted small">{bytes(document.size)}</span>
            <Button small kind="quiet" onClick={() => void save(i, document.media_type)}>
              {t("Download")}
              <span className="sr-only"> {document.name}</span>
            </Button>
          </li>
        ))}
      </ul>
      {error ? <Problem error={error} /> : null}
    </div>
  );
}

function ApplicationCard({ one }: { one: Application }) {
  const t = useT();
  const [asked, ask] = useState<"admit" | "refuse" | null>(null);
  return (
    <li className="card stack">
      <div className="row between">
        <h2>
          <Said>{one.name}</Said>
        </h2>
        <Badge tone="wait">{t("Waits for you")}</Badge>
      </div>
      <Facts
        rows={[
          [t("Address on the web"), <Said key="u">{one.url}</Said>],
          [t("Wallet"), <span key="w" className="mono">{one.institution}</span>],
          [t("Applied"), <Time key="t" at={one.at} />],
        ]}
      />
      <Documents one={one} />
      <div className="buttons">
        <Button kind="primary" onClick={() => ask("admit")}>
          {t("Admit")}
        </Button>
        <Button kind="danger" onClick={() => ask("refuse")}>
          {t("Refuse")}
        </Button>
      </div>
      {asked ? <DecisionDialog one={one} admit={asked === "admit"} onClose={() => ask(null)} /> : null}
    </li>
  );
}

function DecisionDialog({ one, admit, onClose }: { one: Application; admit: boolean; onClose: () => void }) {
  const t = useT();
  const session = useSession();
  const follow = useFollow();
  const refresh = useRefresh();
  const [reason, setReason] = useState("");
  const decide = async () => {
    if (admit) {
      const act = await session.registrar.setInstitution(one.institution, true);
      follow(act.act, t("Admitting {{name}}", { name: one.name }));
    }
    await session.json("POST", `${PATH}/${one.id}/decision`, { admit, ...(reason.trim() ? { reason: reason.trim() } : {}) });
    refresh();
    if (!admit) toast(one.id, "done", t("Refused"));
  };
  return (
    <SignDialog
      open
      danger={!admit}
      onClose={onClose}
      title={admit ? t("Admit {{name}}?", { name: one.name }) : t("Refuse {{name}}?", { name: one.name })}
      what={admit ? t("From the next block on this hospital can admit staff, enrol patients and keep copies for others.") : t("The hospital is told your reason. Nothing is written on chain.")}
      rows={[
        [t("Who"), <Said key="n">{one.name}</Said>],
        [t("Wallet"), <span key="w" className="mono">{one.institution}</span>],
        [t("Until when"), admit ? t("Until you suspend it") : "–"],
      ]}
      confirm={admit ? t("Admit") : t("Refuse")}
      disabled={!admit && reason.trim() === ""}
      onConfirm={decide}
    >
      {admit ? null : <TextArea label={t("Reason")} value={reason} maxLength={2000} onChange={(event) => setReason(event.target.value)} />}
    </SignDialog>
  );
}

function DecidedCard({ one }: { one: Application }) {
  const t = useT();
  const [tone, words]: [Tone, string] = one.stage === "refused" ? ["bad", t("Refused")] : one.active ? ["good", t("Admitted")] : ["warn", t("Admitted, not active")];
  return (
    <li className="item">
      <div className="main">
        <p className="title">
          <Said>{one.name}</Said>
        </p>
        {one.reason ? <Said prose>{one.reason}</Said> : null}
        <Fold>
          <p className="mono small">{one.institution}</p>
        </Fold>
      </div>
      <Badge tone={tone}>{words}</Badge>
    </li>
  );
}

/** Admit or suspend by the wallet alone, for hospitals that applied on paper. */
function ByAddress() {
  const t = useT();
  const session = useSession();
  const follow = useFollow();
  const [text, setText] = useState("");
  const [open, setOpen] = useState(false);
  const wallet = isAddress(text) ? (text.trim().toLowerCase() as Hex) : null;
  const name = useName(wallet);
  const known = useQuery({ queryKey: ["status", wallet], queryFn: () => (wallet ? session.directory(wallet) : null), enabled: wallet !== null, refetchInterval: CALM_MS });
  const active = known.data?.activeInstitution === true;
  const act = async () => {
    if (!wallet) return;
    const view = await session.registrar.setInstitution(wallet, !active);
    follow(view.act, active ? t("Suspending a hospital") : t("Admitting a hospital"));
  };
  return (
    <section className="card stack" aria-labelledby="by-address">
      <h2 id="by-address">{t("Look a hospital up")}</h2>
      <Field label={t("Wallet of the hospital")} value={text} onChange={(event) => setText(event.target.value)} error={text !== "" && !wallet ? t("An address begins with 0x and has 42 characters.") : undefined} autoComplete="off" spellCheck={false} />
      {known.data ? (
        <div className="row between">
          <Badge tone={active ? "good" : "plain"}>{active ? t("Active hospital") : t("No active hospital")}</Badge>
          <Button kind={active ? "danger" : "primary"} onClick={() => setOpen(true)}>
            {active ? t("Suspend it") : t("Admit it")}
          </Button>
        </div>
      ) : null}
      {active ? <Notice tone="warn" title={t("To suspend a hospital stops its whole staff")}>{t("Patients keep their records; other hospitals keep their copies.")}</Notice> : null}
      {open && wallet ? (
        <SignDialog
          open
          danger={active}
          onClose={() => setOpen(false)}
          title={active ? t("Suspend this hospital?") : t("Admit this hospital?")}
          what={active ? t("From the next block on nobody serves its staff anything.") : t("From the next block on this hospital can admit staff, enrol patients and keep copies for others.")}
          rows={[
            [t("Who"), name],
            [t("Wallet"), <span key="w" className="mono">{wallet}</span>],
          ]}
          confirm={active ? t("Suspend it") : t("Admit it")}
          onConfirm={act}
        />
      ) : null}
    </section>
  );
}
