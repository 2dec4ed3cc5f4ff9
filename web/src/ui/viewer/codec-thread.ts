/** The thread in which pictures are decompressed: one question, one answer. */
import { type Pressed, unpress, type Unpressed, type Wanted } from "./codec";

export interface Question {
  readonly kind: Pressed;
  readonly data: Uint8Array;
  readonly wanted: Wanted;
}
export type Answer = { readonly frame: Unpressed } | { readonly error: string };

addEventListener("message", ({ data: { kind, data, wanted } }: MessageEvent<Question>) => {
  unpress(kind, data, wanted).then(
    (frame) => postMessage({ frame } satisfies Answer, { transfer: [frame.samples.buffer] }),
    // The codecs throw numbers, too.
    (error: unknown) => postMessage({ error: error instanceof Error ? error.message : String(error) } satisfies Answer),
  );
});
