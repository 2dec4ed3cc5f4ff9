/** An act that has not left yet: held for a low fee, or waiting for the patient's own wallet. */
import { useSyncExternalStore, useState } from "react";

import type { ActView, ExternalWallet, Hex, OwnWalletCall } from "../../../lib";
import { Button, Notice, Time } from "../../components/basics";
import { Select } from "../../components/form";
import { Problem } from "../../components/problem";
import { watchWallets, wallets } from "../../data/accounts";
import { useAct } from "../../data/acts";
import { useCosts } from "../../data/fees";
import { useFollow } from "../../data/hooks";
import { useSession } from "../../data/session";
import { shortTime } from "../../format";
import { useT } from "../../i18n";
import { priceWords } from "./cost";

export function useWallets(): readonly ExternalWallet[] {
  return useSyncExternalStore(watchWallets, wallets);
}

export function WalletChoice({ all, chosen, onPick }: { all: readonly ExternalWallet[]; chosen: string; onPick: (id: string) => void }) {
  const t = useT();
  if (all.length < 2) return null;
  return (
    <Select label={t("Which wallet")} value={chosen} onChange={(event) => onPick(event.target.value)}>
      {all.map((wallet) => (
        <option key={wallet.id} value={wallet.id}>
          {wallet.name}
        </option>
      ))}
    </Select>
  );
}

/** What an act waits for, with what the patient can do about it; nothing once it is on its way. */
export default function Carry({ act: id, title }: { act: Hex; title: string }) {
  const act = useAct(id);
  if (!act.data) return null;
  if (act.data.waiting) return <Held act={act.data} title={title} />;
  if (act.data.progress === "own_wallet" && act.data.ownWallet) return <Own act={act.data} call={act.data.ownWallet} title={title} />;
  return null;
}

function useSendNow(act: ActView, title: string) {
  const session = useSession();
  const follow = useFollow();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const run = async (send: () => Promise<unknown>) => {
    setBusy(true);
    setError(null);
    try {
      await send();
      follow(act.act, title);
    } catch (failure) {
      setError(failure);
    }
    setBusy(false);
  };
  return { busy, error, run, sendNow: () => run(() => session.sendNow(act.act)) };
}

function Held({ act, title }: { act: ActView; title: string }) {
  const t = useT();
  const costs = useCosts();
  const { busy, error, sendNow } = useSendNow(act, title);
  if (!act.waiting) return null;
  const { maxFeeWei, until } = act.waiting;
  const gas = costs.data?.gas.commit ?? 0;
  const price = costs.data && gas > 0 ? priceWords(costs.data, gas * (maxFeeWei + costs.data.priority_fee_wei)) : null;
  return (
    <Notice tone="wait" title={t("Waiting for a cheap hour, at the latest on {{when}}", { when: shortTime(until) })}>
      <p className="small">
        {price === null ? null : t("It is sealed as soon as it costs no more than {{price}}.", { price })} {t("Until then the report is kept and only you and its hospital can read it. You need not stay here.")}
      </p>
      {error ? <Problem error={error} /> : null}
      <div className="buttons">
        <Button small busy={busy} onClick={() => void sendNow()}>
          {t("Send it now")}
        </Button>
      </div>
    </Notice>
  );
}

function Own({ act, call, title }: { act: ActView; call: OwnWalletCall; title: string }) {
  const t = useT();
  const session = useSession();
  const all = useWallets();
  const [chosen, choose] = useState("");
  const { busy, error, run, sendNow } = useSendNow(act, title);
  const wallet = all.find((one) => one.id === chosen) ?? all[0];
  return (
    <Notice tone="wait" title={t("Waits for your own wallet")}>
      <p className="small">
        {t("If your wallet does not send it, {{hospital}} does and pays:", { hospital: session.card.name })} <Time at={call.relayAt} />
      </p>
      {wallet ? null : <p className="small">{t("No wallet of this browser has announced itself.")}</p>}
      <WalletChoice all={all} chosen={wallet?.id ?? ""} onPick={choose} />
      {error ? <Problem error={error} /> : null}
      <div className="buttons">
        {wallet ? (
          <Button small kind="primary" busy={busy} onClick={() => void run(() => session.payOwn(act.act, call, wallet))}>
            {t("Pay with {{wallet}}", { wallet: wallet.name })}
          </Button>
        ) : null}
        <Button small busy={busy} onClick={() => void sendNow()}>
          {t("Let {{hospital}} pay", { hospital: session.card.name })}
        </Button>
      </div>
    </Notice>
  );
}
