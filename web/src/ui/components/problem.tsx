/** What went wrong, in the node's own words, and what to do next. */
import type { ReactNode } from "react";

import { useT } from "../i18n";
import { Button, Fold, Notice } from "./basics";

/** What every error of the library has; anything else is a fault of ours. */
interface Told {
  message: string;
  hint?: string | undefined;
  code?: string | undefined;
}

export function told(error: unknown): Told {
  if (error instanceof Error) {
    const extra = error as Error & { hint?: unknown; code?: unknown };
    return {
      message: error.message,
      hint: typeof extra.hint === "string" ? extra.hint : undefined,
      code: typeof extra.code === "string" ? extra.code : undefined,
    };
  }
  return { message: String(error) };
}

export function Problem({ error, title, retry, children }: { error: unknown; title?: string | undefined; retry?: (() => void) | undefined; children?: ReactNode }) {
  const t = useT();
  const { message, hint, code } = told(error);
  return (
    <Notice tone="bad" live title={title ?? t("That did not work")}>
      <p>{message}</p>
      {hint ? <p className="muted">{hint}</p> : null}
      {children}
      {retry ? (
        <div className="buttons">
          <Button small onClick={retry}>
            {t("Try again")}
          </Button>
        </div>
      ) : null}
      {code ? (
        <Fold>
          <p className="mono">{code}</p>
        </Fold>
      ) : null}
    </Notice>
  );
}
