/** Who can see what, until when; change it or take it back. */
import { useQuery } from "@tanstack/react-query";
import { Link2, ShieldOff, UserRound } from "lucide-react";
import { useState } from "react";

import type { GrantLine, LinkLine } from "../../../lib";
import { Badge, Button, ButtonLink, Empty, Fold, Hash, PageHead, Said, Skeleton, Time } from "../../components/basics";
import { Problem } from "../../components/problem";
import { SignDialog } from "../../components/sign";
import { toast } from "../../components/toasts";
import { useOffers } from "../../data/features";
import { CALM_MS, useFollow, useName, usePatientGrants, useRecords, useRefresh } from "../../data/hooks";
import { useSession } from "../../data/session";
import { now } from "../../format";
import { useT } from "../../i18n";
import { partsWords, purposeWords, roleWords } from "../../words";
import { CostRow } from "./cost";
import { ChangeDialog } from "./change";

function useLinks() {
  const session = useSession();
  const offered = useOffers("/api/v1/links");
  return useQuery({ queryKey: ["links"], queryFn: () => session.patient.links(), enabled: offered === true, refetchInterval: CALM_MS });
}

function useLabel(controller: string): string {
  const t = useT();
  const records = useRecords();
  const line = records.data?.find((one) => one.controller === controller);
  return line?.erased ? t("An erased record") : (line?.label ?? t("a record"));
}

function GrantRow({ grant, link }: { grant: GrantLine; link: LinkLine | undefined }) {
  const t = useT();
  const person = "person" in grant.recipient ? grant.recipient.person : null;
  const role = "role" in grant.recipient ? grant.recipient.role : null;
  const name = useName(link ? null : (person ?? role?.institution));
  const label = useLabel(grant.controller);
  const [asked, ask] = useState<"revoke" | "change" | null>(null);
  const who = link ? link.email || t("A guest with a link") : role ? t("{{role}}: all at {{hospital}}", { role: roleWords(role.role), hospital: name }) : name;
  const live = grant.stage === "given" && grant.until > now();
  const Sign = link ? Link2 : UserRound;
  return (
    <li className="item">
      <span className={live ? "sign" : "sign plain"}>
        <Sign size={20} aria-hidden />
      </span>
      <div className="main stack tight">
        <p className="title">
          <Said>{who}</Said>
        </p>
        <p className="small">
          <Said>{label}</Said>: {partsWords(grant.parts)}
        </p>
        <p className="small muted">
          {purposeWords(grant.purpose)} ·{" "}
          {live ? (
            <>
              {t("ends")} <Time at={grant.until} />
            </>
          ) : (
            <>
              {t("ended")} <Time at={Math.min(grant.until, now())} />
            </>
          )}
          {link ? ` · ${t("{{used}} of {{views}} views used", { used: link.viewsUsed, views: link.views })}` : ""}
        </p>
        <Fold>
          <p className="small">
            {t("Grant")} <Hash value={grant.grant} /> {person ? <span className="mono">{person}</span> : null}
          </p>
        </Fold>
      </div>
      {live ? (
        <div className="buttons">
          {link ? null : (
            <Button small onClick={() => ask("change")}>
              {t("Change")}
            </Button>
          )}
          <Button small kind="danger" onClick={() => ask("revoke")}>
            <ShieldOff size={16} aria-hidden /> {t("Take back")}
            <span className="sr-only"> {who}</span>
          </Button>
        </div>
      ) : (
        <Badge>{grant.stage === "given" ? t("Ended") : t("Taken back")}</Badge>
      )}
      {asked === "revoke" ? <RevokeDialog grant={grant} link={link} who={who} label={label} onClose={() => ask(null)} /> : null}
      {asked === "change" ? <ChangeDialog grant={grant} who={who} label={label} onClose={() => ask(null)} /> : null}
    </li>
  );
}

function RevokeDialog({ grant, link, who, label, onClose }: { grant: GrantLine; link: LinkLine | undefined; who: string; label: string; onClose: () => void }) {
  const t = useT();
  const session = useSession();
  const follow = useFollow();
  const refresh = useRefresh();
  const revoke = async () => {
    const title = t("Taking back access of {{who}}", { who });
    if (link) {
      await session.patient.revokeLink(link);
      toast(grant.grant, "done", title);
      refresh();
      return;
    }
    const view = await session.patient.revoke(grant.grant);
    follow(view.revocation, title);
  };
  return (
    <SignDialog
      open
      danger
      onClose={onClose}
      title={t("Take access back?")}
      what={t("{{who}} can open “{{label}}” no more. What they have seen or copied already cannot be made unseen.", { who, label })}
      rows={[
        [t("From whom"), <Said key="w">{who}</Said>],
        [t("What"), partsWords(grant.parts)],
        [t("From when"), t("At once")],
        [t("Cost"), <CostRow key="c" act="revoke" />],
      ]}
      confirm={t("Take it back")}
      onConfirm={revoke}
    />
  );
}

export default function AccessPage() {
  const t = useT();
  const grants = usePatientGrants();
  const links = useLinks();
  const byGrant = new Map(links.data?.map((link) => [link.grant, link]));
  const sorted = [...(grants.data ?? [])].sort((a, b) => b.until - a.until);
  const isLive = (grant: GrantLine) => grant.stage === "given" && grant.until > now();
  const live = sorted.filter(isLive);
  const past = sorted.filter((grant) => !isLive(grant));
  return (
    <div className="stack loose narrow">
      <PageHead title={t("Who can see")} lead={t("Each line is a permission you gave. Take one back and it ends at once.")} />
      {grants.error ? <Problem error={grants.error} retry={() => void grants.refetch()} /> : null}
      {grants.isPending ? <Skeleton /> : null}
      {grants.data && live.length === 0 ? (
        <Empty
          title={t("Nobody but you")}
          sign={<ShieldOff size={32} aria-hidden />}
          action={
            <ButtonLink to="/record" kind="primary">
              {t("Choose something to share")}
            </ButtonLink>
          }
        >
          {t("Open a record and choose “Share” to let somebody see it.")}
        </Empty>
      ) : null}
      {live.length > 0 ? (
        <ul className="list">
          {live.map((grant) => (
            <GrantRow key={grant.grant} grant={grant} link={byGrant.get(grant.grant)} />
          ))}
        </ul>
      ) : null}
      {past.length > 0 ? (
        <section className="stack tight" aria-labelledby="past">
          <h2 id="past">{t("Over")}</h2>
          <ul className="list">
            {past.map((grant) => (
              <GrantRow key={grant.grant} grant={grant} link={byGrant.get(grant.grant)} />
            ))}
          </ul>
        </section>
      ) : null}
    </div>
  );
}
