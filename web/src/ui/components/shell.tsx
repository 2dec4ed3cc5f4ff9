/** The frame around every page of somebody who has signed in. */
import { LogOut, Moon, Sun } from "lucide-react";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { Link, useLocation } from "wouter";

import { useSignedIn } from "../data/session";
import { chooseLanguage, type Language, language, LANGUAGES, useT } from "../i18n";
import { chooseTheme, theme } from "../theme";
import { Button } from "./basics";
import { Toasts } from "./toasts";

export interface NavItem {
  to: string;
  label: string;
  sign: ReactNode;
  count?: number;
}

export function Mark({ size = 28 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden focusable="false">
      <path d="M9 28V9.5C9 5.4 12.1 3 16 3s7 2.4 7 6.5V28" fill="none" stroke="currentColor" strokeWidth="2.6" strokeLinejoin="round" />
      <path d="M5.5 28.5h21" stroke="currentColor" strokeWidth="2.6" strokeLinecap="round" />
      <path d="M13 12h6M13 16.5h6M13 21h3.5" stroke="currentColor" strokeWidth="2" strokeLinecap="round" />
    </svg>
  );
}

function isDark(): boolean {
  const chosen = theme();
  return chosen === "dark" || (chosen === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
}

export function LookControls() {
  const t = useT();
  const [dark, setDark] = useState(isDark);
  const turn = () => {
    chooseTheme(dark ? "light" : "dark");
    setDark(!dark);
  };
  return (
    <div className="row">
      <label>
        <span className="sr-only">{t("Language")}</span>
        <select className="input" style={{ inlineSize: "auto", minBlockSize: "var(--target-dense)", paddingBlock: "0" }} value={language()} onChange={(event) => void chooseLanguage(event.target.value as Language)}>
          {Object.entries(LANGUAGES).map(([code, name]) => (
            <option key={code} value={code} lang={code}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <Button small kind="quiet" onClick={turn} aria-label={dark ? t("Light") : t("Dark")} title={dark ? t("Light") : t("Dark")}>
        {dark ? <Sun size={18} aria-hidden /> : <Moon size={18} aria-hidden />}
      </Button>
    </div>
  );
}

function active(path: string, to: string): boolean {
  return to === "/" ? path === "/" : path === to || path.startsWith(`${to}/`);
}

export function Shell({ items, children }: { items: readonly NavItem[]; children: ReactNode }) {
  const t = useT();
  const { session, leave } = useSignedIn();
  const [path] = useLocation();
  const last = useRef(path);
  useEffect(() => {
    if (last.current === path) return;
    last.current = path;
    scrollTo(0, 0);
  }, [path]);
  const brand = (
    <Link href="/" className="brand">
      <Mark />
      <span>
        Stele
        <small>
          <bdi>{session.card.name}</bdi>
        </small>
      </span>
    </Link>
  );
  const out = (
    <Button small kind="quiet" onClick={() => void leave()}>
      <LogOut size={16} aria-hidden /> {t("Sign out")}
    </Button>
  );
  return (
    <>
      <a href="#main" className="skip">
        {t("Skip to the content")}
      </a>
      <div className="shell">
        <header className="topbar no-print">
          {brand}
          <div className="row">
            <LookControls />
            {out}
          </div>
        </header>
        <aside className="rail no-print" aria-label={t("Menu")}>
          {brand}
          <nav aria-label={t("Main")}>
            <ul className="nav">
              {items.map((item) => (
                <li key={item.to}>
                  <Link href={item.to} aria-current={active(path, item.to) ? "page" : undefined}>
                    {item.sign}
                    <span>{item.label}</span>
                    {item.count ? (
                      <span className="count">
                        {item.count}
                        <span className="sr-only"> {t("new")}</span>
                      </span>
                    ) : null}
                  </Link>
                </li>
              ))}
            </ul>
          </nav>
          <div className="foot">
            <LookControls />
            {out}
          </div>
        </aside>
        <main id="main" className="content" tabIndex={-1}>
          {children}
        </main>
      </div>
      <Toasts />
    </>
  );
}
