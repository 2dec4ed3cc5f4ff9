/** Compressed DICOM pictures: what comes out is what went in, bit for bit where the syntax promises it. */
import { createRequire } from "node:module";

import { beforeAll, describe, expect, it } from "vitest";

import { type Pressed, unpress } from "../src/ui/viewer/codec";
import { readDicom } from "../src/ui/viewer/dicom";

interface Encoder {
  getDecodedBuffer(info: { width: number; height: number; bitsPerSample: number; componentCount: number; isSigned: boolean }): Uint8Array;
  setQuality?(lossless: boolean, ratio: number): void;
  encode(): void;
  getEncodedBuffer(): Uint8Array;
  delete(): void;
}
type Make = (options: object) => Promise<Record<string, new () => Encoder>>;

const [WIDTH, HEIGHT] = [61, 47];
const SYNTAX = { "jpeg2000": "1.2.840.10008.1.2.4.90", "jpeg-ls": "1.2.840.10008.1.2.4.80" } as const;
const require = createRequire(import.meta.url);
const encoders = new Map<Pressed, () => Encoder>();

beforeAll(async () => {
  // Fully fledged builds, for the tests alone: the pages decode only.
  for (const [kind, name, type] of [["jpeg2000", "openjpeg", "J2KEncoder"], ["jpeg-ls", "charls", "JpegLSEncoder"]] as const) {
    const codec = await (require(`@cornerstonejs/codec-${name}`) as Make)({ print: () => undefined, printErr: () => undefined });
    const Encoding = codec[type];
    if (Encoding) encoders.set(kind, () => new Encoding());
  }
});

/** Samples that a compressor cannot guess, over the whole range. */
function samples(bits: number, signed: boolean, channels = 1): Uint8Array {
  const deep = bits > 8 ? 2 : 1;
  const bytes = new Uint8Array(WIDTH * HEIGHT * channels * deep);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < WIDTH * HEIGHT * channels; i += 1) {
    const value = (Math.imul(i + 1, 2_654_435_761) >>> 7) & ((1 << bits) - 1);
    const placed = signed ? value - (1 << (bits - 1)) : value;
    if (deep === 2) view.setInt16(2 * i, placed, true);
    else view.setInt8(i, placed);
  }
  return bytes;
}

function press(kind: Pressed, plain: Uint8Array, bits: number, signed: boolean, channels = 1): Uint8Array {
  const encoder = encoders.get(kind)?.();
  if (!encoder) throw new Error(`no encoder for ${kind}`);
  encoder.getDecodedBuffer({ width: WIDTH, height: HEIGHT, bitsPerSample: bits, componentCount: channels, isSigned: signed }).set(plain);
  encoder.setQuality?.(true, 0);
  encoder.encode();
  const out = encoder.getEncodedBuffer().slice();
  encoder.delete();
  return out;
}

/** A DICOM file with one compressed frame (PS3.10, explicit little-endian). */
function dicom(syntax: string, data: Uint8Array, bits: number, signed: boolean, rows = HEIGHT): Uint8Array {
  const out: number[] = [...new Array<number>(128).fill(0), ...Buffer.from("DICM")];
  const short = (value: number) => [value & 255, value >> 8];
  const element = (tag: number, vr: string, value: number[]) => {
    const even = value.length % 2 === 0 ? value : [...value, vr === "UI" ? 0 : 32];
    out.push(...short(tag >>> 16), ...short(tag & 0xffff), ...Buffer.from(vr), ...short(even.length), ...even);
  };
  element(0x00020010, "UI", [...Buffer.from(syntax)]);
  element(0x00280002, "US", short(1));
  element(0x00280004, "CS", [...Buffer.from("MONOCHROME2")]);
  element(0x00280010, "US", short(rows));
  element(0x00280011, "US", short(WIDTH));
  element(0x00280100, "US", short(bits > 8 ? 16 : 8));
  element(0x00280101, "US", short(bits));
  element(0x00280103, "US", short(signed ? 1 : 0));
  const even = data.length % 2 === 0 ? [...data] : [...data, 0];
  const long = (value: number) => [...short(value & 0xffff), ...short(value >>> 16)];
  out.push(0xe0, 0x7f, 0x10, 0, ...Buffer.from("OB"), 0, 0, ...long(0xffffffff));
  out.push(0xfe, 0xff, 0x00, 0xe0, ...long(0), 0xfe, 0xff, 0x00, 0xe0, ...long(even.length), ...even, 0xfe, 0xff, 0xdd, 0xe0, ...long(0));
  return Uint8Array.from(out);
}

function numbers(plain: Uint8Array, bits: number, signed: boolean): number[] {
  const view = new DataView(plain.buffer);
  return Array.from({ length: WIDTH * HEIGHT }, (_, i) =>
    bits > 8 ? (signed ? view.getInt16(2 * i, true) : view.getUint16(2 * i, true)) : signed ? view.getInt8(i) : view.getUint8(i),
  );
}

describe.each(["jpeg2000", "jpeg-ls"] as const)("%s", (kind) => {
  it.each([[8, false], [12, false], [16, false]] as const)("gives %d bits back, signed: %s", async (bits, signed) => {
    const plain = samples(bits, signed);
    const file = dicom(SYNTAX[kind], press(kind, plain, bits, signed), bits, signed);
    const frame = await readDicom(file, unpress);
    expect([frame.width, frame.height, frame.channels]).toEqual([WIDTH, HEIGHT, 1]);
    expect(Array.from(frame.samples)).toEqual(numbers(plain, bits, signed));
  });

  it("refuses a picture of another size than its file says, and bytes that are none", async () => {
    const data = press(kind, samples(8, false), 8, false);
    await expect(readDicom(dicom(SYNTAX[kind], data, 8, false, HEIGHT + 1), unpress)).rejects.toThrow(/another size/);
    await expect(readDicom(dicom(SYNTAX[kind], new Uint8Array(64).fill(7), 8, false), unpress)).rejects.toThrow(/damaged/);
    const cut = data.slice(0, 60);
    await expect(readDicom(dicom(SYNTAX[kind], cut, 8, false), unpress).then((frame) => Array.from(frame.samples))).rejects.toBeDefined();
  });

  it("gives colours back", async () => {
    const plain = samples(8, false, 3);
    const out = await unpress(kind, press(kind, plain, 8, false, 3), { width: WIDTH, height: HEIGHT, channels: 3 });
    expect(out.samples).toEqual(plain);
  });
});

it("keeps the sign of JPEG 2000's samples", async () => {
  const plain = samples(12, true);
  const frame = await readDicom(dicom(SYNTAX.jpeg2000, press("jpeg2000", plain, 12, true), 12, true), unpress);
  expect(Array.from(frame.samples)).toEqual(numbers(plain, 12, true));
});
