/**
 * JPEG 2000 (OpenJPEG) and JPEG-LS (CharLS), compiled to plain JavaScript: WebAssembly is faster, but the
 * page's security policy forbids it. Whoever calls this does so off the page's thread.
 */
import type { FrameInfo } from "@cornerstonejs/codec-openjpeg/decode";

export type Pressed = "jpeg2000" | "jpeg-ls";

/** The picture that a file's header promises. */
export interface Wanted {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
}

/** Samples in rows, one or two bytes each, little-endian; channels side by side. */
export interface Unpressed extends FrameInfo {
  readonly samples: Uint8Array<ArrayBuffer>;
}

/** A codec keeps its state in what it is given. */
const quiet = () => ({ print: () => undefined, printErr: () => undefined });

async function decoderOf(kind: Pressed) {
  if (kind === "jpeg2000") {
    const { default: make } = await import("@cornerstonejs/codec-openjpeg/decode");
    const { J2KDecoder } = await make(quiet());
    if (J2KDecoder) return new J2KDecoder();
  } else {
    const { default: make } = await import("@cornerstonejs/codec-charls/decode");
    const { JpegLSDecoder } = await make(quiet());
    if (JpegLSDecoder) return new JpegLSDecoder();
  }
  throw new Error(`no decoder for ${kind}`);
}

/** The size in the header of a JPEG 2000 code stream (ISO/IEC 15444-1, A.5.1). */
function jpeg2000Size(view: DataView): Wanted | null {
  if (view.byteLength < 42 || view.getUint32(0) !== 0xff4fff51) return null;
  const span = (end: number, start: number): number => view.getUint32(end) - view.getUint32(start);
  return { width: span(8, 16), height: span(12, 20), channels: view.getUint16(40) };
}

/** The size in a JPEG-LS frame header (ISO/IEC 14495-1, C.2.2). */
function jpegLsSize(view: DataView): Wanted | null {
  for (let at = 2; at + 10 <= view.byteLength && view.getUint8(at) === 0xff; at += 2 + view.getUint16(at + 2)) {
    if (view.getUint8(at + 1) !== 0xf7) continue;
    return { width: view.getUint16(at + 7), height: view.getUint16(at + 5), channels: view.getUint8(at + 9) };
  }
  return null;
}

/** Refuse, before memory is asked for, what is of another size than the file around it says. */
function check(kind: Pressed, data: Uint8Array, wanted: Wanted): void {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const size = kind === "jpeg2000" ? jpeg2000Size(view) : jpegLsSize(view);
  if (!size) throw new Error("its header is damaged");
  if (size.width !== wanted.width || size.height !== wanted.height || size.channels !== wanted.channels) {
    throw new Error("it is of another size than its file says");
  }
}

/** Decode one frame. */
export async function unpress(kind: Pressed, data: Uint8Array, wanted: Wanted): Promise<Unpressed> {
  check(kind, data, wanted);
  const decoder = await decoderOf(kind);
  try {
    decoder.getEncodedBuffer(data.length).set(data);
    decoder.decode();
    const { width, height, bitsPerSample, componentCount, isSigned } = decoder.getFrameInfo();
    return { width, height, bitsPerSample, componentCount, isSigned, samples: new Uint8Array(decoder.getDecodedBuffer()) };
  } finally {
    decoder.delete();
  }
}
