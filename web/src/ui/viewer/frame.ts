/**
 * From a file to samples that can be shown: DICOM through dicom-parser, PNG and JPEG through the
 * browser's own decoder. Nothing leaves the page.
 */

/** One picture as numbers. */
export interface Frame {
  width: number;
  height: number;
  channels: 1 | 3;
  /** Samples in rows, after rescaling. */
  samples: Int32Array | Uint8ClampedArray | Uint8Array;
  /** Where the grey scale begins and ends at first. */
  low: number;
  high: number;
  /** The whole range that occurs. */
  least: number;
  most: number;
  /** Small values are bright. */
  inverted: boolean;
  /** Millimetres of one sample, where the file says so. */
  spacing: number | null;
}

/** A larger picture is refused, by its header, before it is decoded. */
const MOST_SAMPLES = 120_000_000;

export class CannotShow extends Error {
  readonly hint: string;
  constructor(message: string, hint: string) {
    super(message);
    this.hint = hint;
  }
}

export function guard(width: number, height: number): void {
  if (!(width > 0 && height > 0) || width * height > MOST_SAMPLES) {
    throw new CannotShow("This picture is too large to be shown in a browser.", "Download the original and open it in a viewer.");
  }
}

function isDicom(bytes: Uint8Array): boolean {
  return bytes.length > 132 && bytes[128] === 0x44 && bytes[129] === 0x49 && bytes[130] === 0x43 && bytes[131] === 0x4d;
}

/** Only what the browser decodes as pixels and nothing else: never SVG. */
export function pictureType(bytes: Uint8Array): "image/png" | "image/jpeg" | null {
  if (bytes[0] === 0x89 && bytes[1] === 0x50 && bytes[2] === 0x4e && bytes[3] === 0x47) return "image/png";
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return "image/jpeg";
  return null;
}

const ofTwo = (bytes: Uint8Array, at: number): number => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);

/** The size in a JPEG's frame header; null where there is none, which its decoder then says. */
function jpegSize(bytes: Uint8Array): [width: number, height: number] | null {
  for (let at = 2; at + 9 < bytes.length && bytes[at] === 0xff; ) {
    const marker = bytes[at + 1] ?? 0;
    const frame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
    if (frame) return [ofTwo(bytes, at + 7), ofTwo(bytes, at + 5)];
    // Fill bytes stand before a marker.
    at += marker === 0xff ? 1 : 2 + ofTwo(bytes, at + 2);
  }
  return null;
}

/** A PNG begins with its size. */
function pngSize(bytes: Uint8Array): [width: number, height: number] | null {
  if (bytes.length < 24) return null;
  const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return [header.getUint32(16), header.getUint32(20)];
}

/** Refuse what is too large by what its own header says, whatever a file around it says. */
export function guardPicture(bytes: Uint8Array): void {
  const size = pictureType(bytes) === "image/png" ? pngSize(bytes) : jpegSize(bytes);
  if (size) guard(...size);
}

export async function readFrame(bytes: Uint8Array): Promise<Frame> {
  if (isDicom(bytes)) {
    const { readDicom } = await import("./dicom");
    return readDicom(bytes);
  }
  const type = pictureType(bytes);
  if (type === null) {
    throw new CannotShow("This is neither DICOM, PNG nor JPEG.", "Download the original to open it elsewhere.");
  }
  return readPicture(bytes, type);
}

export async function readPicture(bytes: Uint8Array, type: string): Promise<Frame> {
  guardPicture(bytes);
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(new Blob([bytes as BlobPart], { type }));
  } catch {
    throw new CannotShow("The picture is damaged.", "Ask its author to send it again.");
  }
  const { width, height } = bitmap;
  guard(width, height);
  const canvas = new OffscreenCanvas(width, height);
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  if (!pen) throw new CannotShow("This browser cannot draw the picture.", "Try another browser.");
  pen.drawImage(bitmap, 0, 0);
  bitmap.close();
  return fromRgba(pen.getImageData(0, 0, width, height).data, width, height);
}

function fromRgba(rgba: Uint8ClampedArray, width: number, height: number): Frame {
  const rgb = new Uint8ClampedArray(width * height * 3);
  let coloured = false;
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    const r = rgba[from] ?? 0;
    const g = rgba[from + 1] ?? 0;
    const b = rgba[from + 2] ?? 0;
    rgb[to] = r;
    rgb[to + 1] = g;
    rgb[to + 2] = b;
    coloured ||= r !== g || g !== b;
  }
  const samples = coloured ? rgb : rgb.filter((_, i) => i % 3 === 0);
  return { width, height, channels: coloured ? 3 : 1, samples, low: 0, high: 255, least: 0, most: 255, inverted: false, spacing: null };
}

/** Paint a frame through a grey-scale window. */
export function paint(frame: Frame, low: number, high: number, inverted: boolean): ImageData {
  const { width, height, channels, samples } = frame;
  const image = new ImageData(width, height);
  const out = image.data;
  const span = Math.max(high - low, 1e-6);
  const flip = inverted !== frame.inverted;
  const grey = (value: number): number => {
    const share = ((value - low) / span) * 255;
    return flip ? 255 - share : share;
  };
  for (let i = 0, to = 0; i < width * height; i += 1, to += 4) {
    const at = i * channels;
    const first = grey(samples[at] ?? 0);
    out[to] = first;
    out[to + 1] = channels === 3 ? grey(samples[at + 1] ?? 0) : first;
    out[to + 2] = channels === 3 ? grey(samples[at + 2] ?? 0) : first;
    out[to + 3] = 255;
  }
  return image;
}
