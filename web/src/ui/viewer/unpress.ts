/** Has a picture decompressed in a thread of its own, which ends with it. */
import type { Pressed, Unpressed, Wanted } from "./codec";
import type { Answer, Question } from "./codec-thread";
import { CannotShow } from "./frame";

/** A picture that takes longer is damaged or made to keep the machine busy. */
const LONGEST_MS = 120_000;

export function unpressed(kind: Pressed, data: Uint8Array, wanted: Wanted): Promise<Unpressed> {
  const thread = new Worker(new URL("./codec-thread.ts", import.meta.url), { type: "module" });
  const answer = new Promise<Unpressed>((resolve, reject) => {
    const refuse = (why: string) => reject(new CannotShow(`This picture cannot be decompressed (${why}).`, "Download the original and open it in a DICOM viewer."));
    const timer = setTimeout(() => refuse("it takes too long"), LONGEST_MS);
    thread.onerror = () => refuse("the decoder stopped");
    thread.onmessage = ({ data: told }: MessageEvent<Answer>) => {
      clearTimeout(timer);
      if ("frame" in told) resolve(told.frame);
      else refuse(told.error);
    };
    thread.postMessage({ kind, data, wanted } satisfies Question);
  });
  return answer.finally(() => thread.terminate());
}
