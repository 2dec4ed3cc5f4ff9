/** A guest came by a link: a code from the e-mail, then the document, with what was verified. */
import { useQuery } from "@tanstack/react-query";
import { MailCheck } from "lucide-react";
import { useEffect, useRef, useState } from "react";

import type { GrantStanding, GuestFlows, OpenedGrant } from "../../../lib";
import { Badge, Button, Facts, Notice, PageHead, Said, Skeleton, Time } from "../../components/basics";
import { Field } from "../../components/form";
import { Problem, told } from "../../components/problem";
import { LookControls, Mark } from "../../components/shell";
import { openLink } from "../../data/accounts";
import { useDocument } from "../../data/hooks";
import { useT } from "../../i18n";
import { refusalWords } from "../../words";
import { RecordBody } from "../shared/document";

export default function GuestPage() {
  const t = useT();
  const [opened, setOpened] = useState<OpenedGrant | null>(null);
  // The fragment is read once; it never leaves this page.
  const fragment = useRef(location.hash);
  const link = useQuery({ queryKey: ["link"], queryFn: () => openLink(fragment.current), retry: false, staleTime: Infinity, gcTime: Infinity });
  useEffect(() => {
    const flows = link.data;
    if (!flows) return;
    const wipe = () => flows.close();
    addEventListener("pagehide", wipe);
    return () => removeEventListener("pagehide", wipe);
  }, [link.data]);
  return (
    <div className="gate">
      <header>
        <span className="brand">
          <Mark />
          <span>
            Stele
            <small>{t("Shared with you")}</small>
          </span>
        </span>
        <LookControls />
      </header>
      <main className={opened ? "wide stack loose" : "stack loose"}>
        {link.isPending ? <Skeleton /> : null}
        {link.error ? (
          <Problem error={link.error} title={t("This link is not whole")}>
            <p>{t("Open it exactly as it was sent to you, or ask for it again.")}</p>
          </Problem>
        ) : null}
        {link.data && !opened ? <Enter guest={link.data} onOpen={setOpened} /> : null}
        {link.data && opened ? <Shown guest={link.data} opened={opened} /> : null}
      </main>
      <footer>
        <span>{t("What you see was opened on this device. The hospital's server never had the key.")}</span>
      </footer>
    </div>
  );
}

function Enter({ guest, onOpen }: { guest: GuestFlows; onOpen: (opened: OpenedGrant) => void }) {
  const t = useT();
  const [sent, setSent] = useState(false);
  const [code, setCode] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const run = async (act: () => Promise<void>) => {
    setBusy(true);
    setError(null);
    try {
      await act();
    } catch (failure) {
      setError(failure);
    }
    setBusy(false);
  };
  const send = () =>
    run(async () => {
      await guest.sendCode();
      setSent(true);
    });
  const enter = () =>
    run(async () => {
      await guest.confirm(code.trim());
      onOpen(await guest.open());
    });
  const why = error ? told(error).code : undefined;
  return (
    <div className="stack">
      <h1>{t("Somebody shared a medical record with you")}</h1>
      <p>{t("To open it you need the link, which you have, and a code that is sent to the e-mail address the patient named.")}</p>
      {error ? <Problem error={error} title={why ? t("Not opened: {{why}}", { why: guestWords(why, t) }) : undefined} /> : null}
      {sent ? (
        <form
          className="stack"
          onSubmit={(event) => {
            event.preventDefault();
            void enter();
          }}
        >
          <Notice tone="good" live title={t("If the link is still good, a code is on its way")} />
          <Field label={t("Code from the e-mail")} inputMode="numeric" autoComplete="one-time-code" maxLength={8} value={code} onChange={(event) => setCode(event.target.value)} autoFocus />
          <div className="buttons">
            <Button kind="primary" type="submit" busy={busy} disabled={!/^\d{6}$/.test(code.trim())}>
              {busy ? t("Opening …") : t("Open")}
            </Button>
            <Button onClick={() => void send()} disabled={busy}>
              {t("Send another code")}
            </Button>
          </div>
        </form>
      ) : (
        <div className="buttons">
          <Button kind="primary" busy={busy} onClick={() => void send()}>
            <MailCheck size={18} aria-hidden /> {t("Send me the code")}
          </Button>
        </div>
      )}
      <p className="small muted">{t("Each opening is written into the patient's log.")}</p>
    </div>
  );
}

function guestWords(code: string, t: ReturnType<typeof useT>): string {
  const known: Record<string, string> = { code_wrong: t("the code is wrong"), code_spent: t("the code was used or is too old; ask for another one") };
  return known[code] ?? refusalWords(code);
}

const CHECK_MS = 10_000;

function Shown({ guest, opened }: { guest: GuestFlows; opened: OpenedGrant }) {
  const t = useT();
  const has = opened.parts.some((part) => part.name === "document");
  const document = useDocument(["guest", opened.grant.grant], has ? opened : undefined);
  const standing = useStanding(guest, opened);
  if (standing.data?.live === false) {
    return (
      <>
        <h1>{t("This is not shared with you any more")}</h1>
        <Notice tone="warn" live title={t("The patient took the permission back, or it has ended.")} />
      </>
    );
  }
  return (
    <>
      <PageHead title={document.data ? <Said>{document.data.text.title}</Said> : t("A shared record")} />
      <section className="card stack" aria-labelledby="verified">
        <h2 id="verified">{t("What your browser verified")}</h2>
        <div className="row">
          <Badge tone="good">{t("Signed by its author")}</Badge>
          <Badge tone="good">{t("Unchanged since")}</Badge>
          <ChainBadges standing={standing.data} failed={standing.isError} />
        </div>
        <p className="small muted">{t("Ethereum was asked through this hospital's node.")}</p>
        <Facts
          rows={[
            [t("Made"), <Time key="m" at={opened.createdAt} />],
            [t("You can see it until"), <Time key="u" at={opened.grant.until} />],
            opened.hidden > 0 && [t("Not shown to you"), t("{{count}} parts stay hidden", { count: opened.hidden })],
            [t("Author's address"), <span key="a" className="mono">{opened.author}</span>],
          ]}
        />
      </section>
      <RecordBody id={`guest/${opened.grant.grant}`} opened={opened} />
    </>
  );
}

/** What the chain says; nothing is claimed of it before it has answered. */
function ChainBadges({ standing, failed }: { standing: GrantStanding | undefined; failed: boolean }) {
  const t = useT();
  if (failed || !standing) return <Badge tone={failed ? "warn" : "plain"}>{failed ? t("Ethereum could not be asked") : t("Asking Ethereum …")}</Badge>;
  const version = {
    current: <Badge tone="good">{t("Its seal stands on Ethereum")}</Badge>,
    corrected: <Badge tone="warn">{t("Corrected since: ask the patient for the new version")}</Badge>,
    unknown: <Badge tone="bad">{t("Its seal is not on Ethereum")}</Badge>,
  }[standing.version];
  return (
    <>
      <Badge tone="good">{t("The patient's permission stands on Ethereum")}</Badge>
      {version}
    </>
  );
}

/** Ask the chain while the page is open: what the patient took back disappears, and the keys with it. */
function useStanding(guest: GuestFlows, opened: OpenedGrant) {
  const standing = useQuery({ queryKey: ["standing", opened.grant.grant], queryFn: () => opened.standing(), refetchInterval: ({ state }) => (state.data?.live === false ? false : CHECK_MS) });
  const gone = standing.data?.live === false;
  useEffect(() => {
    if (gone) guest.close();
  }, [gone, guest]);
  return standing;
}
