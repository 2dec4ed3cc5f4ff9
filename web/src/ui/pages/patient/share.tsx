/** Share a record: with a person who has keys, or with a guest by link. */
import { useQuery } from "@tanstack/react-query";
import { Copy } from "lucide-react";
import { lazy, Suspense, useRef, useState } from "react";

import type { Hex, OpenedRecord, RecordLine } from "../../../lib";
import { Button, Notice, Said } from "../../components/basics";
import { Check, Choices, Field, Select } from "../../components/form";
import { Dialog } from "../../components/overlay";
import { SignDialog } from "../../components/sign";
import { useOffers } from "../../data/features";
import { useFollow, useName, useRefresh } from "../../data/hooks";
import { useStaffDirectory } from "../../data/staff";
import { useSession } from "../../data/session";
import { now, shortTime } from "../../format";
import { useT } from "../../i18n";
import { partsWords, partWords } from "../../words";
import { CostRow } from "./cost";

const WithRole = lazy(() => import("./share-role"));

const DAY = 86_400;
export const SPANS = { "1": DAY, "7": 7 * DAY, "30": 30 * DAY, "365": 365 * DAY } as const;
export type Span = keyof typeof SPANS;

export function isAddress(text: string): text is Hex {
  return /^0x[0-9a-f]{40}$/i.test(text.trim());
}

export function PartChoice({ names, chosen, onChange }: { names: readonly string[]; chosen: readonly string[]; onChange: (names: string[]) => void }) {
  const t = useT();
  return (
    <fieldset>
      <legend className="legend">{t("Which parts")}</legend>
      {names.map((name) => (
        <Check
          key={name}
          label={partWords(name)}
          checked={chosen.includes(name)}
          onChange={(event) => onChange(event.target.checked ? [...chosen, name] : chosen.filter((other) => other !== name))}
        />
      ))}
    </fieldset>
  );
}

export function SpanChoice({ span, onPick }: { span: Span; onPick: (span: Span) => void }) {
  const t = useT();
  return (
    <Select label={t("For how long")} value={span} onChange={(event) => onPick(event.target.value as Span)} hint={t("until {{when}}", { when: shortTime(now() + SPANS[span]) })}>
      <option value="1">{t("One day")}</option>
      <option value="7">{t("One week")}</option>
      <option value="30">{t("30 days")}</option>
      <option value="365">{t("One year")}</option>
    </Select>
  );
}

export function ShareDialog({ line, opened, onClose }: { line: RecordLine; opened: OpenedRecord; onClose: () => void }) {
  const t = useT();
  const links = useOffers("/api/v1/links");
  const roles = useOffers("/api/v1/staff");
  const [how, setHow] = useState<"person" | "role" | "link">("person");
  const [made, setMade] = useState<string | null>(null);
  if (made !== null) return <Made url={made} onClose={onClose} />;
  const pick = links || roles ? (
    <Choices
      legend={t("With whom")}
      value={how}
      onPick={setHow}
      options={[
        { value: "person", label: t("A doctor"), hint: t("somebody with a Stele key") },
        ...(roles ? [{ value: "role" as const, label: t("All who hold a role"), hint: t("the nurses of a hospital, or its researchers") }] : []),
        ...(links ? [{ value: "link" as const, label: t("A guest, by link"), hint: t("anybody with an e-mail address") }] : []),
      ]}
    />
  ) : null;
  if (how === "role") {
    return (
      <Suspense fallback={null}>
        <WithRole line={line} opened={opened} onClose={onClose}>
          {pick}
        </WithRole>
      </Suspense>
    );
  }
  return how === "link" && links ? (
    <ByLink line={line} opened={opened} onClose={onClose} onMade={setMade}>
      {pick}
    </ByLink>
  ) : (
    <WithPerson line={line} opened={opened} onClose={onClose}>
      {pick}
    </WithPerson>
  );
}

export interface Way {
  line: RecordLine;
  opened: OpenedRecord;
  onClose: () => void;
  children: React.ReactNode;
}

