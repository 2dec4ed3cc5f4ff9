/** What others shared with a doctor: opened here, on this device, and written into the patient's log. */
import { useQuery } from "@tanstack/react-query";
import { ArrowLeft, FolderOpen } from "lucide-react";
import { useState } from "react";
import { useParams } from "wouter";

import type { GrantLine } from "../../../lib";
import { Badge, Button, ButtonLink, Empty, Fold, Hash, Notice, PageHead, Said, Skeleton, Time } from "../../components/basics";
import { Problem, told } from "../../components/problem";
import { isLive } from "../../data/care";
import { useDocument, useName, useStaffGrants } from "../../data/hooks";
import { useSession, useSignedIn } from "../../data/session";
import { now } from "../../format";
import { useT } from "../../i18n";
import { partsWords, purposeWords, refusalWords } from "../../words";
import { RecordBody } from "../shared/document";

function Row({ grant }: { grant: GrantLine }) {
  const t = useT();
  const home = useName(grant.home);
  return (
    <li className="item">
      <div className="main">
        <p className="title">{t("A record kept at {{home}}", { home })}</p>
        <p className="small muted">
          {partsWords(grant.parts)} · {purposeWords(grant.purpose)} · {t("ends")} <Time at={grant.until} />
        </p>
      </div>
      {isLive(grant, now()) ? (
        <ButtonLink to={`/shared/${grant.grant}`} kind="primary" small>
          {t("Open")}
        </ButtonLink>
      ) : (
        <Badge>{grant.stage === "revoked" ? t("Taken back") : grant.stage === "erased" ? t("Erased") : t("Ended")}</Badge>
      )}
    </li>
  );
}

export default function SharedPage() {
  const t = useT();
  const grants = useStaffGrants();
  const sorted = [...(grants.data ?? [])].sort((a, b) => Number(isLive(b, now())) - Number(isLive(a, now())) || b.from - a.from);
  return (
    <div className="stack loose narrow">
      <PageHead title={t("Shared with me")} lead={t("Each opening is written into the patient's log before it is served.")} />
      {grants.error ? <Problem error={grants.error} retry={() => void grants.refetch()} /> : null}
      {grants.isPending ? <Skeleton /> : null}
      {grants.data?.length === 0 ? (
        <Empty title={t("Nobody has shared anything with you")} sign={<FolderOpen size={32} aria-hidden />} action={<ButtonLink to="/asked" kind="primary">{t("Ask for access")}</ButtonLink>}>
          {t("Ask a patient, or give them your address: it stands under “Me”.")}
        </Empty>
      ) : null}
      {sorted.length > 0 ? (
        <ul className="list">
          {sorted.map((grant) => (
            <Row key={grant.grant} grant={grant} />
          ))}
        </ul>
      ) : null}
    </div>
  );
}

export function OneSharedPage() {
  const t = useT();
  const { grant: id } = useParams<{ grant: string }>();
  const { who } = useSignedIn();
  const grants = useStaffGrants();
  const grant = grants.data?.find((line) => line.grant === id);
  const home = useName(grant?.home);
  const [open, setOpen] = useState(false);
  if (grants.isPending) return <Skeleton lines={4} />;
  if (!grant) return <Empty title={t("Not shared with you")} action={<ButtonLink to="/shared">{t("Shared with me")}</ButtonLink>} />;
  const gone = !isLive(grant, now());
  const emergency = grant.purpose === "ETREAT" && who.staff === null;
  return (
    <div className="stack loose">
      <ButtonLink to={emergency ? "/trusted" : "/shared"} kind="quiet" small>
        <ArrowLeft size={16} aria-hidden className="flip" /> {emergency ? t("In an emergency") : t("Shared with me")}
      </ButtonLink>
      {open && !gone ? (
        <Opened grant={grant} />
      ) : (
        <div className="stack narrow">
          <PageHead title={t("A record kept at {{home}}", { home })} lead={`${partsWords(grant.parts)} · ${purposeWords(grant.purpose)}`} />
          {gone ? (
            <Notice tone="warn" live title={grant.stage === "revoked" ? t("The patient took this access back") : t("This access is over")}>
              <p>{t("Ask again if you still need it.")}</p>
              {who.staff ? (
                <ButtonLink to="/asked" small>
                  {t("Ask for access")}
                </ButtonLink>
              ) : null}
            </Notice>
          ) : (
            <Notice tone={emergency ? "warn" : "plain"} title={emergency ? t("For an emergency only") : t("Opening it is written down")}>
              <p>{emergency ? t("The patient trusts you to open this when they cannot be asked. It is written down, and they are told at once.") : t("The patient sees that you opened it, and when.")}</p>
              <div className="buttons">
                <Button kind="primary" onClick={() => setOpen(true)}>
                  <FolderOpen size={18} aria-hidden /> {t("Open it now")}
                </Button>
              </div>
            </Notice>
          )}
        </div>
      )}
    </div>
  );
}

function Opened({ grant }: { grant: GrantLine }) {
  const t = useT();
  const session = useSession();
  const opened = useQuery({ queryKey: ["opened", "grant", grant.grant], queryFn: () => session.staff.open(grant.grant), staleTime: Infinity, retry: false, gcTime: 0 });
  const has = opened.data?.parts.some((part) => part.name === "document");
  const document = useDocument(["grant", grant.grant], has ? opened.data : undefined);
  const author = useName(opened.data?.author);
  if (opened.error) {
    const { code } = told(opened.error);
    return <Problem error={opened.error} title={code ? t("Not opened: {{why}}", { why: refusalWords(code) }) : t("Not opened")} retry={() => void opened.refetch()} />;
  }
  if (!opened.data) return <Skeleton lines={4} label={t("Fetching and opening on this device")} />;
  return (
    <>
      <PageHead title={document.data ? <Said>{document.data.text.title}</Said> : t("A shared record")} lead={<>{author} · <Time at={opened.data.createdAt} /></>} />
      <div className="row">
        <Badge tone="good">{t("Signed by {{author}}, and unchanged since", { author })}</Badge>
        <Badge tone="accent">
          {t("ends")} <Time at={grant.until} />
        </Badge>
        {opened.data.hidden > 0 ? <Badge>{t("{{count}} parts stay hidden", { count: opened.data.hidden })}</Badge> : null}
      </div>
      <RecordBody id={`grant/${grant.grant}`} opened={opened.data} />
      <Fold>
        <p className="small">
          {t("Grant")} <Hash value={grant.grant} /> · {t("Entry {{leaf}} of the log", { leaf: opened.data.leaf })}
        </p>
      </Fold>
    </>
  );
}
