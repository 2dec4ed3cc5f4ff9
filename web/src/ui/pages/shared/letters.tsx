/** Consultations and answers: sealed letters between a patient and a doctor. */
import { MessageSquare, Send } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { Link, useLocation, useParams } from "wouter";

import type { Hex } from "../../../lib";
import { Badge, Button, ButtonLink, Empty, PageHead, Said, Skeleton, Time } from "../../components/basics";
import { Check, Field, Select, TextArea } from "../../components/form";
import { Problem } from "../../components/problem";
import { SignDialog } from "../../components/sign";
import { toast } from "../../components/toasts";
import { type Letter, sendLetter, useLetters, useLetterText } from "../../data/letters";
import { useName, useRecords, useRefresh } from "../../data/hooks";
import { useSignedIn } from "../../data/session";
import { useStaffDirectory } from "../../data/staff";
import { readTrustNote } from "../../data/trust";
import { now } from "../../format";
import { say, useT } from "../../i18n";
import { readNote } from "../doctor/prescriptions";
import { isAddress } from "../patient/share";

const MONTH = 30 * 86_400;

function threads(letters: readonly Letter[]): readonly (readonly Letter[])[] {
  const groups = new Map<string, Letter[]>();
  for (const letter of letters) groups.set(letter.thread, [...(groups.get(letter.thread) ?? []), letter]);
  const sorted = [...groups.values()].map((group) => group.sort((a, b) => a.at - b.at));
  const newest = (group: readonly Letter[]) => group.at(-1)?.at ?? 0;
  return sorted.sort((a, b) => newest(b) - newest(a));
}

export default function LettersPage() {
  const { thread } = useParams<{ thread?: string }>();
  return thread ? <Thread id={thread} /> : <Overview />;
}

function Overview() {
  const t = useT();
  const { who } = useSignedIn();
  const letters = useLetters();
  const [writing, write] = useState(false);
  const groups = threads(letters.data ?? []);
  return (
    <div className="stack loose narrow">
      <PageHead title={t("Messages")} lead={t("Only you and the other person can read them.")}>
        {who.patient !== null ? (
          <Button kind="primary" onClick={() => write(true)}>
            <MessageSquare size={18} aria-hidden /> {t("Ask a doctor")}
          </Button>
        ) : null}
      </PageHead>
      {letters.error ? <Problem error={letters.error} retry={() => void letters.refetch()} /> : null}
      {letters.isPending ? <Skeleton /> : null}
      {letters.data?.length === 0 ? (
        <Empty title={t("No messages yet")} sign={<MessageSquare size={32} aria-hidden />}>
          {who.patient !== null ? t("Ask a doctor a question; you can send records along.") : t("When a patient asks you something, it stands here.")}
        </Empty>
      ) : null}
      <ul className="list">
        {groups.map((group) => (
          <ThreadRow key={(group[0] as Letter).thread} group={group} />
        ))}
      </ul>
      {writing ? <WriteDialog onClose={() => write(false)} /> : null}
    </div>
  );
}

function shown(text: string): string {
  const trust = readTrustNote(text);
  if (trust) return say("{{name}} trusts you: in an emergency you may open what was shared. It stands under “In an emergency”.", { name: trust.name });
  const note = readNote(text);
  return note ? [note.title, ...note.lines].join("\n") : text;
}

function ThreadRow({ group }: { group: readonly Letter[] }) {
  const t = useT();
  const { session } = useSignedIn();
  const last = group.at(-1) as Letter;
  const other = last.from === session.address ? last.to : last.from;
  const name = useName(other);
  const text = useLetterText(last);
  const fresh = last.to === session.address && !last.seen_at;
  return (
    <li>
      <Link href={`/letters/${last.thread}`} className="item">
        <span className="main">
          <span className="title">{name}</span>
          <br />
          <span className="muted small">
            <Said>{shown(text.data ?? "…").slice(0, 120)}</Said>
          </span>
        </span>
        {fresh ? <Badge tone="accent">{t("New")}</Badge> : null}
        <Time at={last.at} />
      </Link>
    </li>
  );
}

function OneLetter({ letter }: { letter: Letter }) {
  const t = useT();
  const name = useName(letter.from);
  const text = useLetterText(letter);
  return (
    <li className="card stack tight">
      <p className="small muted">
        <span className="strong">{name}</span> · <Time at={letter.at} />
      </p>
      {text.error ? <Problem error={text.error} /> : <Said prose>{shown(text.data ?? "…")}</Said>}
      {letter.grants.map((grant) => (
        <div key={grant}>
          <ButtonLink to={`/shared/${grant}`} small>
            {t("Open what was sent along")}
          </ButtonLink>
        </div>
      ))}
    </li>
  );
}

