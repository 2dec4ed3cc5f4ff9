/** DICOM pixel data as a frame: uncompressed, RLE, JPEG baseline and lossless, JPEG-LS, JPEG 2000. */
import dicomParser, { type DataSet } from "dicom-parser";
import { Decoder } from "jpeg-lossless-decoder-js";

import type { Pressed } from "./codec";
import { CannotShow, type Frame, guard, guardPicture, readPicture } from "./frame";
import { unpressed } from "./unpress";

const RAW = new Set(["1.2.840.10008.1.2", "1.2.840.10008.1.2.1"]);
const BIG_ENDIAN = "1.2.840.10008.1.2.2";
const JPEG_BASELINE = "1.2.840.10008.1.2.4.50";
const JPEG_LOSSLESS = new Set(["1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"]);
const RLE = "1.2.840.10008.1.2.5";
const PRESSED: Readonly<Record<string, Pressed>> = {
  "1.2.840.10008.1.2.4.80": "jpeg-ls",
  "1.2.840.10008.1.2.4.81": "jpeg-ls",
  "1.2.840.10008.1.2.4.90": "jpeg2000",
  "1.2.840.10008.1.2.4.91": "jpeg2000",
};

interface Header {
  width: number;
  height: number;
  channels: 1 | 3;
  bits: number;
  stored: number;
  signed: boolean;
  planar: boolean;
  slope: number;
  intercept: number;
  centre: number | null;
  windowWidth: number | null;
  inverted: boolean;
  spacing: number | null;
}

function decimal(set: DataSet, tag: string): number | null {
  const value = set.floatString(tag);
  return value === undefined || Number.isNaN(value) ? null : value;
}

function header(set: DataSet): Header {
  const width = set.uint16("x00280011") ?? 0;
  const height = set.uint16("x00280010") ?? 0;
  guard(width, height);
  const photometric = set.string("x00280004") ?? "MONOCHROME2";
  const channels = set.uint16("x00280002") === 3 ? 3 : 1;
  if (photometric.startsWith("PALETTE")) {
    throw new CannotShow("This DICOM file keeps its colours in a palette, which this page does not show.", "Download the original and open it in a DICOM viewer.");
  }
  const bits = set.uint16("x00280100") ?? 8;
  return {
    width,
    height,
    channels,
    bits,
    stored: set.uint16("x00280101") ?? bits,
    signed: set.uint16("x00280103") === 1,
    planar: set.uint16("x00280006") === 1,
    slope: decimal(set, "x00281053") ?? 1,
    intercept: decimal(set, "x00281052") ?? 0,
    centre: decimal(set, "x00281050"),
    windowWidth: decimal(set, "x00281051"),
    inverted: photometric === "MONOCHROME1",
    spacing: decimal(set, "x00280030") ?? decimal(set, "x00181164"),
  };
}

/** `decode` decompresses what the browser has no decoder for. */
export async function readDicom(bytes: Uint8Array, decode: typeof unpressed = unpressed): Promise<Frame> {
  let set: DataSet;
  try {
    set = dicomParser.parseDicom(bytes);
  } catch {
    throw new CannotShow("The DICOM file cannot be read.", "Download the original and open it in a DICOM viewer.");
  }
  const syntax = set.string("x00020010") ?? "1.2.840.10008.1.2";
  const element = set.elements["x7fe00010"];
  if (!element) throw new CannotShow("The DICOM file holds no picture.", "Its report is in the record all the same.");
  const head = header(set);
  if (RAW.has(syntax) || syntax === BIG_ENDIAN) {
    const raw = bytes.subarray(element.dataOffset, element.dataOffset + element.length);
    return frame(head, unpack(raw, head, syntax === BIG_ENDIAN));
  }
  if (syntax === RLE) return frame(head, unpack(unrle(firstFrame(set), head), { ...head, planar: true }, false));
  if (syntax === JPEG_BASELINE) return { ...(await readPicture(firstFrame(set), "image/jpeg")), inverted: head.inverted, spacing: head.spacing };
  if (JPEG_LOSSLESS.has(syntax)) {
    const data = firstFrame(set);
    guardPicture(data);
    const plain = new Decoder().decompress(data.slice().buffer, 0, data.length);
    return frame(head, unpack(new Uint8Array(plain), { ...head, planar: false }, false));
  }
  const pressed = PRESSED[syntax];
  if (pressed) {
    const plain = await decode(pressed, firstFrame(set), head);
    const deep = plain.bitsPerSample > 8 ? 16 : 8;
    // The codecs extend the sign over the whole word.
    const stored = plain.isSigned ? deep : plain.bitsPerSample;
    return frame(head, unpack(plain.samples, { ...head, bits: deep, stored, planar: false }, false));
  }
  throw new CannotShow(`This page does not show DICOM files compressed as ${syntax}.`, "Download the original and open it in a DICOM viewer.");
}

