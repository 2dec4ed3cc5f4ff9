/** What happened since one last looked, by a long poll, so that pages change without a reload. */
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";

import type { Wire } from "../../lib";
import { useOffers } from "./features";
import { useRefresh } from "./hooks";
import { useSession } from "./session";

/** A notice; ids sort by time. */
export type NewsItem = Wire<"NoticeView">;

const PATH = "/api/v1/notifications";
const WAIT_S = 25;
const PAUSE_MS = 5_000;
/** By how much the clocks of a browser and its node may differ without a notice being overlooked. */
const CLOCKS_S = 60;

export function useNews() {
  const session = useSession();
  const offered = useOffers(PATH);
  return useQuery({ queryKey: ["news"], queryFn: () => session.json<readonly NewsItem[]>("GET", PATH), enabled: offered === true });
}

/** Counts what is new; keeps a long poll open meanwhile. */
export function useUnread(on: boolean): number {
  const session = useSession();
  const refresh = useRefresh();
  const { data } = useNews();
  const [came] = useState(() => Date.now() / 1000 - CLOCKS_S);
  // A notice may have come after the lists were read and before the news were: begin before both.
  const start = data === undefined ? undefined : (data.findLast((item) => item.at < came)?.id ?? "");
  useEffect(() => {
    if (!on || start === undefined) return;
    const stop = new AbortController();
    const poll = async () => {
      let newest = start;
      while (!stop.signal.aborted) {
        const before = Date.now();
        try {
          const since = newest === "" ? "" : `since=${encodeURIComponent(newest)}&`;
          const fresh = await session.json<readonly NewsItem[]>("GET", `${PATH}?${since}wait=${String(WAIT_S)}`, undefined, stop.signal);
          const last = fresh.at(-1)?.id;
          if (last !== undefined && last !== newest) {
            newest = last;
            refresh();
          }
        } catch {
          // The lists ask by themselves too; a node that does not answer is asked again later.
        }
        // A node that answers at once must not be asked without end.
        if (Date.now() - before < PAUSE_MS) await new Promise((wake) => setTimeout(wake, PAUSE_MS));
      }
    };
    void poll();
    return () => stop.abort();
  }, [on, start, session, refresh]);
  return data?.filter((item) => !item.seen).length ?? 0;
}
