/** Who did what with the patient's record; every line can be checked against the chain, here. */
import { useMutation, useQuery } from "@tanstack/react-query";
import { Ban, Eye, FileCheck2, Footprints, KeyRound, ShieldCheck } from "lucide-react";
import { useState } from "react";

import type { EntryCheck, TrailEntry } from "../../../lib";
import { Badge, Button, Empty, Fold, Hash, Notice, PageHead, Skeleton, Time } from "../../components/basics";
import { Select } from "../../components/form";
import { Problem } from "../../components/problem";
import { CALM_MS, useName, usePatientGrants, useRecords } from "../../data/hooks";
import { useSession } from "../../data/session";
import { number } from "../../format";
import { useT, type Words } from "../../i18n";
import { deedWords, refusalWords } from "../../words";

type Kind = "all" | "opens" | "refusals" | "mine";
const OPENS = new Set(["open", "serve"]);
const PAGE = 50;

const CONSENT = new Set(["grant", "revoke", "request", "receive"]);

function Sign({ deed }: { deed: string }) {
  const look = { size: 20, "aria-hidden": true } as const;
  if (OPENS.has(deed)) return <Eye {...look} />;
  if (deed === "refused") return <Ban {...look} />;
  return CONSENT.has(deed) ? <KeyRound {...look} /> : <FileCheck2 {...look} />;
}

function verdict(check: EntryCheck, t: Words): { tone: "good" | "warn" | "bad"; title: string; text: string } {
  switch (check.state) {
    case "proven":
      return {
        tone: "good",
        title: t("Proven"),
        text: t("This line is in the log of {{size}} entries whose seal stands on Ethereum. Your browser computed the proof; it asked Ethereum through this hospital's node.", { size: number(check.size) }),
      };
    case "signed":
      return { tone: "warn", title: t("Signed, not yet on chain"), text: t("The hospital has signed a log that holds this line. The next seal on Ethereum covers it.") };
    case "waiting":
      return { tone: "warn", title: t("Too new to be checked"), text: t("The hospital seals its log at fixed times. Check again in a few minutes.") };
    case "wrong":
      return { tone: "bad", title: t("The proof does not hold"), text: check.reason ?? t("What the hospital shows is not what it sealed. Tell an auditor.") };
  }
}

/** The patient's own name for what an entry is about, by its record or its grant. */
function useLabels(): (entry: TrailEntry) => string | null {
  const records = useRecords();
  const grants = usePatientGrants();
  return (entry) => {
    const controller = grants.data?.find((grant) => grant.grant === entry.grant)?.controller;
    const line = records.data?.find((one) => one.controller === controller || (entry.record !== null && one.view?.record === entry.record));
    return line && line.label !== "" ? line.label : null;
  };
}

function Line({ entry, what }: { entry: TrailEntry; what: string | null }) {
  const t = useT();
  const session = useSession();
  const who = useName(entry.actor);
  const where = useName(entry.institution);
  const check = useMutation({ mutationFn: () => session.patient.check(entry) });
  const shown = check.data ? verdict(check.data, t) : null;
  const capital = who.charAt(0).toLocaleUpperCase() + who.slice(1);
  return (
    <li className="item">
      <span className={entry.deed === "refused" ? "sign bad" : "sign plain"}>
        <Sign deed={entry.deed} />
      </span>
      <div className="main">
        <p className="title">{deedWords(entry.deed, capital, what)}</p>
        <p className="small muted">
          {entry.refusal ? `${refusalWords(entry.refusal)} · ` : ""}
          {where} · <Time at={entry.at} />
        </p>
      </div>
      <Button small busy={check.isPending} onClick={() => check.mutate()}>
        <ShieldCheck size={16} aria-hidden /> {t("Check it")}
      </Button>
      {check.error ? <Problem error={check.error} /> : null}
      {shown && check.data ? (
        <div style={{ flexBasis: "100%" }}>
          <Notice tone={shown.tone} title={shown.title} live>
            <p className="small">{shown.text}</p>
            <Fold>
              <p className="small">
                {t("Entry {{leaf}} of {{size}}", { leaf: entry.leaf, size: check.data.size })} · {t("Root")} <Hash value={check.data.root} />
                {check.data.anchor ? ` · ${t("Seal on chain of {{size}} entries", { size: number(check.data.anchor.size) })}` : ""}
              </p>
            </Fold>
          </Notice>
        </div>
      ) : null}
    </li>
  );
}

export default function ActivityPage() {
  const t = useT();
  const session = useSession();
  const trail = useQuery({ queryKey: ["trail"], queryFn: () => session.patient.trail(), refetchInterval: CALM_MS });
  const [kind, setKind] = useState<Kind>("all");
  const [most, setMost] = useState(PAGE);
  const labelOf = useLabels();
  const keep = (entry: TrailEntry): boolean => {
    if (kind === "opens") return OPENS.has(entry.deed) && entry.actor !== session.address;
    if (kind === "refusals") return entry.deed === "refused";
    if (kind === "mine") return entry.actor === session.address;
    return true;
  };
  const lines = [...(trail.data ?? [])].filter(keep).sort((a, b) => b.at - a.at || b.leaf - a.leaf);
  return (
    <div className="stack loose narrow">
      <PageHead title={t("What happened")} lead={t("Everybody who touched your record, and when. Nothing is served before it is written here.")}>
        <Badge tone="accent">{t("{{count}} entries", { count: trail.data?.length ?? 0 })}</Badge>
      </PageHead>
      <Select label={t("Show")} value={kind} onChange={(event) => setKind(event.target.value as Kind)}>
        <option value="all">{t("Everything")}</option>
        <option value="opens">{t("Others who looked")}</option>
        <option value="refusals">{t("Who was refused")}</option>
        <option value="mine">{t("What I did")}</option>
      </Select>
      {trail.error ? <Problem error={trail.error} retry={() => void trail.refetch()} /> : null}
      {trail.isPending ? <Skeleton /> : null}
      {trail.data && lines.length === 0 ? (
        <Empty title={t("Nothing here")} sign={<Footprints size={32} aria-hidden />}>
          {t("As soon as somebody does something with your record, it stands here.")}
        </Empty>
      ) : null}
      {lines.length > 0 ? (
        <ul className="list">
          {lines.slice(0, most).map((entry) => (
            <Line key={`${entry.institution}${entry.leaf}`} entry={entry} what={labelOf(entry)} />
          ))}
        </ul>
      ) : null}
      {lines.length > most ? <Button onClick={() => setMost(most + PAGE)}>{t("Show more")}</Button> : null}
    </div>
  );
}
