declare module "jpeg-lossless-decoder-js" {
  export class Decoder {
    /** The samples of a JPEG lossless stream, 8 or 16 bits each, little-endian. */
    decompress(buffer: ArrayBuffer, offset: number, length: number): ArrayBuffer;
  }
}
