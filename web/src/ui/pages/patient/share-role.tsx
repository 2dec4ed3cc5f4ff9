/** Share with all who hold a role at a hospital: sealed to each of those who hold it now. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { type Hex, type Purpose, type Role, ROLES, type Wire } from "../../../lib";
import { Skeleton } from "../../components/basics";
import { Field, Select } from "../../components/form";
import { Problem } from "../../components/problem";
import { SignDialog } from "../../components/sign";
import { useFollow, useName } from "../../data/hooks";
import { useSession } from "../../data/session";
import { now, shortHex, shortTime } from "../../format";
import { useT } from "../../i18n";
import { partsWords, purposeWords, roleWords } from "../../words";
import { CostRow } from "./cost";
import { isAddress, PartChoice, type Span, SpanChoice, SPANS, type Way } from "./share";

/** What a role usually opens a record for. */
const USUAL: Partial<Record<Role, Purpose>> = { researcher: "HRESCH", insurer: "COVERAGE" };
const PURPOSES = ["TREAT", "CAREMGT", "COC", "HRESCH", "CLINTRCH", "COVERAGE", "HPAYMT", "PUBHLTH"] as const satisfies readonly Purpose[];

type Holder = Wire<"StaffView", "wallet">;

function useHolders(institution: Hex | null, role: Role) {
  const session = useSession();
  return useQuery({
    queryKey: ["staff", institution, role],
    queryFn: async () => (institution ? session.json<readonly Holder[]>("GET", `/api/v1/staff?institution=${institution}&role=${role}`) : []),
    enabled: institution !== null,
    retry: false,
  });
}

export default function WithRole({ line, opened, onClose, children }: Way) {
  const t = useT();
  const session = useSession();
  const follow = useFollow();
  const names = opened.parts.map((part) => part.name);
  const [role, setRole] = useState<Role>("nurse");
  const [elsewhere, setElsewhere] = useState("");
  const [picked, setPurpose] = useState<Purpose | null>(null);
  const [parts, setParts] = useState(names);
  const [span, setSpan] = useState<Span>("30");
  const typed = elsewhere.trim() !== "";
  const institution = typed ? (isAddress(elsewhere) ? (elsewhere.trim().toLowerCase() as Hex) : null) : session.card.institution;
  const hospital = useName(institution);
  const holders = useHolders(institution, role);
  const purpose = picked ?? USUAL[role] ?? "TREAT";
  const wrong = typed && institution === null ? t("An address begins with 0x and has 42 characters.") : undefined;
  const who = t("{{role}}: all at {{hospital}}", { role: roleWords(role), hospital });
  const share = async () => {
    if (!institution) return;
    const grant = await session.patient.grant({ to: { institution, role }, controller: line.controller, parts, purpose, until: now() + SPANS[span] });
    follow(grant.act, t("Sharing “{{label}}” with {{name}}", { label: line.label, name: who }));
  };
  return (
    <SignDialog
      open
      onClose={onClose}
      title={t("Share “{{label}}”", { label: line.label })}
      what={t("Whoever holds this role there now can open these parts until the day you choose. You see who opened what, and can take it back at any time. Whoever takes the role up later needs a new permission.")}
      rows={[
        [t("To whom"), institution ? who : "–"],
        [t("These are now"), holders.data ? holders.data.map((one) => one.name || shortHex(one.wallet)).join(", ") || t("Nobody") : holders.isLoading ? <Skeleton key="s" lines={1} /> : "–"],
        [t("For what"), purposeWords(purpose)],
        [t("What"), parts.length > 0 ? partsWords(parts) : "–"],
        [t("Until when"), shortTime(now() + SPANS[span])],
        [t("Cost"), <CostRow key="c" act="grant" />],
      ]}
      confirm={t("Share")}
      disabled={!holders.data || holders.data.length === 0 || parts.length === 0}
      onConfirm={share}
    >
      {children}
      <Select
        label={t("Role")}
        value={role}
        onChange={(event) => {
          setRole(event.target.value as Role);
          setPurpose(null);
        }}
      >
        {ROLES.filter((one) => one !== "auditor").map((one) => (
          <option key={one} value={one}>
            {roleWords(one)}
          </option>
        ))}
      </Select>
      <Field
        label={t("Address of another hospital")}
        hint={t("Leave it empty for {{hospital}}.", { hospital: session.card.name })}
        value={elsewhere}
        onChange={(event) => setElsewhere(event.target.value)}
        error={wrong}
        autoComplete="off"
        spellCheck={false}
      />
      {holders.error ? <Problem error={holders.error} retry={() => void holders.refetch()} /> : null}
      <Select label={t("For what")} value={purpose} onChange={(event) => setPurpose(event.target.value as Purpose)}>
        {PURPOSES.map((code) => (
          <option key={code} value={code}>
            {purposeWords(code)}
          </option>
        ))}
      </Select>
      <PartChoice names={names} chosen={parts} onChange={setParts} />
      <SpanChoice span={span} onPick={setSpan} />
    </SignDialog>
  );
}
