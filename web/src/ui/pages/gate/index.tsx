/** The door: keys on this device, a wallet of the browser, keys from elsewhere, or new ones. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Fingerprint, KeyRound, LogIn, Plus, Upload, Wallet } from "lucide-react";
import { useEffect, useRef, useState, useSyncExternalStore } from "react";

import type { Account, ExternalWallet, Session } from "../../../lib";
import { Button, Fold, Notice, Said, Skeleton } from "../../components/basics";
import { Choices, Field, FileDrop, TextArea } from "../../components/form";
import { Problem } from "../../components/problem";
import { LookControls, Mark } from "../../components/shell";
import * as keys from "../../data/accounts";
import { shortHex } from "../../format";
import { useT } from "../../i18n";
import { Kit } from "./kit";

type Step = "choose" | "new" | "bring" | { unlock: Account } | { outside: ExternalWallet };
const SHORTEST = 8;

export default function Gate({ onEnter }: { onEnter: (session: Session) => void }) {
  const t = useT();
  const card = useQuery({ queryKey: ["card", "node"], queryFn: keys.nodeCard, retry: 2 });
  const [step, go] = useState<Step>("choose");
  const back = () => go("choose");
  return (
    <div className="gate">
      <header className="no-print">
        <span className="brand">
          <Mark />
          <span>
            Stele
            <small>
              <bdi>{card.data?.name ?? " "}</bdi>
            </small>
          </span>
        </span>
        <LookControls />
      </header>
      <main className="stack loose">
        {card.error ? <Problem error={card.error} title={t("This hospital's node does not answer")} retry={() => void card.refetch()} /> : null}
        {step === "choose" ? <Choose onStep={go} hospital={card.data?.name ?? ""} /> : null}
        {step === "new" ? <Fresh onEnter={onEnter} onBack={back} /> : null}
        {step === "bring" ? <Bring onEnter={onEnter} onBack={back} /> : null}
        {typeof step === "object" && "unlock" in step ? <Unlock account={step.unlock} onEnter={onEnter} onBack={back} /> : null}
        {typeof step === "object" && "outside" in step ? <Outside wallet={step.outside} onEnter={onEnter} onBack={back} /> : null}
      </main>
      <footer className="no-print">
        <span>{t("Your keys stay on this device. This page asks no other site for anything.")}</span>
      </footer>
    </div>
  );
}

function Choose({ onStep, hospital }: { onStep: (step: Step) => void; hospital: string }) {
  const t = useT();
  const accounts = useQuery({ queryKey: ["accounts"], queryFn: keys.accounts });
  const wallets = useSyncExternalStore(keys.watchWallets, keys.wallets);
  const none = accounts.data?.length === 0;
  return (
    <>
      <div className="stack tight">
        <h1 id="page-title" tabIndex={-1}>
          {hospital ? t("Sign in to {{hospital}}", { hospital }) : t("Sign in")}
        </h1>
        <p className="muted">{t("Patients, doctors and hospitals come in by the same door: each with a key of their own.")}</p>
      </div>
      {accounts.isPending ? <Skeleton lines={2} /> : null}
      {accounts.error ? <Problem error={accounts.error} /> : null}
      {accounts.data && accounts.data.length > 0 ? (
        <section className="stack tight" aria-labelledby="here">
          <h2 id="here">{t("On this device")}</h2>
          <ul className="list">
            {accounts.data.map((account) => (
              <li key={account.id}>
                <Button className="item" onClick={() => onStep({ unlock: account })} style={{ inlineSize: "100%", justifyContent: "flex-start" }}>
                  <span className="sign">{account.protection === "passkey" ? <Fingerprint size={20} aria-hidden /> : <KeyRound size={20} aria-hidden />}</span>
                  <span className="main" style={{ textAlign: "start" }}>
                    <Said>{account.name}</Said>
                    <br />
                    <span className="muted small mono">{shortHex(account.address)}</span>
                  </span>
                </Button>
              </li>
            ))}
          </ul>
        </section>
      ) : null}
      <section className="stack tight" aria-label={t("Other ways in")}>
        {none ? null : <h2>{t("Other ways in")}</h2>}
        <Button kind={none ? "primary" : ""} onClick={() => onStep("new")}>
          <Plus size={18} aria-hidden /> {t("Make a new key")}
        </Button>
        <Button onClick={() => onStep("bring")}>
          <Upload size={18} aria-hidden /> {t("Bring a key: recovery kit or key file")}
        </Button>
        {wallets.map((wallet) => (
          <Button key={wallet.id} onClick={() => onStep({ outside: wallet })}>
            {wallet.icon.startsWith("data:image/") ? <img src={wallet.icon} alt="" width={20} height={20} /> : <Wallet size={18} aria-hidden />}
            {t("Use {{wallet}}", { wallet: wallet.name })}
          </Button>
        ))}
      </section>
      {none ? <Notice title={t("First time here?")}>{t("Make a key. It takes a minute, costs nothing, and needs no e-mail address. Then show the hospital your card.")}</Notice> : null}
    </>
  );
}

interface Way {
  onEnter: (session: Session) => void;
  onBack: () => void;
}

/** One act at a time, with what went wrong. */
function useAct() {
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
  return { busy, error, run };
}

