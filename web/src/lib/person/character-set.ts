/**
 * Specific Character Set (DICOM PS3.3, C.12.1.1.2; PS3.5, 6.1): from a text's bytes to Unicode, by
 * the browser's tables. The rules of `crates/clinical/src/dicom/character_set.rs`.
 */

const ESCAPE = 0x1b;
const LATIN_1 = "windows-1252";

/** Encodings of the defined terms for single bytes, by their ISO-IR number. */
const SINGLE_BYTE: Readonly<Record<string, string>> = {
  100: LATIN_1,
  101: "iso-8859-2",
  109: "iso-8859-3",
  110: "iso-8859-4",
  144: "iso-8859-5",
  127: "iso-8859-6",
  126: "iso-8859-7",
  138: "iso-8859-8",
  148: "windows-1254",
  203: "iso-8859-15",
  13: "shift_jis",
  166: "windows-874",
};

/** Encodings that `ESC -` and a letter switch to. */
const SWITCHED: Readonly<Record<string, string>> = {
  A: LATIN_1, B: "iso-8859-2", C: "iso-8859-3", D: "iso-8859-4", F: "iso-8859-7", G: "iso-8859-6",
  H: "iso-8859-8", L: "iso-8859-5", M: "windows-1254", T: "windows-874", b: "iso-8859-15",
};

const WHOLE: Readonly<Record<string, string>> = {
  ISOIR192: "utf-8", UTF8: "utf-8", GB18030: "gb18030", GBK: "gbk", GB2312: "gbk",
};

function plain(encoding: string, bytes: Uint8Array): string {
  return new TextDecoder(encoding, { ignoreBOM: true }).decode(bytes);
}

/** The text of these bytes, by the value of Specific Character Set, however programs write it. */
export function decodeText(declared: string, bytes: Uint8Array): string {
  const terms = declared.toUpperCase().split("\\").map((term) => term.replaceAll(/[^0-9A-Z]/g, ""));
  const first = terms[0] ?? "";
  const whole = WHOLE[first];
  if (whole) return plain(whole, bytes);
  const single = SINGLE_BYTE[/^ISO(?:2022)?IR(\d+)$/.exec(first)?.[1] ?? ""];
  const extended = terms.slice(1).some(Boolean) || first.startsWith("ISO2022") || bytes.includes(ESCAPE);
  if (single || extended) return switching(single ?? LATIN_1, bytes);
  try {
    // Nothing is declared: ASCII, and by mistake UTF-8 or Latin-1.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return plain(LATIN_1, bytes);
  }
}

/** What bytes below 0x80 stand for: themselves, or pairs of a Japanese set. */
type Low = "ascii" | "jis-0208" | "jis-0212";

interface State {
  readonly low: Low;
  readonly high: string;
}

/** A text with escape sequences. Delimiters end what they switched to. */
function switching(initial: string, bytes: Uint8Array): string {
  const begin: State = { low: "ascii", high: initial };
  let state = begin;
  let text = "";
  let at = 0;
  while (at < bytes.length) {
    const byte = bytes[at] ?? 0;
    if (byte === ESCAPE) {
      const [next, length] = escape(bytes.subarray(at + 1), state);
      state = next;
      at += 1 + length;
      continue;
    }
    const paired = state.low !== "ascii" && byte > 0x20 && byte < 0x7f;
    let end = at + (paired ? 2 : 1);
    // A run of high bytes is decoded at once, so that pairs stay together.
    if (byte >= 0x80) while ((bytes[end] ?? 0) >= 0x80) end += 1;
    const run = bytes.subarray(at, end);
    if (paired) text += state.low === "jis-0208" ? jis0208(run) : jis0212(run);
    else text += byte < 0x80 ? String.fromCharCode(byte) : plain(state.high, run);
    const delimits = state.low === "ascii" && "^=\\".includes(String.fromCharCode(byte));
    if (delimits || byte === 0x0a || byte === 0x0c || byte === 0x0d) state = begin;
    at = end;
  }
  return text;
}

function jis0208(pair: Uint8Array): string {
  return plain("iso-2022-jp", Uint8Array.of(ESCAPE, 0x24, 0x42, ...pair));
}

function jis0212(pair: Uint8Array): string {
  return plain("euc-jp", Uint8Array.of(0x8f, ...pair.map((byte) => byte | 0x80)));
}

/**
 * What an escape sequence, without its first byte, switches to, and its length. An unknown one is
 * passed over.
 */
function escape(rest: Uint8Array, state: State): readonly [State, number] {
  const [a = "", b = "", c = ""] = Array.from(rest.subarray(0, 3), (byte) => String.fromCharCode(byte));
  if (a === "(" && (b === "B" || b === "J")) return [{ ...state, low: "ascii" }, 2];
  if (a === ")" && b === "I") return [{ ...state, high: "shift_jis" }, 2];
  if (a === "$" && (b === "B" || b === "@")) return [{ ...state, low: "jis-0208" }, 2];
  if (a + b + c === "$(D") return [{ ...state, low: "jis-0212" }, 3];
  if (a + b + c === "$)C") return [{ ...state, high: "euc-kr" }, 3];
  if (a + b + c === "$)A") return [{ ...state, high: "gbk" }, 3];
  if (a === "-" && b) return [{ ...state, high: SWITCHED[b] ?? state.high }, 2];
  return [state, Math.min(rest.length, 2)];
}