function Thread({ id }: { id: string }) {
  const t = useT();
  const { session, who } = useSignedIn();
  const letters = useLetters();
  const refresh = useRefresh();
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const group = threads(letters.data ?? []).find((one) => one.some((letter) => letter.thread === id)) ?? [];
  const last = group.at(-1);
  const other = last ? (last.from === session.address ? last.to : last.from) : null;
  const name = useName(other);
  const unseen = last && last.to === session.address && !last.seen_at ? last.id : null;
  useEffect(() => {
    if (unseen) void session.json("POST", `/api/v1/letters/${unseen}/seen`).then(refresh, () => undefined);
  }, [unseen, session, refresh]);
  if (letters.isPending) return <Skeleton lines={4} />;
  if (!last || !other) return <Empty title={t("No such conversation")} action={<ButtonLink to="/letters">{t("Messages")}</ButtonLink>} />;
  const send = async () => {
    setBusy(true);
    setError(null);
    try {
      await sendLetter(session, other, who.patient !== null ? "question" : "answer", text.trim(), last.thread);
      setText("");
      refresh();
    } catch (failure) {
      setError(failure);
    }
    setBusy(false);
  };
  return (
    <div className="stack loose narrow">
      <PageHead title={name} lead={t("Only you and the other person can read this.")}>
        {who.staff?.role === "doctor" ? <ButtonLink to="/report">{t("Write a prescription")}</ButtonLink> : null}
      </PageHead>
      <ol className="list">
        {group.map((letter) => (
          <OneLetter key={letter.id} letter={letter} />
        ))}
      </ol>
      <TextArea label={t("Your answer")} value={text} maxLength={10_000} onChange={(event) => setText(event.target.value)} />
      {error ? <Problem error={error} /> : null}
      <div className="buttons end">
        <Button kind="primary" busy={busy} disabled={text.trim() === ""} onClick={() => void send()}>
          <Send size={18} aria-hidden /> {t("Send")}
        </Button>
      </div>
    </div>
  );
}

function WriteDialog({ onClose }: { onClose: () => void }) {
  const t = useT();
  const { session } = useSignedIn();
  const refresh = useRefresh();
  const [, go] = useLocation();
  const staff = useStaffDirectory().filter((person) => person.role === "doctor");
  const records = useRecords();
  const live = (records.data ?? []).filter((line) => !line.erased && line.view?.stage === "committed");
  const [to, setTo] = useState("");
  const [text, setText] = useState("");
  const [chosen, choose] = useState<readonly Hex[]>([]);
  const wallet = isAddress(to) ? (to.trim().toLowerCase() as Hex) : null;
  const name = useName(wallet);
  // What was given before a try that failed is not given twice.
  const given = useRef(new Map<string, Hex>());
  const send = async () => {
    if (!wallet) return;
    const grants: Hex[] = [];
    for (const line of live.filter((one) => chosen.includes(one.controller))) {
      if (!line.view) continue;
      const key = `${wallet}/${line.controller}`;
      const before = given.current.get(key);
      if (before) {
        grants.push(before);
        continue;
      }
      const opened = await session.patient.open(line.view);
      const grant = await session.patient.grant({ to: wallet, controller: line.controller, parts: opened.parts.map((part) => part.name), purpose: "TREAT", until: now() + MONTH });
      given.current.set(key, grant.grant);
      grants.push(grant.grant);
    }
    await sendLetter(session, wallet, "consultation", text.trim(), null, grants);
    refresh();
    toast("letter", "done", t("Sent to {{name}}", { name }));
    go("/letters");
  };
  return (
    <SignDialog
      open
      onClose={onClose}
      title={t("Ask a doctor")}
      what={chosen.length > 0 ? t("Your question is sealed for this doctor alone. The records you choose can be opened for 30 days; you can take that back.") : t("Your question is sealed for this doctor alone.")}
      rows={[
        [t("To whom"), wallet ? name : "–"],
        [t("Sent along"), chosen.length > 0 ? t("{{count}} records", { count: chosen.length }) : t("Nothing")],
      ]}
      confirm={t("Send")}
      disabled={!wallet || text.trim() === ""}
      onConfirm={send}
    >
      {staff.length > 0 ? (
        <Select label={t("Doctor")} value={staff.some((person) => person.wallet === to) ? to : ""} onChange={(event) => setTo(event.target.value)}>
          <option value="">{t("Choose …")}</option>
          {staff.map((person) => (
            <option key={person.wallet} value={person.wallet}>
              {person.name}
            </option>
          ))}
        </Select>
      ) : null}
      <Field label={staff.length > 0 ? t("or the address of somebody elsewhere") : t("Address of the doctor")} value={to} onChange={(event) => setTo(event.target.value)} autoComplete="off" spellCheck={false} />
      <TextArea label={t("Your question")} value={text} maxLength={10_000} onChange={(event) => setText(event.target.value)} />
      {live.length > 0 ? (
        <fieldset>
          <legend className="legend">{t("Send along")}</legend>
          {live.map((line) => (
            <Check key={line.controller} label={line.label} checked={chosen.includes(line.controller)} onChange={(event) => choose(event.target.checked ? [...chosen, line.controller] : chosen.filter((one) => one !== line.controller))} />
          ))}
        </fieldset>
      ) : null}
    </SignDialog>
  );
}
