/** Read one report, then take it into the record or send it back. */
import { ArrowLeft, Check, Undo2 } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { useLocation, useParams } from "wouter";

import type { OpenedRecord } from "../../../lib";
import { Badge, Button, ButtonLink, Fold, Hash, Notice, PageHead, Said, Skeleton, Time } from "../../components/basics";
import { TextArea } from "../../components/form";
import { Problem } from "../../components/problem";
import { SignDialog } from "../../components/sign";
import { toast } from "../../components/toasts";
import { useDocument, useInbox, useName, useOpened, useRefresh } from "../../data/hooks";
import { useSession } from "../../data/session";
import { useT } from "../../i18n";
import { RecordBody } from "../shared/document";

const Add = lazy(() => import("./add"));

export default function ApprovePage() {
  const t = useT();
  const { record } = useParams<{ record: string }>();
  const inbox = useInbox();
  const view = inbox.data?.find((line) => line.record === record);
  const opened = useOpened(view);
  const document = useDocument([view?.record, view?.version], opened.data);
  const author = useName(view?.author);
  const hospital = useName(view?.institution);
  if (inbox.isPending) return <Skeleton lines={4} />;
  if (!view) {
    return (
      <div className="stack narrow">
        <Notice tone="good" title={t("This report does not wait any more")}>
          <p>{t("You have answered it already.")}</p>
        </Notice>
        <div className="buttons">
          <ButtonLink to="/inbox">{t("Back to the inbox")}</ButtonLink>
          <ButtonLink to="/record" kind="primary">
            {t("See my record")}
          </ButtonLink>
        </div>
      </div>
    );
  }
  return (
    <div className="stack loose">
      <ButtonLink to="/inbox" kind="quiet" small>
        <ArrowLeft size={16} aria-hidden className="flip" /> {t("Inbox")}
      </ButtonLink>
      <PageHead
        title={document.data ? <Said>{document.data.text.title}</Said> : t("Opening …")}
        lead={
          <>
            {t("from {{author}}, {{hospital}}", { author, hospital })} · <Time at={view.createdAt} />
          </>
        }
      >
        {opened.data ? <Answer opened={opened.data} title={document.data?.text.title ?? ""} author={author} /> : null}
      </PageHead>
      {opened.error ? (
        <Problem error={opened.error} title={t("This report does not hold. Do not add it to your record.")} retry={() => void opened.refetch()} />
      ) : null}
      {opened.data ? (
        <>
          <div className="row">
            <Badge tone="good">{t("Signed by {{author}}, and unchanged since", { author })}</Badge>
          </div>
          <RecordBody id={`${view.record}/${String(view.version)}`} opened={opened.data} />
          <Fold>
            <p className="small">
              {t("Commitment")} <Hash value={view.commitment} /> · {t("Sealed manifest")} <span className="mono">{view.manifest}</span>
            </p>
          </Fold>
        </>
      ) : opened.isPending ? (
        <Skeleton lines={4} label={t("Fetching and opening on this device")} />
      ) : null}
    </div>
  );
}

function Answer({ opened, title, author }: { opened: OpenedRecord; title: string; author: string }) {
  const t = useT();
  const [asked, ask] = useState<"add" | "refuse" | null>(null);
  return (
    <>
      <Button kind="danger" onClick={() => ask("refuse")}>
        <Undo2 size={18} aria-hidden /> {t("Send back")}
      </Button>
      <Button kind="primary" onClick={() => ask("add")}>
        <Check size={18} aria-hidden /> {t("Add to my record")}
      </Button>
      {asked === "add" ? (
        <Suspense fallback={null}>
          <Add opened={opened} title={title} author={author} onClose={() => ask(null)} />
        </Suspense>
      ) : null}
      {asked === "refuse" ? <Refuse opened={opened} author={author} onClose={() => ask(null)} /> : null}
    </>
  );
}

function Refuse({ opened, author, onClose }: { opened: OpenedRecord; author: string; onClose: () => void }) {
  const t = useT();
  const session = useSession();
  const refresh = useRefresh();
  const [, go] = useLocation();
  const [reason, setReason] = useState("");
  const refuse = async () => {
    await session.patient.refuse(opened.view, reason.trim());
    refresh();
    toast(`refuse-${opened.view.record}`, "done", t("Sent back to {{author}}", { author }));
    go("/inbox");
  };
  return (
    <SignDialog
      open
      danger
      onClose={onClose}
      title={t("Send this report back?")}
      what={t("It does not enter your record. {{author}} is told why; nobody else can read the reason.", { author })}
      rows={[
        [t("To whom"), author],
        [t("Cost"), t("Nothing")],
      ]}
      confirm={t("Send back")}
      disabled={reason.trim() === ""}
      onConfirm={refuse}
    >
      <TextArea label={t("What is wrong with it?")} value={reason} maxLength={2000} onChange={(event) => setReason(event.target.value)} />
    </SignDialog>
  );
}