function WithPerson({ line, opened, onClose, children }: Way) {
  const t = useT();
  const session = useSession();
  const follow = useFollow();
  const staff = useStaffDirectory();
  const names = opened.parts.map((part) => part.name);
  const [parts, setParts] = useState(names);
  const [span, setSpan] = useState<Span>("30");
  const [to, setTo] = useState("");
  const wallet = isAddress(to) ? (to.trim().toLowerCase() as Hex) : null;
  const name = useName(wallet);
  const known = useQuery({ queryKey: ["directory", wallet], queryFn: () => (wallet ? session.directory(wallet) : null), enabled: wallet !== null });
  const wrong = to !== "" && wallet === null ? t("An address begins with 0x and has 42 characters.") : known.data && !known.data.hasKey ? t("This person has no key here yet.") : undefined;
  const share = async () => {
    if (!wallet) return;
    const grant = await session.patient.grant({ to: wallet, controller: line.controller, parts, purpose: "TREAT", until: now() + SPANS[span] });
    follow(grant.act, t("Sharing “{{label}}” with {{name}}", { label: line.label, name }));
  };
  return (
    <SignDialog
      open
      onClose={onClose}
      title={t("Share “{{label}}”", { label: line.label })}
      what={wallet ? t("{{name}} can open these parts until the day you choose. You see every opening, and can take it back at any time.", { name }) : t("Choose who may open it, which parts, and for how long. You can take it back at any time.")}
      rows={[
        [t("To whom"), wallet ? <Said key="n">{name}</Said> : "–"],
        [t("What"), parts.length > 0 ? partsWords(parts) : "–"],
        [t("Until when"), shortTime(now() + SPANS[span])],
        [t("Cost"), <CostRow key="c" act="grant" />],
      ]}
      confirm={t("Share")}
      disabled={!wallet || parts.length === 0 || wrong !== undefined}
      onConfirm={share}
    >
      {children}
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
      <Field label={staff.length > 0 ? t("or the address of somebody elsewhere") : t("Address of the doctor")} hint={t("The doctor finds it under “Me” and can send it to you.")} value={to} onChange={(event) => setTo(event.target.value)} error={wrong} autoComplete="off" spellCheck={false} />
      <PartChoice names={names} chosen={parts} onChange={setParts} />
      <SpanChoice span={span} onPick={setSpan} />
    </SignDialog>
  );
}

function ByLink({ line, opened, onClose, onMade, children }: Way & { onMade: (url: string) => void }) {
  const t = useT();
  const session = useSession();
  const refresh = useRefresh();
  const names = opened.parts.map((part) => part.name);
  const [parts, setParts] = useState(names);
  const [span, setSpan] = useState<Span>("7");
  const [email, setEmail] = useState("");
  const [views, setViews] = useState("3");
  // Once the link is there it is shown in this dialog's place, not closed with it.
  const ready = useRef(false);
  const valid = /^[^@\s]+@[^@\s]+$/.test(email.trim());
  const share = async () => {
    const made = await session.patient.share({ controller: line.controller, parts, purpose: "PATRQT", email: email.trim(), views: Number(views), until: now() + SPANS[span] });
    refresh();
    ready.current = true;
    onMade(made.url);
  };
  return (
    <SignDialog
      open
      onClose={() => {
        if (!ready.current) onClose();
      }}
      title={t("Share “{{label}}”", { label: line.label })}
      what={t("You get a link to send. Whoever opens it needs the code that goes to the e-mail address, too. The key is in the link and no server sees it.")}
      rows={[
        [t("To whom"), email.trim() || "–"],
        [t("What"), parts.length > 0 ? partsWords(parts) : "–"],
        [t("Until when"), t("{{when}}, at most {{count}} views", { when: shortTime(now() + SPANS[span]), count: Number(views) })],
        [t("Cost"), <CostRow key="c" act="grant" />],
      ]}
      confirm={t("Make the link")}
      disabled={!valid || parts.length === 0}
      onConfirm={share}
    >
      {children}
      <Field label={t("E-mail of the guest")} type="email" value={email} onChange={(event) => setEmail(event.target.value)} autoComplete="off" />
      <Select label={t("How many views")} value={views} onChange={(event) => setViews(event.target.value)}>
        {["1", "3", "10", "50"].map((count) => (
          <option key={count}>{count}</option>
        ))}
      </Select>
      <PartChoice names={names} chosen={parts} onChange={setParts} />
      <SpanChoice span={span} onPick={setSpan} />
    </SignDialog>
  );
}

function Made({ url, onClose }: { url: string; onClose: () => void }) {
  const t = useT();
  const [copied, setCopied] = useState(false);
  return (
    <Dialog open onClose={onClose} title={t("The link is ready")}>
      <p>{t("Send it to your guest. It stands here once: whoever has the link and the code from the e-mail can open the record.")}</p>
      <textarea className="input mono" readOnly value={url} aria-label={t("Link")} rows={4} onFocus={(event) => event.target.select()} />
      {copied ? <Notice tone="good" live title={t("Copied")} /> : null}
      <div className="buttons end">
        <Button onClick={onClose}>{t("Done")}</Button>
        <Button kind="primary" onClick={() => void navigator.clipboard.writeText(url).then(() => setCopied(true))}>
          <Copy size={18} aria-hidden /> {t("Copy the link")}
        </Button>
      </div>
    </Dialog>
  );
}
