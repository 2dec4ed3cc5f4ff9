/** The patient's record: a timeline, and one entry of it. */
import { useQuery } from "@tanstack/react-query";
import { ArrowLeft, FolderHeart, Share2, Trash2 } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { useLocation, useParams } from "wouter";

import type { ActView, RecordLine, VersionView } from "../../../lib";
import { Badge, Button, ButtonLink, Empty, Fold, Hash, Notice, PageHead, Said, Skeleton, Time, type Tone } from "../../components/basics";
import { Check, Select } from "../../components/form";
import { Problem } from "../../components/problem";
import { SignDialog } from "../../components/sign";
import { useAct } from "../../data/acts";
import { useFollow, useName, useOpened, useRecords } from "../../data/hooks";
import { useSession } from "../../data/session";
import { shortTime } from "../../format";
import { useT, type Words } from "../../i18n";
import { saveBlob } from "../../save";
import { RecordBody } from "../shared/document";
import { CostRow } from "./cost";
import { ShareDialog } from "./share";

const Carry = lazy(() => import("./carry"));

/** What a commit that is not on chain waits for. */
function underwayWords(act: ActView | null | undefined, t: Words): string {
  if (act?.waiting) return t("Waits for a cheap hour");
  return act?.progress === "own_wallet" ? t("Waits for your own wallet") : t("Being sealed");
}

function stageBadge(line: RecordLine, act: ActView | null | undefined, t: Words): { tone: Tone; words: string } {
  if (line.erased) return { tone: "plain", words: t("Erased") };
  switch (line.view?.stage) {
    case "committed":
      return { tone: "good", words: t("Sealed on chain") };
    case "committing":
      return { tone: "wait", words: underwayWords(act, t) };
    case undefined:
      return { tone: "plain", words: t("Kept elsewhere") };
    default:
      return { tone: "plain", words: t("Waiting") };
  }
}

function Entry({ line }: { line: RecordLine }) {
  const t = useT();
  const hospital = useName(line.institution);
  const act = useAct(line.view?.stage === "committing" ? line.view.act : null);
  const { tone, words } = stageBadge(line, act.data, t);
  const inside = (
    <>
      <span className="main">
        <span className="title">
          {line.erased ? t("An erased record") : <Said>{line.label}</Said>}
        </span>
        <br />
        <span className="muted small">
          {hospital} · <Time at={line.addedAt} />
          {line.versions > 1 ? ` · ${t("{{count}} versions", { count: line.versions })}` : ""}
        </span>
      </span>
      <Badge tone={tone}>{words}</Badge>
    </>
  );
  return (
    <li>
      {line.erased ? (
        <div className="item">{inside}</div>
      ) : (
        <ButtonlessLink to={`/record/${line.controller}`}>{inside}</ButtonlessLink>
      )}
    </li>
  );
}

function ButtonlessLink({ to, children }: { to: string; children: React.ReactNode }) {
  const [, go] = useLocation();
  return (
    <a
      href={to}
      className="item"
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey) return;
        event.preventDefault();
        go(to);
      }}
    >
      {children}
    </a>
  );
}

export function RecordPage() {
  const t = useT();
  const records = useRecords();
  const lines = [...(records.data ?? [])].sort((a, b) => b.addedAt - a.addedAt);
  return (
    <div className="stack loose narrow">
      <PageHead title={t("My record")} lead={t("Everything you took in, newest first. Only you hold the keys.")} />
      {records.error ? <Problem error={records.error} retry={() => void records.refetch()} /> : null}
      {records.isPending ? <Skeleton /> : null}
      {records.data?.length === 0 ? (
        <Empty
          title={t("Your record is empty")}
          sign={<FolderHeart size={32} aria-hidden />}
          action={
            <ButtonLink to="/inbox" kind="primary">
              {t("Look into the inbox")}
            </ButtonLink>
          }
        >
          {t("Reports that you approve in the inbox stand here, on a timeline.")}
        </Empty>
      ) : null}
      {lines.length > 0 ? (
        <ol className="timeline">
          {lines.map((line) => (
            <Entry key={line.controller} line={line} />
          ))}
        </ol>
      ) : null}
    </div>
  );
}

