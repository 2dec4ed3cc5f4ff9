/** What happened, in short lines that lead to where it can be answered. */
import { useMutation } from "@tanstack/react-query";
import { Bell } from "lucide-react";
import { useEffect } from "react";
import { Link } from "wouter";

import { Badge, ButtonLink, Empty, PageHead, Skeleton, Time } from "../../components/basics";
import { Problem } from "../../components/problem";
import { useOffers } from "../../data/features";
import { useRefresh } from "../../data/hooks";
import { type NewsItem, useNews } from "../../data/news";
import { useSession } from "../../data/session";
import { useT, type Words } from "../../i18n";

function words(item: NewsItem, t: Words): string {
  const known: Record<string, string> = {
    record_pending: t("A report waits for your answer"),
    record_approved: t("Your report was taken into the record"),
    record_refused: t("A report was sent back"),
    request: t("Somebody asks to see your record"),
    request_answered: t("Your request was answered"),
    grant_received: t("You were given access"),
    grant_revoked: t("Access was taken back"),
    opened: t("Somebody opened what you shared"),
    refused: t("Somebody was refused"),
    letter: t("You have a message"),
    appointment: t("An appointment changed"),
    act_final: t("A transaction is final"),
    act_failed: t("A transaction failed"),
    link_viewed: t("Your guest opened the link"),
  };
  return known[item.kind] ?? item.kind.replaceAll("_", " ");
}

const PLACES: Record<string, string> = {
  record_pending: "/inbox",
  record_approved: "/sent",
  record_refused: "/sent",
  request: "/inbox",
  request_answered: "/asked",
  grant_received: "/shared",
  grant_revoked: "/shared",
  opened: "/activity",
  refused: "/activity",
  letter: "/letters",
  appointment: "/appointments",
  link_viewed: "/access",
};

function isHex(value: unknown): value is string {
  return typeof value === "string" && /^0x[0-9a-f]{64}$/.test(value);
}

/** Only places of this app: whatever a node says, a link never leads elsewhere. */
function place(item: NewsItem): string {
  const { record, request, grant, thread } = item.params;
  if (item.kind === "record_pending" && isHex(record)) return `/inbox/${record}`;
  if (item.kind === "request" && isHex(request)) return `/requests/${request}`;
  if ((item.kind === "grant_received" || item.kind === "request_answered") && isHex(grant)) return `/shared/${grant}`;
  if (item.kind === "letter" && isHex(thread)) return `/letters/${thread}`;
  return PLACES[item.kind] ?? "/";
}

export default function NewsPage() {
  const t = useT();
  const session = useSession();
  const news = useNews();
  const refresh = useRefresh();
  const mails = useOffers("/api/v1/mails");
  const sorted = [...(news.data ?? [])].sort((a, b) => b.at - a.at);
  const newest = sorted[0];
  const seen = useMutation({ mutationFn: (upTo: string) => session.json("POST", "/api/v1/notifications/seen", { up_to: upTo }), onSuccess: refresh });
  const { mutate } = seen;
  const fresh = sorted.some((item) => !item.seen);
  useEffect(() => {
    if (fresh && newest) mutate(newest.id);
  }, [fresh, newest, mutate]);
  return (
    <div className="stack loose narrow">
      <PageHead title={t("News")} lead={t("What happened since you last looked.")}>
        {mails ? <ButtonLink to="/mails">{t("Mails of this demo")}</ButtonLink> : null}
      </PageHead>
      {news.error ? <Problem error={news.error} retry={() => void news.refetch()} /> : null}
      {news.isPending ? <Skeleton /> : null}
      {news.data?.length === 0 ? <Empty title={t("Nothing new")} sign={<Bell size={32} aria-hidden />} /> : null}
      <ul className="list">
        {sorted.map((item) => (
          <li key={item.id}>
            <Link href={place(item)} className="item">
              <span className="main">
                <span className="title">{words(item, t)}</span>
              </span>
              {!item.seen ? <Badge tone="accent">{t("New")}</Badge> : null}
              <Time at={item.at} />
            </Link>
          </li>
        ))}
      </ul>
    </div>
  );
}
