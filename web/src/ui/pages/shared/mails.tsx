/** The demo's mails, which a real hospital would send by SMTP. */
import { useQuery } from "@tanstack/react-query";
import { Mail } from "lucide-react";

import type { Wire } from "../../../lib";
import { Empty, Notice, PageHead, Said, Skeleton, Time } from "../../components/basics";
import { Problem } from "../../components/problem";
import { FRESH_MS } from "../../data/hooks";
import { useT } from "../../i18n";

type DemoMail = Wire<"Mail">;

export function useMails() {
  return useQuery({
    queryKey: ["mails"],
    queryFn: async () => {
      const answer = await fetch("/api/v1/mails");
      if (!answer.ok) throw new Error(`the node answered ${String(answer.status)}`);
      return (await answer.json()) as readonly DemoMail[];
    },
    refetchInterval: FRESH_MS,
    retry: false,
  });
}

export default function MailsPage() {
  const t = useT();
  const mails = useMails();
  return (
    <div className="stack loose narrow">
      <PageHead title={t("Mails of this demo")} />
      <Notice title={t("Only in the demo")}>{t("A hospital sends these by SMTP; nobody could read them here.")}</Notice>
      {mails.error ? <Problem error={mails.error} title={t("This hospital's node shows no mails")} /> : null}
      {mails.isPending ? <Skeleton /> : null}
      {mails.data?.length === 0 ? <Empty title={t("No mails yet")} sign={<Mail size={32} aria-hidden />} /> : null}
      <ul className="list">
        {(mails.data ?? []).map((mail) => (
          <li key={mail.id} className="card stack tight">
            <h2>
              <Said>{mail.subject}</Said>
            </h2>
            <p className="small muted">
              <Said>{mail.to}</Said>
              {" · "}
              <Time at={mail.created_at} />
            </p>
            <Said prose>{mail.text}</Said>
          </li>
        ))}
      </ul>
    </div>
  );
}
