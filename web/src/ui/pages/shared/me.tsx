/** One's own things: card, address, name, copies to take away, trusted people. */
import { useMutation, useQuery } from "@tanstack/react-query";
import { Download, Printer } from "lucide-react";
import { useState } from "react";

import type { Progress, RecoveryKit, Wire } from "../../../lib";
import { Button, Facts, Fold, Notice, PageHead, Said, Skeleton } from "../../components/basics";
import { Check, Choices, Field } from "../../components/form";
import { Dialog } from "../../components/overlay";
import { Problem } from "../../components/problem";
import { SignDialog } from "../../components/sign";
import { toast } from "../../components/toasts";
import * as keys from "../../data/accounts";
import { useOffers } from "../../data/features";
import { useFollow, useRefresh } from "../../data/hooks";
import { useSignedIn } from "../../data/session";
import { bytes } from "../../format";
import { chooseLanguage, type Language, language, LANGUAGES, useT } from "../../i18n";
import { saveBlob } from "../../save";
import { chooseTheme, type Theme, theme } from "../../theme";
import { roleWords } from "../../words";
import { KitSheet } from "../gate/kit";
import { CopyText, PatientCard } from "./welcome";

export default function MePage() {
  const t = useT();
  const { session, who } = useSignedIn();
  const roles = [
    who.registrar ? t("Registrar") : "",
    who.institution ? t("Hospital") : "",
    who.staff ? roleWords(who.staff.role) : "",
    who.patient !== null ? t("Patient") : "",
  ].filter(Boolean);
  return (
    <div className="stack loose narrow">
      <PageHead title={<Said>{session.account.name}</Said>} lead={roles.join(", ") || t("Not known at this hospital yet")} />
      <section className="card stack" aria-labelledby="address">
        <h2 id="address">{t("Your address")}</h2>
        <p className="muted">{t("Others need it to share something with you. It is no secret.")}</p>
        <CopyText text={session.address} label={t("Your address")} />
        {who.patient !== null ? (
          <>
            <h3>{t("Your patient code")}</h3>
            <p className="muted">{t("A doctor of another hospital needs it to ask you for access.")}</p>
            <CopyText text={`${session.card.institution}:${who.patient}`} label={t("Your patient code")} />
          </>
        ) : null}
      </section>
      {who.staff ? <KeyName /> : null}
      <Profile />
      <Look />
      <KitAgain />
      {who.patient !== null ? <TakeAway /> : null}
      {who.patient !== null ? (
        <section className="stack tight">
          <h2>{t("Move to another hospital")}</h2>
          <p className="muted">{t("Open the other hospital's page, bring your key with the recovery kit, and show them this card. Your records go with your key; take your copies along below if this hospital closes.")}</p>
          <Fold label={t("Show my card")}>
            <PatientCard />
          </Fold>
        </section>
      ) : null}
      <Fold>
        <Facts
          rows={[
            [t("Node"), <span key="n" className="mono">{session.card.url}</span>],
            [t("Version"), session.card.version],
            [t("Chain"), String(session.card.deployment.chainId)],
            [t("Consents contract"), <span key="c" className="mono">{session.card.deployment.contracts.consents}</span>],
            [t("Log contract"), <span key="l" className="mono">{session.card.deployment.contracts.log}</span>],
          ]}
        />
      </Fold>
    </div>
  );
}

function KeyName() {
  const t = useT();
  const { session } = useSignedIn();
  const follow = useFollow();
  const mine = useQuery({ queryKey: ["directory", session.address], queryFn: () => session.directory(session.address) });
  const [open, setOpen] = useState(false);
  const [name, setName] = useState<string | null>(null);
  if (!mine.data || (mine.data.hasKey && mine.data.name)) return null;
  const value = name ?? session.account.name;
  return (
    <Notice tone="warn" title={t("Nobody can seal anything for you yet")}>
      <p>{t("State your key and your name once, so that patients can share with you.")}</p>
      <div className="buttons">
        <Button small kind="primary" onClick={() => setOpen(true)}>
          {t("State my key")}
        </Button>
      </div>
      {open ? (
        <SignDialog
          open
          onClose={() => setOpen(false)}
          title={t("State your key?")}
          what={t("A fingerprint of your sealing key is written on chain, so that nobody can exchange it.")}
          confirm={t("Sign")}
          disabled={value.trim() === ""}
          onConfirm={async () => {
            const act = await session.staff.stateKey(value.trim());
            follow(act?.act, t("Publishing your key's fingerprint"));
          }}
        >
          <Field label={t("Your name, as patients see it")} value={value} maxLength={200} onChange={(event) => setName(event.target.value)} />
        </SignDialog>
      ) : null}
    </Notice>
  );
}

type ProfileView = Wire<"ProfileView">;