function firstFrame(set: DataSet): Uint8Array {
  const element = set.elements["x7fe00010"];
  if (!element?.fragments?.length) throw new CannotShow("The DICOM file holds no picture.", "Its report is in the record all the same.");
  const frames = set.intString("x00280008") ?? 1;
  const data =
    element.basicOffsetTable?.length || frames > 1
      ? element.basicOffsetTable?.length
        ? dicomParser.readEncapsulatedImageFrame(set, element, 0)
        : dicomParser.readEncapsulatedPixelDataFromFragments(set, element, 0, 1)
      : dicomParser.readEncapsulatedPixelDataFromFragments(set, element, 0, element.fragments.length);
  return data as Uint8Array;
}

/** PackBits segments, one for each byte of a sample (DICOM PS3.5, annex G). */
function unrle(data: Uint8Array, head: Header): Uint8Array {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const segments = view.getUint32(0, true);
  const pixels = head.width * head.height;
  const deep = head.bits > 8 ? 2 : 1;
  if (segments !== head.channels * deep) throw new CannotShow("The DICOM file's compression is damaged.", "Ask its author to send it again.");
  const out = new Uint8Array(pixels * head.channels * deep);
  for (let segment = 0; segment < segments; segment += 1) {
    const start = view.getUint32(4 + 4 * segment, true);
    const end = segment + 1 < segments ? view.getUint32(8 + 4 * segment, true) : data.length;
    const channel = Math.floor(segment / deep);
    // The most significant byte comes first; samples are little-endian here.
    const byte = deep - 1 - (segment % deep);
    let at = start;
    let pixel = 0;
    const put = (value: number) => {
      if (pixel < pixels) out[(channel * pixels + pixel) * deep + byte] = value;
      pixel += 1;
    };
    while (at < end && pixel < pixels) {
      const code = (view.getUint8(at) << 24) >> 24;
      at += 1;
      if (code >= 0) for (let i = 0; i <= code && at < end; i += 1) put(data[at++] ?? 0);
      else if (code !== -128) {
        const value = data[at++] ?? 0;
        for (let i = 0; i <= -code; i += 1) put(value);
      }
    }
  }
  return out;
}

function unpack(raw: Uint8Array, head: Header, big: boolean): Int32Array {
  const pixels = head.width * head.height;
  const count = pixels * head.channels;
  const deep = head.bits > 8 ? 2 : 1;
  if (head.bits > 16 || raw.length < count * deep) {
    throw new CannotShow("The DICOM file's picture is cut short or of a kind this page does not show.", "Download the original and open it in a DICOM viewer.");
  }
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const out = new Int32Array(count);
  const shift = 32 - Math.min(head.stored, head.bits);
  for (let i = 0; i < count; i += 1) {
    const from = head.planar && head.channels === 3 ? (i % 3) * pixels + Math.floor(i / 3) : i;
    const word = deep === 2 ? view.getUint16(from * 2, !big) : view.getUint8(from);
    const cut = word << shift;
    out[i] = head.signed ? cut >> shift : cut >>> shift;
  }
  return out;
}

function frame(head: Header, samples: Int32Array): Frame {
  let least = Infinity;
  let most = -Infinity;
  const plain = head.slope === 1 && head.intercept === 0;
  for (let i = 0; i < samples.length; i += 1) {
    const stored = samples[i] ?? 0;
    const value = plain ? stored : Math.round(stored * head.slope + head.intercept);
    samples[i] = value;
    if (value < least) least = value;
    if (value > most) most = value;
  }
  const given = head.centre !== null && head.windowWidth !== null && head.windowWidth > 1;
  const low = given ? (head.centre ?? 0) - (head.windowWidth ?? 0) / 2 : least;
  const high = given ? (head.centre ?? 0) + (head.windowWidth ?? 0) / 2 : most;
  const { width, height, channels, inverted, spacing } = head;
  return { width, height, channels, samples, low, high, least, most, inverted, spacing };
}
