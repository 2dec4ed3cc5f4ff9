/**
 * Before anything is signed or destroyed: what will happen, to whom, until when, at what cost.
 * The words stand here, in the page, before any wallet opens its own window.
 */
import { PenLine } from "lucide-react";
import { type ReactNode, useState } from "react";

import { useT } from "../i18n";
import { Button, Facts } from "./basics";
import { Dialog } from "./overlay";
import { Problem } from "./problem";

export interface SignProps {
  open: boolean;
  onClose: () => void;
  title: string;
  /** What will happen, in a sentence a patient would say. */
  what: ReactNode;
  rows?: readonly (readonly [string, ReactNode] | null | false)[];
  confirm: string;
  danger?: boolean;
  disabled?: boolean;
  children?: ReactNode;
  /** Resolves when the node has taken the act. The dialog closes then. */
  onConfirm: () => Promise<unknown>;
}

export function SignDialog({ open, onClose, title, what, rows, confirm, danger, disabled, children, onConfirm }: SignProps) {
  const t = useT();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const close = () => {
    if (busy) return;
    setError(null);
    onClose();
  };
  const act = async () => {
    setBusy(true);
    setError(null);
    try {
      await onConfirm();
      setBusy(false);
      onClose();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <Dialog open={open} onClose={close} title={title}>
      <div className="stack">
        <div>{typeof what === "string" ? <p>{what}</p> : what}</div>
        {rows ? <Facts rows={rows} /> : null}
        {children}
        {error ? <Problem error={error} /> : null}
      </div>
      <div className="buttons end">
        <Button onClick={close} disabled={busy}>
          {t("Not now")}
        </Button>
        <Button kind={danger ? "danger solid" : "primary"} busy={busy} disabled={disabled === true} onClick={() => void act()}>
          <PenLine size={18} aria-hidden />
          {busy ? t("Signing and sending …") : confirm}
        </Button>
      </div>
    </Dialog>
  );
}
