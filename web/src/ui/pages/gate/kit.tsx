/** The recovery kit, to print or write down. */
import { Printer } from "lucide-react";
import { lazy, Suspense, useState } from "react";

import type { RecoveryKit } from "../../../lib";
import { Button, Notice, Said, Skeleton } from "../../components/basics";
import { Check } from "../../components/form";
import { Problem } from "../../components/problem";
import { date } from "../../format";
import { useT } from "../../i18n";

const Qr = lazy(() => import("../../components/qr"));

/** The page itself, as it is printed. */
export function KitSheet({ kit }: { kit: RecoveryKit }) {
  const t = useT();
  return (
    <div className="kit">
      <h2>{t("Stele recovery kit")}</h2>
      <p>
        <Said>{kit.name}</Said>, {date(kit.createdAt)}
      </p>
      <p className="small mono">{kit.address}</p>
      <Suspense fallback={<Skeleton lines={2} />}>
        <Qr text={kit.qr} label={t("Recovery code as a QR code")} />
      </Suspense>
      <ol className="mono kit-words" lang="en">
        {kit.words.map((word, i) => (
          <li key={i}>{word}</li>
        ))}
      </ol>
      <p className="small">{t("Whoever has this page has the keys. Keep it like a passport. To use it: open your hospital's page and choose “Bring a key”.")}</p>
    </div>
  );
}

export function Kit({ kit, busy, error, onDone }: { kit: RecoveryKit; busy: boolean; error: unknown; onDone: () => void }) {
  const t = useT();
  const [kept, setKept] = useState(false);
  return (
    <div className="stack">
      <div className="stack tight no-print">
        <h1>{t("Your recovery kit")}</h1>
        <Notice tone="warn" title={t("Keep it on paper, away from this device")}>
          {t("Print it or write it down. It is the only way back to your records if this device is lost.")}
        </Notice>
      </div>
      <KitSheet kit={kit} />
      <div className="stack no-print">
        <div className="buttons">
          <Button onClick={() => print()}>
            <Printer size={18} aria-hidden /> {t("Print")}
          </Button>
        </div>
        <Check label={t("I have printed it or written it down")} checked={kept} onChange={(event) => setKept(event.target.checked)} />
        {error ? <Problem error={error} title={t("Not signed in")} /> : null}
        <div className="buttons">
          <Button kind="primary" disabled={!kept} busy={busy} onClick={onDone}>
            {busy ? t("Signing in …") : t("Go on")}
          </Button>
        </div>
      </div>
    </div>
  );
}
