/** Who is signed in, for all pages. */
import { createContext, type ReactNode, useContext } from "react";

import type { Session, Who } from "../../lib";

export interface SignedIn {
  session: Session;
  who: Who;
  /** Aborted as soon as the session has ended, so that nothing of it is shown afterwards. */
  ended: AbortSignal;
  /** Ask the node again what this wallet is. */
  refresh: () => Promise<void>;
  leave: () => Promise<void>;
}

const Context = createContext<SignedIn | null>(null);

export function SessionProvider({ value, children }: { value: SignedIn; children: ReactNode }) {
  return <Context.Provider value={value}>{children}</Context.Provider>;
}

export function useSignedIn(): SignedIn {
  const value = useContext(Context);
  if (!value) throw new Error("this page is for people who have signed in");
  return value;
}

export function useSession(): Session {
  return useSignedIn().session;
}
