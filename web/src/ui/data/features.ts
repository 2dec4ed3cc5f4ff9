/** What this hospital's node offers: read from its own API document, so that a page never shows a
 * button that the node would not answer. */
import { useQuery } from "@tanstack/react-query";

const DOCUMENT = "/api/openapi.json";

async function paths(): Promise<ReadonlySet<string>> {
  const answer = await fetch(DOCUMENT);
  if (!answer.ok) throw new Error(`the node answered ${String(answer.status)}`);
  const body: unknown = await answer.json();
  if (typeof body !== "object" || body === null || !("paths" in body)) return new Set();
  const known: unknown = body.paths;
  return new Set(typeof known === "object" && known !== null ? Object.keys(known) : []);
}

/** `undefined` while it is not known yet. */
export function useOffers(path: string): boolean | undefined {
  const { data } = useQuery({ queryKey: ["features"], queryFn: paths, staleTime: Infinity });
  return data?.has(path);
}
