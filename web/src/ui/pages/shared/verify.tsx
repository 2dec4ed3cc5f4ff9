/** Where a report's QR code leads: what can be verified, and how. */
import { useState } from "react";

import { Badge, Facts, Notice } from "../../components/basics";
import { FileDrop } from "../../components/form";
import { Problem } from "../../components/problem";
import { LookControls, Mark } from "../../components/shell";
import { check, type Checked } from "../../data/accounts";
import type { ProofVerdict } from "../../../lib";
import { number, shortTime } from "../../format";
import { useT, type Words } from "../../i18n";
import { auditWords, partsWords } from "../../words";

const MOST = 50_000_000;

export default function VerifyPage() {
  const t = useT();
  const [checked, setChecked] = useState<Checked | null>(null);
  const [error, setError] = useState<unknown>(null);
  const take = async (file: File | undefined) => {
    setChecked(null);
    setError(null);
    try {
      if (!file || file.size > MOST) throw new Error(t("This file is too large."));
      setChecked(await check(file));
    } catch (failure) {
      setError(failure);
    }
  };
  return (
    <div className="gate">
      <header>
        <span className="brand">
          <Mark />
          <span>
            Stele
            <small>{t("Is it genuine?")}</small>
          </span>
        </span>
        <LookControls />
      </header>
      <main className="stack loose">
        <h1>{t("Is a report genuine?")}</h1>
        <ol className="stack" style={{ paddingInlineStart: "1.4rem" }}>
          <li>{t("A paper alone proves nothing. Ask the patient to share the record with you by link: your browser then checks the author's signature and asks Ethereum for the seal, through that hospital's node.")}</li>
          <li>{t("Or ask for the proof file (“Save a proof that anyone can verify”) and drop it below. This page asks Ethereum through its own hospital's node; the command stele record verify --rpc asks any node that you choose.")}</li>
          <li>{t("An auditor's signed report (JSON) can be checked here, too.")}</li>
        </ol>
        <FileDrop accept=".proof,.json" label={t("Drop a proof or an auditor's report here")} onFiles={(files) => void take(files[0])} />
        {error ? <Problem error={error} title={t("This cannot be verified")} /> : null}
        {checked?.kind === "report" ? (
          <Notice tone="good" live title={t("The signature holds")}>
            <Facts
              rows={[
                [t("Signed by"), <span key="s" className="mono">{checked.signed.signer}</span>],
                [t("Institution"), checked.report.name || checked.report.institution],
                [t("Result"), <Badge key="r" tone={auditWords(checked.report).tone}>{auditWords(checked.report).words}</Badge>],
              ]}
            />
          </Notice>
        ) : null}
        {checked?.kind === "proof" ? <Proof verdict={checked.verdict} /> : null}
      </main>
      <footer>
        <span>{t("Nothing you drop here leaves this device.")}</span>
      </footer>
    </div>
  );
}

function Proof({ verdict }: { verdict: ProofVerdict }) {
  const t = useT();
  const notes: Record<string, string> = { erased_since: t("erased since"), corrected_since: t("corrected since"), revoked_since: t("taken back since") };
  return (
    <Notice tone={verdict.holds ? "good" : "bad"} live title={verdict.holds ? t("The record is genuine") : t("The proof does not hold")}>
      <Facts
        rows={[
          [t("Made"), shortTime(verdict.createdAt)],
          [t("Author's address"), <span key="a" className="mono">{verdict.author}</span>],
          [t("Institution"), <span key="i" className="mono">{verdict.institution}</span>],
          [t("Version"), number(verdict.version)],
          [t("Which parts"), partsWords(verdict.parts)],
          verdict.hidden > 0 && [t("Not shown to you"), t("{{count}} parts stay hidden", { count: verdict.hidden })],
        ]}
      />
      <ul className="list">
        {verdict.facts.map((fact, i) => (
          <li key={i} className="row">
            <Badge tone={fact.holds ? "good" : "bad"}>{fact.holds ? t("Holds") : t("Does not hold")}</Badge>
            <span>
              {factWords(fact.kind, t)} {fact.note ? `(${notes[fact.note] ?? fact.note})` : ""}
            </span>
          </li>
        ))}
      </ul>
    </Notice>
  );
}

function factWords(kind: ProofVerdict["facts"][number]["kind"], t: Words): string {
  switch (kind) {
    case "committed":
      return t("The seal stands on Ethereum");
    case "institution":
      return t("The hospital is admitted");
    case "staff":
      return t("The author works there");
    case "enrolled":
      return t("The patient is enrolled there");
    case "grant":
      return t("A permission of the patient");
    case "checkpoint":
      return t("A seal of the hospital's log");
    case "transaction":
      return t("A transaction of its story");
  }
}
