/** The computer's reading of a radiograph, by the hospital's own node. */
import { useSession } from "./session";

export interface Reading {
  task: string;
  engine: string;
  model: string;
  model_sha256: string;
  /** SHA-256 of the image as it was read; nodes of an older release do not give it. */
  input_sha256?: string | null;
  probabilities: readonly { label: string; p: number }[];
  threshold: number | null;
  /** Null when the model abstains; then it says why. */
  verdict: string | null;
  abstained: string | null;
  certainty: string;
  warnings: readonly string[];
  /** The overlay, base64. */
  heatmap_png: string | null;
  width: number | null;
  height: number | null;
  milliseconds: number;
}

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
