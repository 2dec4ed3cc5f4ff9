/** Help in an emergency: whom a patient trusts, and who trusts the reader. */
import { HeartHandshake, UserRoundPlus } from "lucide-react";
import { useState } from "react";

import { type NewTrusted, type OnProgress, RELATIONS, type TrustedDone, type TrustedLine } from "../../../lib";
import { Badge, Button, ButtonLink, Empty, Fold, Notice, PageHead, Said, Skeleton, Time } from "../../components/basics";
import { Check, Field, Select } from "../../components/form";
import { Problem } from "../../components/problem";
import { SignDialog } from "../../components/sign";
import { costOf, useCosts } from "../../data/fees";
import { useFollow, useName, useRecords, useRefresh } from "../../data/hooks";
import { useSession, useSignedIn } from "../../data/session";
import { ALL, type Kind, kindsOf, partsOf, type Truster, useTrusted, useTrusters, walletIn } from "../../data/trust";
import { now, shortTime } from "../../format";
import { useT } from "../../i18n";
import { partsWords, relationWords } from "../../words";
import { priceWords } from "../patient/cost";

const DAY = 86_400;
export default function TrustedPage() {
  const t = useT();
  const { who } = useSignedIn();
  return (
    <div className="stack loose narrow">
      <PageHead title={t("In an emergency")} lead={t("People who may open a record without asking first. Each opening is written down, and its patient is told.")} />
      {who.patient !== null ? <Mine /> : null}
      <Others />
    </div>
  );
}

function Mine() {
  const t = useT();
  const people = useTrusted();
  const [asked, ask] = useState<TrustedLine | "new" | null>(null);
  return (
    <section className="stack tight" aria-labelledby="mine">
      <div className="row between">
        <h2 id="mine">{t("People I trust")}</h2>
        <Button kind="primary" onClick={() => ask("new")}>
          <UserRoundPlus size={18} aria-hidden /> {t("Name somebody")}
        </Button>
      </div>
      {people.error ? <Problem error={people.error} retry={() => void people.refetch()} /> : null}
      {people.isPending ? <Skeleton lines={2} /> : null}
      {people.data?.length === 0 ? (
        <Empty title={t("Nobody yet")} sign={<HeartHandshake size={32} aria-hidden />}>
          {t("Name your spouse, a parent, a friend or a carer: they can show a doctor your record when you cannot.")}
        </Empty>
      ) : null}
      {people.data && people.data.length > 0 ? (
        <ul className="list">
          {people.data.map((person) => (
            <Person key={person.wallet} person={person} onChange={() => ask(person)} />
          ))}
        </ul>
      ) : null}
      {asked === null ? null : <NameDialog known={asked === "new" ? null : asked} onClose={() => ask(null)} />}
    </section>
  );
}

/** Follows the acts of a round under one title. */
function useRound(): (done: TrustedDone, title: string) => void {
  const follow = useFollow();
  const refresh = useRefresh();
  return (done, title) => {
    refresh();
    done.acts.forEach((act, i) => follow(act, done.acts.length > 1 ? `${title} (${String(i + 1)}/${String(done.acts.length)})` : title));
  };
}

function Person({ person, onChange }: { person: TrustedLine; onChange: () => void }) {
  const t = useT();
  const [asked, ask] = useState<"remove" | "extend" | null>(null);
  const over = person.until <= now();
  return (
    <li className="item">
      <span className={over ? "sign plain" : "sign"}>
        <HeartHandshake size={20} aria-hidden />
      </span>
      <div className="main stack tight">
        <p className="title">
          <Said>{person.name}</Said> <span className="muted">· {relationWords(person.relation)}</span>
        </p>
        <p className="small">
          {t("may open {{count}} records", { count: person.grants.length })}: {person.parts.length === 0 ? t("all parts") : kindsOf(person.parts).map((kind) => kindWords(kind, t)).join(", ")}
        </p>
        <p className="small muted">
          {over ? t("ended") : t("ends")} <Time at={person.until} /> · {person.later ? t("later records too") : t("only records of that time")}
        </p>
        {person.lacking.length > 0 && !over ? (
          <Notice tone="wait" title={t("{{count}} records are not open to this person yet", { count: person.lacking.length })}>
            <div>
              <Button small onClick={() => ask("extend")}>
                {t("Add them")}
                <span className="sr-only"> {person.name}</span>
              </Button>
            </div>
          </Notice>
        ) : null}
        <Fold>
          <p className="small mono">{person.wallet}</p>
        </Fold>
      </div>
      {over ? <Badge>{t("Ended")}</Badge> : null}
      <div className="buttons">
        <Button small onClick={onChange}>
          {t("Change")}
          <span className="sr-only"> {person.name}</span>
        </Button>
        <Button small kind="danger" onClick={() => ask("remove")}>
          {t("Take back")}
          <span className="sr-only"> {person.name}</span>
        </Button>
      </div>
      {asked === "remove" ? <RemoveDialog person={person} onClose={() => ask(null)} /> : null}
      {asked === "extend" ? <ExtendDialog person={person} onClose={() => ask(null)} /> : null}
    </li>
  );
}

