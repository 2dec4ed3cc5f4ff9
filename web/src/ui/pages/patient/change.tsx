/** Change a permission: a new one is given, then the old one is taken back. */
import { useState } from "react";

import type { GrantLine } from "../../../lib";
import { Said } from "../../components/basics";
import { Problem } from "../../components/problem";
import { SignDialog } from "../../components/sign";
import { useFollow, useOpened, useRecords } from "../../data/hooks";
import { useSession } from "../../data/session";
import { now, shortTime } from "../../format";
import { useT } from "../../i18n";
import { partsWords } from "../../words";
import { CostRow } from "./cost";
import { PartChoice, SpanChoice } from "./share";

const DAY = 86_400;

export function ChangeDialog({ grant, who, label, onClose }: { grant: GrantLine; who: string; label: string; onClose: () => void }) {
  const t = useT();
  const session = useSession();
  const follow = useFollow();
  const records = useRecords();
  const line = records.data?.find((entry) => entry.controller === grant.controller);
  const opened = useOpened(line?.view);
  const [parts, setParts] = useState<readonly string[]>(grant.parts);
  const [span, setSpan] = useState<"1" | "7" | "30" | "365">("30");
  const until = now() + Number(span) * DAY;
  const change = async () => {
    const to = "person" in grant.recipient ? grant.recipient.person : grant.recipient.role;
    const fresh = await session.patient.grant({ to, controller: grant.controller, parts, purpose: grant.purpose, until });
    follow(fresh.act, t("Sharing “{{label}}” with {{name}}", { label, name: who }));
    const old = await session.patient.revoke(grant.grant);
    follow(old.revocation, t("Taking back the earlier permission"));
  };
  return (
    <SignDialog
      open
      onClose={onClose}
      title={t("Change what {{who}} can see", { who })}
      what={t("You give a new permission and the earlier one ends: two signatures.")}
      rows={[
        [t("To whom"), <Said key="w">{who}</Said>],
        [t("What"), parts.length > 0 ? partsWords(parts) : "–"],
        [t("Until when"), shortTime(until)],
        [t("Cost"), <CostRow key="c" act="grant" />],
      ]}
      confirm={t("Change it")}
      disabled={parts.length === 0 || !opened.data}
      onConfirm={change}
    >
      {opened.error ? <Problem error={opened.error} /> : null}
      <PartChoice names={opened.data?.parts.map((part) => part.name) ?? grant.parts} chosen={parts} onChange={setParts} />
      <SpanChoice span={span} onPick={setSpan} />
    </SignDialog>
  );
}
