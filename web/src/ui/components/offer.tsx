/** A page that this hospital's node may not offer says so in plain words. */
import type { ReactNode } from "react";

import { useOffers } from "../data/features";
import { useT } from "../i18n";
import { Empty, Skeleton } from "./basics";

export function Offered({ path, children }: { path: string; children: ReactNode }) {
  const t = useT();
  const offered = useOffers(path);
  if (offered === undefined) return <Skeleton />;
  if (!offered) return <Empty title={t("This hospital's node does not offer this")}>{t("Ask whoever runs it; a newer version may.")}</Empty>;
  return children;
}
