/** The auditor: every checkpoint and entry of an institution, verified here against the chain. */
import { useMutation } from "@tanstack/react-query";
import { FileJson, FileText, Stamp } from "lucide-react";
import { useState } from "react";

import type { AuditReport, Hex, Progress, SignedReport } from "../../../lib";
import { Badge, Button, Facts, Fold, Hash, Notice, PageHead } from "../../components/basics";
import { Field, Select } from "../../components/form";
import { Problem } from "../../components/problem";
import { SignDialog } from "../../components/sign";
import { toast } from "../../components/toasts";
import { useFollow } from "../../data/hooks";
import { useSignedIn } from "../../data/session";
import { now, number, shortTime } from "../../format";
import { useT } from "../../i18n";
import { saveBlob } from "../../save";
import { auditWords } from "../../words";
import { isAddress } from "../patient/share";

const DAY = 86_400;

export default function AuditPage() {
  const t = useT();
  const { session, who } = useSignedIn();
  const follow = useFollow();
  const [wallet, setWallet] = useState<string>(session.card.institution);
  const [days, setDays] = useState("30");
  const [progress, setProgress] = useState<Progress | null>(null);
  const institution = isAddress(wallet) ? (wallet.trim().toLowerCase() as Hex) : null;
  const verify = useMutation({
    mutationFn: () => {
      if (!institution) throw new Error(t("An address begins with 0x and has 42 characters."));
      return session.audit.verify({ institution, from: now() - Number(days) * DAY, until: now() + 60 }, setProgress);
    },
    onSettled: () => setProgress(null),
  });
  const mayAnchor = who.institution || (who.staff?.role === "auditor" && who.staff.institution === session.card.institution);
  const anchor = useMutation({
    mutationFn: () => session.audit.anchor(),
    onSuccess: (made) => (made.act ? follow(made.act.act, t("Sealing the log on chain")) : toast("anchor", "done", t("The chain has the newest seal already"))),
  });
  return (
    <div className="stack loose narrow">
      <PageHead title={t("Audit")} lead={t("Your browser fetches the log's digests, hashes them and compares them with Ethereum, which it asks through this hospital's node. The command stele can ask any other one.")}>
        {mayAnchor ? (
          <Button busy={anchor.isPending} onClick={() => anchor.mutate()}>
            <Stamp size={18} aria-hidden /> {t("Seal the log now")}
          </Button>
        ) : null}
      </PageHead>
      {anchor.error ? <Problem error={anchor.error} /> : null}
      <form
        className="card form"
        onSubmit={(event) => {
          event.preventDefault();
          verify.mutate();
        }}
      >
        <Field label={t("Institution")} value={wallet} onChange={(event) => setWallet(event.target.value)} error={!institution ? t("An address begins with 0x and has 42 characters.") : undefined} autoComplete="off" spellCheck={false} hint={institution === session.card.institution ? session.card.name : undefined} />
        {institution !== null && institution !== session.card.institution ? <Notice title={t("Another hospital's log")}>{t("Its seals on chain are checked from here. To check every entry, sign in at its own page.")}</Notice> : null}
        <Select label={t("Span")} value={days} onChange={(event) => setDays(event.target.value)}>
          <option value="1">{t("One day")}</option>
          <option value="30">{t("30 days")}</option>
          <option value="365">{t("One year")}</option>
          <option value="3650">{t("Everything")}</option>
        </Select>
        <div className="buttons">
          <Button kind="primary" type="submit" busy={verify.isPending} disabled={!institution}>
            {verify.isPending ? t("Checking …") : t("Verify")}
          </Button>
        </div>
        {progress ? (
          <label className="field">
            <span className="small">{t("Checking …")}</span>
            <progress max={Math.max(progress.total, 1)} value={progress.done} />
          </label>
        ) : null}
      </form>
      {verify.error ? <Problem error={verify.error} retry={() => verify.mutate()} /> : null}
      {verify.data ? <Findings report={verify.data} /> : null}
    </div>
  );
}

function Findings({ report }: { report: AuditReport }) {
  const t = useT();
  const { session } = useSignedIn();
  const [signing, sign] = useState(false);
  const [signed, setSigned] = useState<SignedReport | null>(null);
  const { tone, words: found } = auditWords(report);
  const name = `audit-${report.institution.slice(2, 10)}`;
  return (
    <section className="stack" aria-labelledby="findings" aria-live="polite">
      <h2 id="findings">{t("What was found")}</h2>
      <Notice tone={tone} title={found}>
        <p>{t("{{entries}} entries and {{count}} seals were checked.", { entries: number(report.entries), count: report.checkpoints.length })}</p>
        {report.problems.map((problem) => (
          <p key={problem}>{problem}</p>
        ))}
      </Notice>
      <Facts
        rows={[
          [t("Institution"), report.name || report.institution],
          [t("From"), shortTime(report.from)],
          [t("Until"), shortTime(report.until)],
          [t("Newest signed seal"), report.latest ? t("{{size}} entries", { size: number(report.latest.size) }) : "–"],
        ]}
      />
      {report.checkpoints.length > 0 ? (
        <div className="table-wrap" tabIndex={0}>
          <table>
            <thead>
              <tr>
                <th scope="col">{t("When")}</th>
                <th scope="col" className="end">
                  {t("Entries")}
                </th>
                <th scope="col">{t("Root")}</th>
                <th scope="col" className="end">
                  {t("Block")}
                </th>
                <th scope="col">{t("Holds")}</th>
              </tr>
            </thead>
            <tbody>
              {report.checkpoints.map((seal) => (
                <tr key={`${String(seal.size)}${seal.tx}`}>
                  <td>{shortTime(seal.at)}</td>
                  <td className="end">{number(seal.size)}</td>
                  <td>
                    <Hash value={seal.root} />
                  </td>
                  <td className="end">{number(seal.block)}</td>
                  <td>
                    <Badge tone={seal.holds === null ? "plain" : seal.holds ? "good" : "bad"}>{seal.holds === null ? t("On chain") : seal.holds ? t("Holds") : t("Does not hold")}</Badge>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : null}
      {signed ? (
        <Notice tone="good" live title={t("Signed")}>
          <div className="buttons">
            <Button onClick={() => saveBlob(new Blob([JSON.stringify({ report: signed.report, text: signed.text, signer: signed.signer, signature: signed.signature }, null, 2)], { type: "application/json" }), `${name}.json`)}>
              <FileJson size={18} aria-hidden /> JSON
            </Button>
            <Button onClick={() => void import("../../pdf/audit").then(({ auditPdf }) => auditPdf(signed)).then((pdf) => saveBlob(pdf, `${name}.pdf`))}>
              <FileText size={18} aria-hidden /> PDF
            </Button>
          </div>
          <Fold>
            <p className="small mono">{signed.signature}</p>
          </Fold>
        </Notice>
      ) : (
        <div className="buttons">
          <Button kind="primary" onClick={() => sign(true)}>
            {t("Sign this report")}
          </Button>
        </div>
      )}
      {signing ? (
        <SignDialog
          open
          onClose={() => sign(false)}
          title={t("Sign this report?")}
          what={t("You state that your browser found exactly this. Nothing is written on chain.")}
          rows={[
            [t("Institution"), report.name || report.institution],
            [t("Result"), found],
            [t("Cost"), t("Nothing")],
          ]}
          confirm={t("Sign")}
          onConfirm={async () => setSigned(await session.audit.signReport(report))}
        />
      ) : null}
    </section>
  );
}
