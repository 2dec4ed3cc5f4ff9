/** Reminds a patient of reports that were put off until a cheaper day, once that day has come. */
import { useEffect, useRef } from "react";

import type { Hex, VersionView } from "../../lib";
import { toast } from "../components/toasts";
import { now } from "../format";
import { say } from "../i18n";
import { planned } from "./plans";
import { useSession } from "./session";

const LOOK_MS = 30_000;

export function useReminders(waiting: readonly VersionView[] | undefined): void {
  const session = useSession();
  const told = useRef(new Set<Hex>());
  useEffect(() => {
    const look = () => {
      for (const { record } of waiting ?? []) {
        const at = planned(session.address, record);
        if (at === null || at > now() || told.current.has(record)) continue;
        told.current.add(record);
        toast(`plan-${record}`, "done", say("The cheaper day has come"), say("A report that you put off waits in your inbox. Its page says what it costs now."));
      }
    };
    look();
    const timer = setInterval(look, LOOK_MS);
    return () => clearInterval(timer);
  }, [session, waiting]);
}
