/** Sealed messages between two people. The node sees who, to whom, what kind and when. */
import { useQuery } from "@tanstack/react-query";

import type { Hex, Session, Wire } from "../../lib";
import { useOffers } from "./features";
import { CALM_MS } from "./hooks";
import { useSession } from "./session";

export type LetterKind = Wire<"LetterView">["kind"];
/** A letter; `sealed` is the envelope of whoever asks. */
export type Letter = Wire<"LetterView", "id" | "thread" | "from" | "to" | "sealed" | "grants">;

export function randomId(): Hex {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  return `0x${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

const LETTERS = "/api/v1/letters";

/** All letters: a node gives the oldest ones first, so many at a time, from a second on. */
async function allLetters(session: Session): Promise<readonly Letter[]> {
  const known = new Map<Hex, Letter>();
  for (;;) {
    const before = known.size;
    const since = [...known.values()].at(-1)?.at ?? 0;
    const page = await session.json<readonly Letter[]>("GET", `${LETTERS}?since=${String(since)}`);
    for (const letter of page) known.set(letter.id, letter);
    if (known.size === before) return [...known.values()];
  }
}

export function useLetters() {
  const session = useSession();
  const offered = useOffers(LETTERS);
  return useQuery({
    queryKey: ["letters"],
    queryFn: () => allLetters(session),
    enabled: offered === true,
    refetchInterval: CALM_MS,
  });
}

export function letterQuery(session: Session, letter: Letter) {
  return {
    queryKey: ["opened", "letter", letter.id],
    queryFn: () => session.openLetter({ thread: letter.thread, id: letter.id, sealed: letter.sealed }),
    staleTime: Infinity,
    retry: false,
  } as const;
}

export function useLetterText(letter: Letter) {
  return useQuery(letterQuery(useSession(), letter));
}

export async function sendLetter(session: Session, to: Hex, kind: LetterKind, text: string, thread: Hex | null, grants: readonly Hex[] = []): Promise<void> {
  const bound = { thread: thread ?? randomId(), id: randomId() };
  const { sealed, sealedOwn } = await session.sealLetter(to, text, bound);
  await session.json("POST", LETTERS, { ...bound, to, kind, sealed, sealed_own: sealedOwn, grants });
}
