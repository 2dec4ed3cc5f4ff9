/** Short news in a corner, read out by screen readers; states of transactions update in place. */
import { AlertTriangle, CheckCircle2, Hourglass, X } from "lucide-react";
import { useSyncExternalStore } from "react";

import { useT } from "../i18n";
import { IconButton } from "./basics";

export type ToastState = "going" | "done" | "failed";
interface Toast {
  id: string;
  state: ToastState;
  title: string;
  text?: string | undefined;
}

const STAYS_MS = 8_000;
let toasts: readonly Toast[] = [];
const watchers = new Set<() => void>();

function publish(next: readonly Toast[]): void {
  toasts = next;
  for (const watcher of watchers) watcher();
}

export function dismiss(id: string): void {
  publish(toasts.filter((toast) => toast.id !== id));
}

/** Nothing of one person's stays for the next one at this browser. */
export function clearToasts(): void {
  publish([]);
}

/** Show or update a toast. A finished one goes by itself; a failed one waits to be read. */
export function toast(id: string, state: ToastState, title: string, text?: string): void {
  const fresh = { id, state, title, text };
  const known = toasts.some((other) => other.id === id);
  publish(known ? toasts.map((other) => (other.id === id ? fresh : other)) : [...toasts, fresh].slice(-4));
  if (state === "done") setTimeout(() => dismiss(id), STAYS_MS);
}

const SIGNS = { going: Hourglass, done: CheckCircle2, failed: AlertTriangle };

export function Toasts() {
  const t = useT();
  const shown = useSyncExternalStore(
    (watch) => {
      watchers.add(watch);
      return () => watchers.delete(watch);
    },
    () => toasts,
  );
  return (
    <div className="toasts no-print" role="status" aria-live="polite">
      {shown.map(({ id, state, title, text }) => {
        const Sign = SIGNS[state];
        return (
          <div key={id} className={`toast ${state}`}>
            <Sign size={20} aria-hidden />
            <div>
              <p className="strong">{title}</p>
              {text ? <p className="small muted">{text}</p> : null}
            </div>
            <IconButton label={t("Close")} kind="quiet" small onClick={() => dismiss(id)}>
              <X size={16} aria-hidden />
            </IconButton>
          </div>
        );
      })}
    </div>
  );
}
