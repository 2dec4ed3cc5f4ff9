/** Reports that wait for the patient. */
import { Inbox as InboxSign, KeyRound, MailOpen } from "lucide-react";
import { Link } from "wouter";

import type { RequestLine, VersionView } from "../../../lib";
import { Badge, Empty, PageHead, Said, Skeleton, Time } from "../../components/basics";
import { Problem } from "../../components/problem";
import { useDocument, useInbox, useName, useOpened, usePatientRequests } from "../../data/hooks";
import { useT } from "../../i18n";
import { purposeWords } from "../../words";

function Waiting({ view }: { view: VersionView }) {
  const t = useT();
  const opened = useOpened(view);
  const document = useDocument([view.record, view.version], opened.data);
  const author = useName(view.author);
  const hospital = useName(view.institution);
  const title = document.data?.text.title;
  return (
    <li>
      <Link href={`/inbox/${view.record}`} className="item">
        <span className="sign">
          <MailOpen size={20} aria-hidden />
        </span>
        <span className="main">
          <span className="title">{title ? <Said>{title}</Said> : opened.error ? t("A report that does not open") : t("Opening …")}</span>
          <br />
          <span className="muted small">
            {t("from {{author}}, {{hospital}}", { author, hospital })} · <Time at={view.createdAt} />
          </span>
        </span>
        {opened.error ? <Badge tone="bad">{t("Check failed")}</Badge> : view.version > 1 ? <Badge tone="warn">{t("A correction")}</Badge> : <Badge tone="accent">{t("New")}</Badge>}
      </Link>
    </li>
  );
}

function Asked({ request }: { request: RequestLine }) {
  const t = useT();
  const who = useName(request.requester);
  return (
    <li>
      <Link href={`/requests/${request.id}`} className="item">
        <span className="sign warn">
          <KeyRound size={20} aria-hidden />
        </span>
        <span className="main">
          <span className="title">{t("{{who}} asks to see your record", { who })}</span>
          <br />
          <span className="muted small">
            {purposeWords(request.purpose)} · <Time at={request.receivedAt} />
          </span>
        </span>
        <Badge tone="wait">{t("Waits for your answer")}</Badge>
      </Link>
    </li>
  );
}

export default function InboxPage() {
  const t = useT();
  const inbox = useInbox();
  const requests = usePatientRequests();
  const open = (requests.data ?? []).filter((request) => request.answer === null);
  return (
    <div className="stack loose narrow">
      <PageHead title={t("Inbox")} lead={t("Nothing enters your record, and nobody sees it, before you have said yes.")} />
      {inbox.error ? <Problem error={inbox.error} retry={() => void inbox.refetch()} /> : null}
      {requests.error ? <Problem error={requests.error} retry={() => void requests.refetch()} /> : null}
      {inbox.isPending ? <Skeleton /> : null}
      {inbox.data && inbox.data.length > 0 ? (
        <section className="stack tight" aria-labelledby="reports">
          <h2 id="reports">{t("Reports to read")}</h2>
          <ul className="list">
            {[...inbox.data].sort((a, b) => b.createdAt - a.createdAt).map((view) => (
              <Waiting key={`${view.record}${view.version}`} view={view} />
            ))}
          </ul>
        </section>
      ) : null}
      {open.length > 0 ? (
        <section className="stack tight" aria-labelledby="asked">
          <h2 id="asked">{t("Somebody asks")}</h2>
          <ul className="list">
            {open.map((request) => (
              <Asked key={request.id} request={request} />
            ))}
          </ul>
        </section>
      ) : null}
      {inbox.data?.length === 0 && requests.data && open.length === 0 ? (
        <Empty title={t("All read")} sign={<InboxSign size={32} aria-hidden />}>
          {t("When a doctor sends you a report or somebody asks to see your record, it waits here.")}
        </Empty>
      ) : null}
    </div>
  );
}