function kindWords(kind: Kind, t: ReturnType<typeof useT>): string {
  return { reports: t("the reports"), images: t("the images"), files: t("other files") }[kind];
}

function Cost({ act, count }: { act: "grant" | "revoke"; count: number }) {
  const t = useT();
  const { data } = useCosts();
  const wei = costOf(data, act);
  if (count === 0) return <>{t("Nothing")}</>;
  if (wei === null) return <>{t("This hospital's node does not say; you pay nothing")}</>;
  return (
    <>
      <span className="price">{priceWords(data, wei * count)}</span> <span className="muted">{t("now")}</span>
    </>
  );
}

/** How far a round of signatures is. */
function useSteps(): { words: string | null; step: OnProgress } {
  const t = useT();
  const [at, setAt] = useState<{ done: number; total: number } | null>(null);
  return {
    words: at ? t("{{done}} of {{total}} sent", { done: at.done, total: at.total }) : null,
    step: ({ done, total }) => setAt({ done, total }),
  };
}

const YEAR = 365;
const SPANS = [30, YEAR, 5 * YEAR] as const;

function NameDialog({ known, onClose }: { known: TrustedLine | null; onClose: () => void }) {
  const t = useT();
  const session = useSession();
  const round = useRound();
  const records = useRecords();
  const { words, step } = useSteps();
  const [name, setName] = useState(known?.name ?? "");
  const [relation, setRelation] = useState(known?.relation ?? "SPS");
  const [address, setAddress] = useState<string>(known?.wallet ?? "");
  const [kinds, setKinds] = useState(known ? kindsOf(known.parts) : ALL);
  const [days, setDays] = useState<number>(YEAR);
  const [later, setLater] = useState(known?.later ?? true);
  const wallet = walletIn(address);
  const count = (records.data ?? []).filter((line) => !line.erased && line.view?.stage === "committed").length;
  const until = now() + days * DAY;
  const own = wallet === session.address;
  const wrong = address === "" ? undefined : wallet === null ? t("An address begins with 0x and has 42 characters.") : own ? t("This is your own address.") : undefined;
  const trust = async () => {
    if (!wallet) return;
    const person: NewTrusted = { wallet, name: name.trim(), relation, parts: partsOf(kinds), until, later };
    round(await session.patient.trust(person, step), t("Trusting {{name}}", { name: person.name }));
  };
  return (
    <SignDialog
      open
      onClose={onClose}
      title={known ? t("Change what {{name}} may open?", { name: known.name }) : t("Name somebody you trust")}
      what={t("This person can open the parts you choose at any time, without asking you. You see every opening at once, and can take it back.")}
      rows={[
        [t("To whom"), name.trim() ? <Said key="n">{name.trim()}</Said> : "–"],
        [t("What"), kinds.length === ALL.length ? t("all parts of {{count}} records", { count }) : `${kinds.map((kind) => kindWords(kind, t)).join(", ") || "–"} · ${t("{{count}} records", { count })}`],
        [t("Until when"), shortTime(until)],
        [t("Cost"), <Cost key="c" act="grant" count={count} />],
      ]}
      confirm={known ? t("Change it") : t("Trust this person")}
      disabled={wallet === null || own || name.trim() === "" || kinds.length === 0 || !records.data}
      onConfirm={trust}
    >
      <Field label={t("Name")} hint={t("Only you see this name.")} value={name} maxLength={200} onChange={(event) => setName(event.target.value)} autoComplete="off" />
      <Select label={t("Who is it?")} value={relation} onChange={(event) => setRelation(event.target.value)}>
        {(RELATIONS as readonly string[]).includes(relation) ? null : <option value={relation}>{relation}</option>}
        {RELATIONS.map((code) => (
          <option key={code} value={code}>
            {relationWords(code)}
          </option>
        ))}
      </Select>
      {known ? null : (
        <Field
          label={t("Their address, or the text of their code")}
          hint={t("It stands under “Me” once they have signed in here.")}
          value={address}
          onChange={(event) => setAddress(event.target.value)}
          error={wrong}
          autoComplete="off"
          spellCheck={false}
        />
      )}
      <fieldset>
        <legend className="legend">{t("Which parts")}</legend>
        {ALL.map((kind) => (
          <Check
            key={kind}
            label={kindWords(kind, t)}
            checked={kinds.includes(kind)}
            onChange={(event) => setKinds(event.target.checked ? ALL.filter((one) => one === kind || kinds.includes(one)) : kinds.filter((one) => one !== kind))}
          />
        ))}
      </fieldset>
      <Select label={t("For how long")} value={days} onChange={(event) => setDays(Number(event.target.value))} hint={t("until {{when}}", { when: shortTime(until) })}>
        {SPANS.map((span) => (
          <option key={span} value={span}>
            {span === 30 ? t("30 days") : span === YEAR ? t("One year") : t("Five years")}
          </option>
        ))}
      </Select>
      <Check label={t("Also records that I take in later, without asking me each time")} checked={later} onChange={(event) => setLater(event.target.checked)} />
      <p role="status" className="small muted">
        {words}
      </p>
    </SignDialog>
  );
}

