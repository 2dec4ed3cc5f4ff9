/** Buttons, badges, notices, times, empty and loading states. */
import { AlertTriangle, CheckCircle2, Clock, Info, XCircle } from "lucide-react";
import { type ButtonHTMLAttributes, type ReactNode, useEffect, useRef, useState } from "react";
import { Link } from "wouter";

import { exactTime, relativeTime, shortHex } from "../format";
import { useT } from "../i18n";

/** `wait`: nothing is wrong, somebody is to act. */
export type Tone = "plain" | "good" | "wait" | "warn" | "bad" | "accent";
const SIGNS = { plain: Info, accent: Info, good: CheckCircle2, wait: Clock, warn: AlertTriangle, bad: XCircle };

type ButtonProps = ButtonHTMLAttributes<HTMLButtonElement> & {
  kind?: "primary" | "danger" | "danger solid" | "quiet" | "";
  small?: boolean;
  /** The act is under way: the button stays focusable and says so. */
  busy?: boolean;
};

export function Button({ kind = "", small, busy, className, children, onClick, ...rest }: ButtonProps) {
  const names = ["button", kind, small ? "small" : "", className ?? ""].filter(Boolean).join(" ");
  return (
    <button
      type="button"
      {...rest}
      className={names}
      aria-disabled={busy === true || undefined}
      aria-busy={busy === true || undefined}
      onClick={busy ? (event) => event.preventDefault() : onClick}
    >
      {children}
    </button>
  );
}

export function IconButton({ label, children, ...rest }: ButtonProps & { label: string }) {
  return (
    <Button {...rest} aria-label={label} title={label} className={`icon ${rest.className ?? ""}`}>
      {children}
    </Button>
  );
}

export function ButtonLink({ to, kind = "", small, children }: { to: string; kind?: string; small?: boolean; children: ReactNode }) {
  return (
    <Link href={to} className={`button ${kind} ${small ? "small" : ""}`}>
      {children}
    </Link>
  );
}

export function Badge({ tone = "plain", children }: { tone?: Tone; children: ReactNode }) {
  const Sign = SIGNS[tone];
  return (
    <span className={`badge ${tone === "wait" ? "warn" : tone}`}>
      {tone === "plain" || tone === "accent" ? null : <Sign size={14} aria-hidden />}
      {children}
    </span>
  );
}

export function Notice({ tone = "plain", title, children, live }: { tone?: Tone; title?: ReactNode; children?: ReactNode; live?: boolean }) {
  const Sign = SIGNS[tone];
  return (
    <div className={`notice ${tone === "wait" ? "warn" : tone}`} role={live ? (tone === "bad" ? "alert" : "status") : undefined}>
      <Sign size={20} aria-hidden />
      <div className="stack tight">
        {title ? <p className="strong">{title}</p> : null}
        {children}
      </div>
    </div>
  );
}

/** A time, relative; the exact one on hover and for screen readers. */
export function Time({ at }: { at: number }) {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((n) => n + 1), 30_000);
    return () => clearInterval(timer);
  }, []);
  const exact = exactTime(at);
  return (
    <time dateTime={new Date(at * 1000).toISOString()} title={exact}>
      {relativeTime(at)}
    </time>
  );
}

/** Whatever a person wrote: its direction is its own. */
export function Said({ children, prose }: { children: string; prose?: boolean }) {
  return prose ? (
    <p dir="auto" className="prose">
      {children}
    </p>
  ) : (
    <bdi>{children}</bdi>
  );
}

export function Hash({ value }: { value: string }) {
  return (
    <span className="mono" title={value}>
      {shortHex(value)}
    </span>
  );
}

/** Addresses, hashes, gas: there for those who unfold them. */
export function Fold({ label, children }: { label?: string; children: ReactNode }) {
  const t = useT();
  return (
    <details className="fold">
      <summary>{label ?? t("Technical details")}</summary>
      {children}
    </details>
  );
}

export function Facts({ rows }: { rows: readonly (readonly [string, ReactNode] | null | false)[] }) {
  return (
    <dl className="facts">
      {rows.map((row) =>
        row ? (
          <div key={row[0]} style={{ display: "contents" }}>
            <dt>{row[0]}</dt>
            <dd>{row[1]}</dd>
          </div>
        ) : null,
      )}
    </dl>
  );
}

export function Skeleton({ lines = 3, label }: { lines?: number; label?: string }) {
  const t = useT();
  return (
    <div className="stack" role="status" aria-label={label ?? t("Loading")}>
      {Array.from({ length: lines }, (_, i) => (
        <span key={i} className="skeleton" style={{ inlineSize: `${String(100 - ((i * 17) % 40))}%`, blockSize: i === 0 ? "1.6rem" : "3.4rem" }} />
      ))}
    </div>
  );
}

export function Empty({ title, children, sign, action }: { title: string; children?: ReactNode; sign?: ReactNode; action?: ReactNode }) {
  return (
    <div className="empty">
      {sign}
      <h2>{title}</h2>
      {children ? <p>{children}</p> : null}
      {action}
    </div>
  );
}

/** The path whose title had the focus last; nothing before the first page. */
let arrivedAt: string | null = null;

/** A new page is announced, and the keyboard starts at its top, as soon as its title stands. */
function useArrival() {
  const title = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    const moved = arrivedAt !== null && arrivedAt !== location.pathname;
    arrivedAt = location.pathname;
    if (moved) title.current?.focus({ preventScroll: true });
  }, []);
  return title;
}

export function PageHead({ title, lead, children }: { title: ReactNode; lead?: ReactNode; children?: ReactNode }) {
  const heading = useArrival();
  return (
    <header className="page-head">
      <div>
        <h1 tabIndex={-1} id="page-title" ref={heading}>
          {title}
        </h1>
        {lead ? <p>{lead}</p> : null}
      </div>
      {children ? <div className="buttons">{children}</div> : null}
    </header>
  );
}
