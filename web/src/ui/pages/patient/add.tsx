/** "Add to my record?": what it does, when it is sent, and who pays. */
import { useState } from "react";
import { useLocation } from "wouter";

import { type ApprovalTerms, type Hex, NodeError, type OpenedRecord, type VersionView, WalletError } from "../../../lib";
import { Notice } from "../../components/basics";
import { Choices, Field, Select } from "../../components/form";
import { told } from "../../components/problem";
import { SignDialog } from "../../components/sign";
import { toast } from "../../components/toasts";
import { lowFee, useHolds, type Wait, waitFor, WAITS } from "../../data/acts";
import { costOf, useCosts, useForecast } from "../../data/fees";
import { useFollow } from "../../data/hooks";
import { useSession, useSignedIn } from "../../data/session";
import { now, shortTime } from "../../format";
import { useT } from "../../i18n";
import { useWallets, WalletChoice } from "./carry";
import { CostRow, priceWords, useOutlook, When } from "./cost";

type Time = "now" | "cheap";
type Payer = "hospital" | "self";

/** Once the commit is in a block, trusted people who are to have later records get this one, too. */
function useTellTrusted(): (act: Hex) => void {
  const { session, ended } = useSignedIn();
  const follow = useFollow();
  const t = useT();
  return (act) => {
    const extend = async () => {
      await session.settled(act, ended);
      // A wallet outside of the app would open a window that nobody asked for.
      if (session.account.wallet !== "app") return;
      const { acts } = await session.patient.extendTrusted();
      for (const one of acts) follow(one, t("Adding records for your trusted people"));
    };
    // What fails here stands under "In an emergency", with a button.
    extend().catch(() => undefined);
  };
}

export default function Add({ opened, title, author, onClose }: { opened: OpenedRecord; title: string; author: string; onClose: () => void }) {
  const t = useT();
  const session = useSession();
  const follow = useFollow();
  const tellTrusted = useTellTrusted();
  const [, go] = useLocation();
  const [label, setLabel] = useState(title);
  const [when, setWhen] = useState<Time>("now");
  const [payer, setPayer] = useState<Payer>("hospital");
  const [picked, setDays] = useState<Wait | null>(null);
  const [chosen, choose] = useState("");
  const all = useWallets();
  const wallet = all.find((one) => one.id === chosen) ?? all[0];
  const holds = useHolds();
  const costs = useCosts();
  const forecast = useForecast();
  const outlook = useOutlook("commit");
  const days = picked ?? waitFor(forecast.data);
  const fee = holds && costs.data && when === "cheap" && payer === "hospital" ? lowFee(costs.data, forecast.data, days, now()) : null;
  const terms: ApprovalTerms = payer === "self" ? { payer } : fee ? { when: fee } : {};
  const hospital = session.card.name;
  const ceiling = costs.data && fee ? priceWords(costs.data, costOf(costs.data, "commit", fee.maxFeeWei + costs.data.priority_fee_wei) ?? 0) : null;
  const name = t("Adding “{{label}}” to your record", { label });

  const pay = async (view: VersionView) => {
    if (view.act === null || !wallet) return;
    const act = await session.act(view.act);
    if (act.ownWallet === null) return;
    try {
      await session.payOwn(act.act, act.ownWallet, wallet);
    } catch (error) {
      if (!(error instanceof WalletError || error instanceof NodeError)) throw error;
      toast(`own-${act.act}`, "failed", t("Your wallet has not sent it"), `${told(error).message} ${t("Its page offers to try again, or to let {{hospital}} pay.", { hospital })}`);
    }
  };
  const add = async () => {
    const view = await session.patient.approve(opened, label.trim() || title, terms);
    if (payer === "self") await pay(view);
    if (terms.when) toast(`held-${view.record}`, "done", t("It waits for a cheap hour"), t("At the latest on {{when}}. You need not stay here.", { when: shortTime(terms.when.until) }));
    else if (payer === "hospital") follow(view.act, name);
    if (view.act !== null) tellTrusted(view.act);
    go(terms.when || payer === "self" ? `/record/${view.controller ?? ""}` : "/record");
  };
  return (
    <SignDialog
      open
      onClose={onClose}
      title={t("Add to my record?")}
      what={t("You say that this report by {{author}} belongs to your record. A seal that tells nothing about you is written on Ethereum; the report itself stays encrypted for you.", { author })}
      rows={[
        [t("Who sees it"), t("You, and the hospital that made it. Nobody else until you share it.")],
        [t("Until when"), t("For good. You can erase it later.")],
        [t("Cost"), ceiling === null ? <CostRow key="c" act="commit" /> : t("at most about {{price}}, unless the time runs out", { price: ceiling })],
        [t("Who pays"), payer === "self" ? t("You, from {{wallet}}", { wallet: wallet?.name ?? "–" }) : t("{{hospital}} pays for you", { hospital })],
      ]}
      confirm={payer === "self" ? t("Add it, and pay with my wallet") : fee ? t("Add it when it is cheap") : t("Add it now")}
      disabled={payer === "self" && !wallet}
      onConfirm={add}
    >
      <Field label={t("Your own name for it")} hint={t("Only you see this name.")} value={label} maxLength={200} onChange={(event) => setLabel(event.target.value)} />
      <When outlook={outlook} />
      {holds && payer === "hospital" ? (
        <Choices
          legend={t("When")}
          value={when}
          onPick={setWhen}
          options={[
            { value: "now", label: t("Now"), hint: t("It is in your record in a moment.") },
            { value: "cheap", label: t("When it is cheap"), hint: outlook.best ? outlook.bestWords : t("As soon as the fee falls. You need not stay here.") },
          ]}
        />
      ) : null}
      {fee ? (
        <Select label={t("At the latest")} value={days} onChange={(event) => setDays(Number(event.target.value) as Wait)} hint={t("On {{when}} it is sent whatever it costs then.", { when: shortTime(fee.until) })}>
          {WAITS.map((wait) => (
            <option key={wait} value={wait}>
              {t("in {{count}} days", { count: wait })}
            </option>
          ))}
        </Select>
      ) : null}
      {holds ? (
        <Choices
          legend={t("Who pays")}
          value={payer}
          onPick={setPayer}
          options={[
            { value: "hospital", label: hospital, hint: t("It costs you nothing.") },
            { value: "self", label: t("My own wallet"), hint: wallet ? t("It shows you the cost and asks.") : t("No wallet of this browser has announced itself.") },
          ]}
        />
      ) : null}
      {payer === "self" ? (
        <>
          <WalletChoice all={all} chosen={wallet?.id ?? ""} onPick={choose} />
          <Notice tone="warn" title={t("Your wallet's address will stand beside this seal")}>
            <p className="small">{t("Everybody can read on Ethereum that this address paid for a seal of Stele. Whoever knows whose address it is learns that you have a record here, not what is in it.")}</p>
          </Notice>
        </>
      ) : null}
    </SignDialog>
  );
}
