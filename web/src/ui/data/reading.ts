/** The computer's reading of a radiograph, by the hospital's own node. */
import type { Wire } from "../../lib";
import { useSession } from "./session";

/** A reading. The digest of the image as it was read is not given by nodes of an older release. */
export type Reading = Omit<Wire<"ReadingView">, "input_sha256"> & Partial<Pick<Wire<"ReadingView">, "input_sha256">>;

export function heatmapBytes(reading: Reading | null | undefined): Uint8Array | undefined {
  const text = reading?.heatmap_png;
  if (!text) return undefined;
  return Uint8Array.from(atob(text), (sign) => sign.codePointAt(0) ?? 0);
}

export function useReader(): (image: Blob, task: string) => Promise<Reading> {
  const session = useSession();
  return async (image, task) => {
    const answer = await session.bytes("POST", `/api/v1/readings?task=${encodeURIComponent(task)}`, image);
    return JSON.parse(await answer.text()) as Reading;
  };
}