function Profile() {
  const t = useT();
  const { session, who } = useSignedIn();
  const refresh = useRefresh();
  const offered = useOffers("/api/v1/profile");
  const kept = useQuery({ queryKey: ["profile"], queryFn: () => session.json<ProfileView>("GET", "/api/v1/profile"), enabled: offered === true });
  const [draft, setDraft] = useState<ProfileView | null>(null);
  const save = useMutation({
    mutationFn: (profile: ProfileView) => session.json("PUT", "/api/v1/profile", profile),
    onSuccess: () => {
      toast("profile", "done", t("Saved"));
      refresh();
    },
  });
  if (offered !== true) return null;
  if (kept.error) return <Problem error={kept.error} />;
  if (!kept.data) return <Skeleton lines={2} />;
  const value = draft ?? kept.data;
  const set = (change: Partial<ProfileView>) => setDraft({ ...value, ...change });
  return (
    <form
      className="card form"
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate(value);
      }}
    >
      <h2>{t("How this hospital reaches you")}</h2>
      {who.staff || who.institution ? (
        <>
          <Field label={t("Name")} value={value.name} maxLength={200} onChange={(event) => set({ name: event.target.value })} />
          <Field label={t("Department")} value={value.department} maxLength={200} onChange={(event) => set({ department: event.target.value })} />
        </>
      ) : null}
      <Field label={t("E-mail")} type="email" autoComplete="email" value={value.email} maxLength={200} onChange={(event) => set({ email: event.target.value })} hint={t("A mail says only that something waits here, never what.")} />
      <Check label={t("Send me a mail when something waits for me")} checked={value.mail} onChange={(event) => set({ mail: event.target.checked })} />
      {save.error ? <Problem error={save.error} /> : null}
      <div className="buttons">
        <Button kind="primary" type="submit" busy={save.isPending} disabled={draft === null}>
          {t("Save")}
        </Button>
      </div>
    </form>
  );
}

function Look() {
  const t = useT();
  const [shown, setShown] = useState<Theme>(theme);
  return (
    <section className="card stack">
      <h2>{t("Look and language")}</h2>
      <Choices
        legend={t("Light or dark")}
        value={shown}
        onPick={(next) => {
          chooseTheme(next);
          setShown(next);
        }}
        options={[
          { value: "system", label: t("As the device") },
          { value: "light", label: t("Light") },
          { value: "dark", label: t("Dark") },
        ]}
      />
      <Choices legend={t("Language")} value={language()} onPick={(next) => void chooseLanguage(next)} options={(Object.entries(LANGUAGES) as [Language, string][]).map(([value, label]) => ({ value, label: <span lang={value}>{label}</span> }))} />
    </section>
  );
}

function KitAgain() {
  const t = useT();
  const { session } = useSignedIn();
  const [passphrase, setPassphrase] = useState("");
  const [kit, setKit] = useState<RecoveryKit | null>(null);
  const show = useMutation({ mutationFn: () => keys.kitOf(session.account, passphrase), onSuccess: setKit });
  return (
    <Fold label={t("Print the recovery kit again")}>
      <form
        className="card form"
        onSubmit={(event) => {
          event.preventDefault();
          show.mutate();
        }}
      >
        {session.account.protection === "passphrase" ? <Field label={t("Passphrase")} type="password" autoComplete="current-password" value={passphrase} onChange={(event) => setPassphrase(event.target.value)} /> : null}
        {show.error ? <Problem error={show.error} /> : null}
        <div className="buttons">
          <Button type="submit" busy={show.isPending}>
            {t("Show it")}
          </Button>
        </div>
      </form>
      <Dialog open={kit !== null} onClose={() => setKit(null)} title={t("Your recovery kit")} wide>
        {kit ? <KitSheet kit={kit} /> : null}
        <div className="buttons no-print">
          <Button onClick={() => print()}>
            <Printer size={18} aria-hidden /> {t("Print")}
          </Button>
        </div>
      </Dialog>
    </Fold>
  );
}

function TakeAway() {
  const t = useT();
  const { session } = useSignedIn();
  const refresh = useRefresh();
  const [progress, setProgress] = useState<Progress | null>(null);
  const take = useMutation({
    mutationFn: () => session.patient.exportAll(setProgress),
    onSuccess: (zip) => {
      saveBlob(zip, "stele-record.zip");
      toast("export", "done", t("Saved"), bytes(zip.size));
      refresh();
    },
    onSettled: () => setProgress(null),
  });
  return (
    <section className="card stack">
      <h2>{t("Take everything away")}</h2>
      <p className="muted">{t("One file with your reports (FHIR), the original images, the proofs and the trail. It is not encrypted: keep it safe.")}</p>
      {take.error ? <Problem error={take.error} /> : null}
      {progress ? (
        <label className="field">
          <span className="small">{t("Packing …")}</span>
          <progress max={Math.max(progress.total, 1)} value={progress.done} />
        </label>
      ) : null}
      <div className="buttons">
        <Button busy={take.isPending} onClick={() => take.mutate()}>
          <Download size={18} aria-hidden /> {t("Save my whole record")}
        </Button>
      </div>
    </section>
  );
}
