/** Which of the app's faces is shown: a guest's link, the sign-in, or somebody's own pages. */
import { QueryClient, QueryClientProvider, useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense, useCallback, useEffect, useMemo, useState } from "react";
import { useLocation } from "wouter";

import { NodeError, type Session } from "../lib";
import { Skeleton } from "./components/basics";
import { Catch } from "./components/catch";
import { clearToasts, toast, Toasts } from "./components/toasts";
import { SessionProvider, type SignedIn } from "./data/session";
import { say } from "./i18n";
import { Home } from "./home";
import { askWords } from "./signing";

const Gate = lazy(() => import("./pages/gate"));
const Guest = lazy(() => import("./pages/guest"));
const Verify = lazy(() => import("./pages/shared/verify"));

const client = new QueryClient({
  defaultOptions: {
    queries: {
      // What the node refuses it refuses again; what was not reached may be there in a moment.
      retry: (count, error) => !(error instanceof NodeError && error.status < 500) && count < 2,
      refetchOnWindowFocus: true,
    },
  },
});

export function App() {
  return (
    <QueryClientProvider client={client}>
      <Catch>
        <Suspense
          fallback={
            <div className="gate">
              <main>
                <Skeleton />
              </main>
            </div>
          }
        >
          <Faces />
        </Suspense>
      </Catch>
    </QueryClientProvider>
  );
}

function Faces() {
  const [path] = useLocation();
  if (path === "/g") return <Guest />;
  if (path === "/verify") return <Verify />;
  return <Own />;
}

function Own() {
  const queries = useQueryClient();
  const [session, setSession] = useState<Session | null>(null);
  const [who, setWho] = useState<Session["who"] | null>(null);
  const [end, setEnd] = useState(() => new AbortController());
  const enter = useCallback((fresh: Session) => {
    fresh.onBeforeSign((ask) => {
      if (ask.external) toast("wallet", "done", say("Your wallet asks you to sign"), askWords(ask));
      return true;
    });
    setEnd(new AbortController());
    setWho(fresh.who);
    setSession(fresh);
  }, []);
  useEffect(() => {
    if (!session) return;
    return session.onEnd((reason) => {
      end.abort();
      clearToasts();
      queries.clear();
      setSession(null);
      if (reason === "expired") toast("ended", "failed", say("Your session has ended"), say("Sign in again to go on."));
      if (reason === "other_tab") toast("ended", "done", say("You signed out in another tab"));
    });
  }, [session, end, queries]);
  const value = useMemo<SignedIn | null>(() => {
    if (!session || !who) return null;
    return {
      session,
      who,
      ended: end.signal,
      refresh: async () => setWho(await session.refresh()),
      // What is left to do is done at the session's end, however it came.
      leave: () => session.signOut(),
    };
  }, [session, who, end]);
  if (!value) {
    return (
      <>
        <Gate onEnter={enter} />
        <Toasts />
      </>
    );
  }
  return (
    <SessionProvider value={value}>
      <Home />
    </SessionProvider>
  );
}