/** Keys made in a form: they are locked when the form is left without signing in. */
function useFresh(onEnter: (session: Session) => void) {
  const [fresh, setFresh] = useState<keys.Fresh | null>(null);
  const held = useRef<keys.Fresh | null>(null);
  useEffect(() => () => held.current?.unlocked.lock(), []);
  const hold = (made: keys.Fresh) => {
    held.current = made;
    setFresh(made);
  };
  const enter = async () => {
    if (!fresh) return;
    const session = await keys.enterFresh(fresh);
    held.current = null;
    onEnter(session);
  };
  return { fresh, hold, enter };
}

function Unlock({ account, onEnter, onBack }: Way & { account: Account }) {
  const t = useT();
  const queries = useQueryClient();
  const { busy, error, run } = useAct();
  const [passphrase, setPassphrase] = useState("");
  const enter = () => run(async () => onEnter(await keys.signIn(account, passphrase)));
  const forget = () =>
    run(async () => {
      await keys.forget(account);
      await queries.invalidateQueries({ queryKey: ["accounts"] });
      onBack();
    });
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        void enter();
      }}
    >
      <h1>{t("Hello, {{name}}", { name: account.name })}</h1>
      {account.protection === "passphrase" ? (
        <Field label={t("Passphrase")} type="password" autoComplete="current-password" value={passphrase} onChange={(event) => setPassphrase(event.target.value)} required autoFocus />
      ) : (
        <p>{t("Your device asks for your fingerprint, face or PIN.")}</p>
      )}
      {error ? <Problem error={error} title={t("Not signed in")} /> : null}
      <div className="buttons">
        <Button kind="primary" type="submit" busy={busy} disabled={account.protection === "passphrase" && passphrase === ""}>
          <LogIn size={18} aria-hidden /> {busy ? t("Signing in …") : t("Sign in")}
        </Button>
        <Button onClick={onBack}>{t("Back")}</Button>
      </div>
      <p className="small muted">{t("You sign a message that says you sign in here. It costs nothing and changes nothing.")}</p>
      <Fold label={t("Take this key off this device")}>
        <Notice tone="warn" title={t("Without its recovery kit the key is lost for good")}>
          <div className="buttons">
            <Button kind="danger" small onClick={() => void forget()}>
              {t("Take it off")}
            </Button>
          </div>
        </Notice>
      </Fold>
    </form>
  );
}

type Kind = "passphrase" | "passkey";

interface Protecting {
  kind: Kind;
  onKind: (kind: Kind) => void;
  passphrase: string;
  onPassphrase: (text: string) => void;
  label?: string;
  hint?: string;
}

function Protect({ kind, onKind, passphrase, onPassphrase, label, hint }: Protecting) {
  const t = useT();
  const [passkeys, setPasskeys] = useState(false);
  useEffect(() => {
    keys.passkeysPossible().then(setPasskeys, () => setPasskeys(false));
  }, []);
  const short = passphrase !== "" && passphrase.length < SHORTEST;
  return (
    <>
      {passkeys ? (
        <Choices
          legend={t("How is the key locked?")}
          value={kind}
          onPick={onKind}
          options={[
            { value: "passphrase", label: t("With a passphrase"), hint: t("you type it each time") },
            { value: "passkey", label: t("With this device"), hint: t("fingerprint, face or PIN") },
          ]}
        />
      ) : null}
      {kind === "passphrase" ? (
        <Field
          label={label ?? t("A new passphrase")}
          type="password"
          autoComplete="new-password"
          value={passphrase}
          onChange={(event) => onPassphrase(event.target.value)}
          hint={hint ?? t("At least {{count}} characters; a sentence is good. Nobody can reset it.", { count: SHORTEST })}
          error={short ? t("This is too short.") : undefined}
        />
      ) : null}
    </>
  );
}

function Fresh({ onEnter, onBack }: Way) {
  const t = useT();
  const { busy, error, run } = useAct();
  const [name, setName] = useState("");
  const [kind, setKind] = useState<Kind>("passphrase");
  const [passphrase, setPassphrase] = useState("");
  const { fresh, hold, enter } = useFresh(onEnter);
  if (fresh) return <Kit kit={fresh.kit} busy={busy} error={error} onDone={() => void run(enter)} />;
  const ready = name.trim() !== "" && (kind === "passkey" || passphrase.length >= SHORTEST);
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        void run(async () => hold(await keys.create(name.trim(), kind, passphrase)));
      }}
    >
      <h1>{t("Make a new key")}</h1>
      <p className="muted">{t("It is made on this device and never leaves it unlocked.")}</p>
      <Field label={t("Your name")} hint={t("Shown on this device.")} autoComplete="name" value={name} maxLength={100} onChange={(event) => setName(event.target.value)} required />
      <Protect kind={kind} onKind={setKind} passphrase={passphrase} onPassphrase={setPassphrase} />
      {error ? <Problem error={error} /> : null}
      <div className="buttons">
        <Button kind="primary" type="submit" busy={busy} disabled={!ready}>
          {busy ? t("Making it …") : t("Make my key")}
        </Button>
        <Button onClick={onBack}>{t("Back")}</Button>
      </div>
    </form>
  );
}