function ExtendDialog({ person, onClose }: { person: TrustedLine; onClose: () => void }) {
  const t = useT();
  const session = useSession();
  const round = useRound();
  const { words, step } = useSteps();
  const count = person.lacking.length;
  return (
    <SignDialog
      open
      onClose={onClose}
      title={t("Open them to your trusted people?")}
      what={t("Everybody on your list gets what you chose for them, until the day you chose.")}
      rows={[[t("Cost"), <Cost key="c" act="grant" count={count} />]]}
      confirm={t("Add them")}
      onConfirm={async () => round(await session.patient.extendTrusted(step), t("Adding records for your trusted people"))}
    >
      <p role="status" className="small muted">
        {words}
      </p>
    </SignDialog>
  );
}

function RemoveDialog({ person, onClose }: { person: TrustedLine; onClose: () => void }) {
  const t = useT();
  const session = useSession();
  const round = useRound();
  const { words, step } = useSteps();
  const { name } = person;
  return (
    <SignDialog
      open
      danger
      onClose={onClose}
      title={t("Take trust back?")}
      what={t("{{name}} can open nothing of yours any more, and leaves your list. What they have seen or copied already cannot be made unseen.", { name })}
      rows={[
        [t("From whom"), <Said key="n">{name}</Said>],
        [t("What"), t("{{count}} records", { count: person.grants.length })],
        [t("From when"), t("At once")],
        [t("Cost"), <Cost key="c" act="revoke" count={person.grants.length} />],
      ]}
      confirm={t("Take it back")}
      onConfirm={async () => round(await session.patient.distrust(person.wallet, step), t("Taking back access of {{who}}", { who: name }))}
    >
      <p role="status" className="small muted">
        {words}
      </p>
    </SignDialog>
  );
}

function Others() {
  const t = useT();
  const found = useTrusters();
  return (
    <section className="stack tight" aria-labelledby="others">
      <h2 id="others">{t("Who trusts me")}</h2>
      {found.error ? <Problem error={found.error} retry={() => void found.refetch()} /> : null}
      {found.isPending ? <Skeleton lines={2} /> : null}
      {found.data && found.people.length === 0 ? <p className="muted">{t("Nobody has named you at this hospital. Give your address to whoever wants to: it stands under “Me”.")}</p> : null}
      {found.people.length > 0 ? (
        <ul className="list">
          {found.people.map((one) => (
            <OneTruster key={one.key} one={one} />
          ))}
        </ul>
      ) : null}
    </section>
  );
}

function OneTruster({ one }: { one: Truster }) {
  const t = useT();
  const home = useName(one.home);
  const name = one.told?.note.name ?? "";
  return (
    <li className="item">
      <span className="sign warn">
        <HeartHandshake size={20} aria-hidden />
      </span>
      <div className="main stack tight">
        <p className="title">{name ? <Said>{name}</Said> : t("Somebody at {{home}}", { home })}</p>
        <p className="small muted">{t("For emergencies only: whoever you open is told at once.")}</p>
        <ul className="list">
          {one.grants.map((grant, i) => (
            <li key={grant.grant} className="row between">
              <span className="small">
                {t("Record {{n}}", { n: i + 1 })}: {partsWords(grant.parts)} · {t("ends")} <Time at={grant.until} />
              </span>
              <ButtonLink to={`/shared/${grant.grant}`} small>
                {t("Open in an emergency")}
                <span className="sr-only"> {name}</span>
              </ButtonLink>
            </li>
          ))}
        </ul>
      </div>
    </li>
  );
}
