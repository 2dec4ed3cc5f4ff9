/** What the two codecs have in common, as their builds for decoding export it. */
declare module "@cornerstonejs/*" {
  export interface FrameInfo {
    width: number;
    height: number;
    bitsPerSample: number;
    componentCount: number;
    isSigned: boolean;
  }
  interface PressedDecoder {
    /** Room for the compressed bytes. */
    getEncodedBuffer(length: number): Uint8Array;
    getFrameInfo(): FrameInfo;
    decode(): void;
    getDecodedBuffer(): Uint8Array;
    delete(): void;
  }
  interface Codec {
    J2KDecoder?: new () => PressedDecoder;
    JpegLSDecoder?: new () => PressedDecoder;
  }
  export default function make(options: { print: (line: string) => void; printErr: (line: string) => void }): Promise<Codec>;
}