function Bring({ onEnter, onBack }: Way) {
  const t = useT();
  const { busy, error, run } = useAct();
  const [how, setHow] = useState<"kit" | "file">("kit");
  const [text, setText] = useState("");
  const [file, setFile] = useState<File | null>(null);
  const [filePassphrase, setFilePassphrase] = useState("");
  const [name, setName] = useState("");
  const [kind, setKind] = useState<Kind>("passphrase");
  const [passphrase, setPassphrase] = useState("");
  const ready = (how === "kit" ? text.trim() !== "" && name.trim() !== "" : file !== null && filePassphrase !== "") && (kind === "passkey" || passphrase.length >= SHORTEST);
  const bring = () =>
    run(async () => {
      const session = how === "kit" ? await keys.fromKit(text.trim(), name.trim(), kind, passphrase) : await keys.fromKeyFile(file ? await file.text() : "", filePassphrase, kind, passphrase);
      onEnter(session);
    });
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        void bring();
      }}
    >
      <h1>{t("Bring a key")}</h1>
      <Choices
        legend={t("From what?")}
        value={how}
        onPick={setHow}
        options={[
          { value: "kit", label: t("Recovery kit"), hint: t("the printed page") },
          { value: "file", label: t("Key file"), hint: t("made by the command stele") },
        ]}
      />
      {how === "kit" ? (
        <>
          <TextArea label={t("The code of the kit")} hint={t("Type the groups of the page, or paste what its QR code holds.")} value={text} onChange={(event) => setText(event.target.value)} autoComplete="off" spellCheck={false} />
          <Field label={t("Your name")} hint={t("Shown on this device.")} autoComplete="name" value={name} maxLength={100} onChange={(event) => setName(event.target.value)} />
        </>
      ) : (
        <>
          <FileDrop accept=".key,.json,application/json" label={t("Drop the key file here")} onFiles={(files) => setFile(files[0] ?? null)} />
          {file ? (
            <p>
              <Said>{file.name}</Said>
            </p>
          ) : null}
          <Field label={t("Passphrase of the file")} type="password" autoComplete="off" value={filePassphrase} onChange={(event) => setFilePassphrase(event.target.value)} />
        </>
      )}
      <Protect kind={kind} onKind={setKind} passphrase={passphrase} onPassphrase={setPassphrase} />
      {error ? <Problem error={error} /> : null}
      <div className="buttons">
        <Button kind="primary" type="submit" busy={busy} disabled={!ready}>
          {busy ? t("Opening …") : t("Use this key")}
        </Button>
        <Button onClick={onBack}>{t("Back")}</Button>
      </div>
    </form>
  );
}

function Outside({ wallet, onEnter, onBack }: Way & { wallet: ExternalWallet }) {
  const t = useT();
  const { busy, error, run } = useAct();
  const [kind, setKind] = useState<Kind>("passphrase");
  const [passphrase, setPassphrase] = useState("");
  const { fresh, hold, enter } = useFresh(onEnter);
  if (fresh) return <Kit kit={fresh.kit} busy={busy} error={error} onDone={() => void run(enter)} />;
  const connect = () =>
    run(async () => {
      const entered = await keys.enterWith(wallet, kind, passphrase);
      if ("fresh" in entered) hold(entered.fresh);
      else onEnter(entered.session);
    });
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        void connect();
      }}
    >
      <h1>{t("Use {{wallet}}", { wallet: wallet.name })}</h1>
      <p>{t("Your wallet signs; a second key, made here, opens what others seal for you. It is kept on this device, locked.")}</p>
      <Notice title={t("Your wallet will ask you a few times")}>
        <p>{t("First which account to use, then to sign that you sign in here and which second key is yours. None of this costs anything.")}</p>
      </Notice>
      <Protect
        kind={kind}
        onKind={setKind}
        passphrase={passphrase}
        onPassphrase={setPassphrase}
        label={t("Passphrase of the second key")}
        hint={t("The one from last time. The first time, think of one with at least {{count}} characters; nobody can reset it.", { count: SHORTEST })}
      />
      {error ? <Problem error={error} title={t("Not signed in")} /> : null}
      <div className="buttons">
        <Button kind="primary" type="submit" busy={busy} disabled={kind === "passphrase" && passphrase.length < SHORTEST}>
          {busy ? t("Waiting for your wallet …") : t("Connect and sign in")}
        </Button>
        <Button onClick={onBack}>{t("Back")}</Button>
      </div>
    </form>
  );
}