export function OneRecordPage() {
  const t = useT();
  const { controller } = useParams<{ controller: string }>();
  const session = useSession();
  const records = useRecords();
  const line = records.data?.find((entry) => entry.controller === controller);
  const history = useQuery({
    queryKey: ["history", controller, line?.versions],
    queryFn: () => (line ? session.patient.history(line) : []),
    enabled: line !== undefined,
  });
  const [picked, pick] = useState<number | null>(null);
  const view: VersionView | null = history.data?.find((version) => version.version === picked) ?? line?.view ?? null;
  const underway = useAct(view?.stage === "committing" ? view.act : null);
  const opened = useOpened(line?.erased ? null : view);
  const author = useName(view?.author);
  const [asked, ask] = useState<"share" | "erase" | null>(null);
  if (records.isPending) return <Skeleton lines={4} />;
  if (!line) {
    return (
      <Empty title={t("No such record")} action={<ButtonLink to="/record">{t("My record")}</ButtonLink>}>
        {t("It is not in your record, or it was erased.")}
      </Empty>
    );
  }
  const proof = async () => {
    if (opened.data) saveBlob(await session.patient.proof(line, opened.data.parts.map((part) => part.name)), "record.proof");
  };
  return (
    <div className="stack loose">
      <ButtonLink to="/record" kind="quiet" small>
        <ArrowLeft size={16} aria-hidden className="flip" /> {t("My record")}
      </ButtonLink>
      <PageHead
        title={line.erased ? t("An erased record") : <Said>{line.label}</Said>}
        lead={
          view ? (
            <>
              {author} · <Time at={view.createdAt} />
            </>
          ) : null
        }
      >
        {line.erased ? null : (
          <>
            <Button kind="danger" onClick={() => ask("erase")}>
              <Trash2 size={18} aria-hidden /> {t("Erase")}
            </Button>
            <Button kind="primary" onClick={() => ask("share")} disabled={!opened.data || view?.stage !== "committed"}>
              <Share2 size={18} aria-hidden /> {t("Share")}
            </Button>
          </>
        )}
      </PageHead>
      {(history.data?.length ?? 0) > 1 ? (
        <Select label={t("Version")} value={view?.version ?? ""} onChange={(event) => pick(Number(event.target.value))}>
          {history.data?.map((version) => (
            <option key={version.version} value={version.version}>
              {t("Version {{n}}, {{when}}", { n: version.version, when: shortTime(version.createdAt) })}
            </option>
          ))}
        </Select>
      ) : null}
      {line.erased ? <Notice title={t("This record was erased")}>{t("Its keys are gone. What stands on chain says nothing without them.")}</Notice> : null}
      {view === null && !line.erased ? <Notice title={t("This hospital does not keep it")}>{t("Sign in at the hospital that made it to read it.")}</Notice> : null}
      {opened.error ? <Problem error={opened.error} retry={() => void opened.refetch()} /> : null}
      {view?.stage === "committing" && view.act !== null ? (
        <Suspense fallback={null}>
          <Carry act={view.act} title={t("Adding “{{label}}” to your record", { label: line.label })} />
        </Suspense>
      ) : null}
      {opened.data && view ? (
        <>
          <div className="row">
            <Badge tone="good">{t("Signed by {{author}}, and unchanged since", { author })}</Badge>
            {view.stage === "committed" ? <Badge tone="good">{t("Sealed on chain")}</Badge> : <Badge tone="wait">{underwayWords(underway.data, t)}</Badge>}
          </div>
          <RecordBody id={`${view.record}/${String(view.version)}`} opened={opened.data} />
          <Fold>
            <div className="stack tight small">
              <p>
                {t("Controller")} <span className="mono">{line.controller}</span>
              </p>
              <p>
                {t("Commitment")} <Hash value={view.commitment} />
              </p>
              <div>
                <Button small onClick={() => void proof()}>
                  {t("Save a proof that anyone can verify")}
                </Button>
              </div>
            </div>
          </Fold>
        </>
      ) : opened.isLoading ? (
        <Skeleton lines={4} label={t("Fetching and opening on this device")} />
      ) : null}
      {asked === "share" && opened.data ? <ShareDialog line={line} opened={opened.data} onClose={() => ask(null)} /> : null}
      {asked === "erase" ? <EraseDialog line={line} onClose={() => ask(null)} /> : null}
    </div>
  );
}

function EraseDialog({ line, onClose }: { line: RecordLine; onClose: () => void }) {
  const t = useT();
  const session = useSession();
  const follow = useFollow();
  const [, go] = useLocation();
  const [sure, setSure] = useState(false);
  const erase = async () => {
    const done = await session.patient.erase(line);
    follow(done.act, t("Erasing “{{label}}”", { label: line.label }));
    go("/record");
  };
  return (
    <SignDialog
      open
      danger
      onClose={onClose}
      title={t("Erase this record for good?")}
      what={t("Its keys are destroyed on this device and every hospital deletes its copies and signs that it did. Nobody can bring it back, not even you. The hospital that made it may have to keep its own file by law.")}
      rows={[
        [t("What"), <Said key="w">{line.label}</Said>],
        [t("Who loses access"), t("Everybody you shared it with, and you")],
        [t("Cost"), <CostRow key="c" act="erase" />],
      ]}
      confirm={t("Erase for good")}
      disabled={!sure}
      onConfirm={erase}
    >
      <Check label={t("I understand that this cannot be undone")} checked={sure} onChange={(event) => setSure(event.target.checked)} />
    </SignDialog>
  );
}
