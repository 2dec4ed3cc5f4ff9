/**
 * The letters of a name, as far as they tell one name from another: without case, accents,
 * punctuation, width, and with the spellings of a letter that keyboards and modalities lack.
 * The rules of `crates/clinical/src/person/letters.rs`, held to the same vectors.
 */

/** Letters that are written in more than one way where they are not to be had. */
const SPELLINGS: Readonly<Record<string, readonly string[]>> = {
  ä: ["a", "ae"],
  ö: ["o", "oe"],
  ő: ["o", "oe"],
  ü: ["u", "ue"],
  ű: ["u", "ue"],
  ß: ["ss", "sz"],
  å: ["a", "aa"],
  ø: ["o", "oe"],
  æ: ["ae", "a"],
  œ: ["oe", "o"],
  ł: ["l"],
  đ: ["d", "dj"],
  ð: ["d", "dh"],
  þ: ["th"],
  ı: ["i"],
  ħ: ["h"],
  ŧ: ["t"],
  ŋ: ["n", "ng"],
  ə: ["e", "a"],
  ς: ["σ"],
  ñ: ["n", "ny"],
};

/**
 * Characters of names that have an older or traditional form: each pair is that form and the one it
 * is compared as.
 */
const FORMS = formsOf(
  "張张陳陈劉刘黃黄楊杨趙赵吳吴孫孙馬马國国華华東东偉伟麗丽強强軍军傑杰濤涛鳳凤龍龙竜龙蘭兰雲云鄭郑謝谢許许鄧邓馮冯蔣蒋葉叶羅罗蕭萧韓韩盧卢鐘钟鍾钟譚谭陸陆賈贾顧顾龔龚嚴严錢钱湯汤澤沢泽沢邊辺邉辺齋斎齊斉濱浜廣广広广髙高﨑崎嵜崎櫻桜嶋島嶌島冨富淵渕眞真惠恵靜静榮栄荣栄德徳瀨瀬藪薮曾曽彌弥壽寿樂乐賢贤輝辉寶宝義义愛爱蓮莲潔洁紅红雙双連连進进達达遠远飛飞凱凯",
);

/** At most so many letters of several spellings are spelled in every combination. */
const COMBINED = 5;

/** The spellings of one letter, the most common first. */
type Letter = readonly string[];

/** A word of a name. */
export type Word = readonly Letter[];

/**
 * Marks that may be left out: accents of Latin, Greek and Cyrillic letters, vowel points of Hebrew
 * and Arabic. Marks of other scripts are letters of their own.
 */
const ACCENTS = [
  [0x300, 0x36f],
  [0x591, 0x5c7],
  [0x64b, 0x65f],
  [0x1ab0, 0x1aff],
  [0x1dc0, 0x1dff],
  [0x20d0, 0x20ff],
] as const;

function isAccent(sign: string): boolean {
  const code = sign.codePointAt(0) ?? 0;
  return ACCENTS.some(([first, last]) => code >= first && code <= last);
}

const LEFT_OUT = new Set(["'", "’", "‘", "ʼ", "`", "´", "."]);
const PART_OF_WORD = /^[\p{Alphabetic}\p{N}\p{M}]$/u;

function formsOf(pairs: string): ReadonlyMap<string, string> {
  const signs = Array.from(pairs);
  const forms = new Map<string, string>();
  for (let i = 0; i + 1 < signs.length; i += 2) forms.set(signs[i] ?? "", signs[i + 1] ?? "");
  return forms;
}

/** The words of a name. */
export function words(text: string): Word[] {
  const found: Letter[][] = [[]];
  for (const sign of text.normalize("NFKC").toLowerCase().normalize("NFC")) {
    if (isAccent(sign) || LEFT_OUT.has(sign)) continue;
    if (PART_OF_WORD.test(sign)) found.at(-1)?.push(letter(sign));
    else found.push([]);
  }
  return found.filter((word) => word.length > 0);
}

function letter(given: string): Letter {
  const spellings = Object.hasOwn(SPELLINGS, given) ? SPELLINGS[given] : undefined;
  if (spellings) return spellings;
  // Katakana as Hiragana.
  const sign = given >= "ァ" && given <= "ヶ" ? String.fromCodePoint((given.codePointAt(0) ?? 0) - 0x60) : given;
  const form = FORMS.get(sign);
  if (form !== undefined) return [form];
  const bare = Array.from(sign.normalize("NFD")).filter((one) => !isAccent(one));
  return [bare.join("").normalize("NFC")];
}

/** Words as one. */
export function joined(all: readonly Word[]): Word {
  return all.flat();
}

/** All ways to write a word, or, if there are too many, those that keep to one way throughout. */
function spellings(word: Word): string[] {
  if (word.filter((one) => one.length > 1).length > COMBINED) {
    return [0, 1].map((n) => word.map((one) => one[Math.min(n, one.length - 1)] ?? "").join(""));
  }
  return word.reduce<string[]>((begun, one) => begun.flatMap((start) => one.map((way) => start + way)), [""]);
}

/** Whether two words are the same in one of their spellings. */
export function same(a: Word, b: Word): boolean {
  const others = new Set(spellings(b));
  return spellings(a).some((way) => others.has(way));
}

/** Whether one word may be the other, misspelled or spelled by another habit. */
export function soundsAlike(a: Word, b: Word): boolean {
  return same(a, b) || (skeleton(a) === skeleton(b) && skeleton(a) !== "");
}

/** Whether two long words differ by one letter at most. */
export function oneLetterOff(one: Word, other: Word): boolean {
  const LONG = 5;
  const a = Array.from(common(one));
  const b = Array.from(common(other));
  const most = Math.max(a.length, b.length);
  const least = Math.min(a.length, b.length);
  if (least < LONG || most - least > 1) return false;
  let front = 0;
  while (front < least && a[front] === b[front]) front += 1;
  let back = 0;
  while (back < least && a.at(-1 - back) === b.at(-1 - back)) back += 1;
  return front + back + 1 >= most;
}

function common(word: Word): string {
  return word.map((one) => one[0] ?? "").join("");
}

function skeleton(word: Word): string {
  const text = common(word)
    .replaceAll("ph", "f")
    .replaceAll("ck", "k")
    .replaceAll("th", "t")
    .replaceAll("y", "i")
    .replaceAll("ae", "a")
    .replaceAll("oe", "o")
    .replaceAll("ue", "u");
  return text.replaceAll(/(.)\1+/gu, "$1");
}

/** Whether a word is the initial of the other. */
export function isInitial(a: Word, b: Word): boolean {
  const [short, long] = a.length <= b.length ? [a, b] : [b, a];
  const ascii = /^[a-z]/.test(short[0]?.[0] ?? "");
  return short.length === 1 && ascii && long.length > 1 && same(short, long.slice(0, 1));
}

/** Scripts, as far as they tell which names can be compared. */
const SCRIPTS = [
  /[a-z\u00aa-\u024f\u1e00-\u1eff]/u,
  /[\u0370-\u03ff\u1f00-\u1fff]/u,
  /[\u0400-\u052f]/u,
  /[\u0590-\u05ff]/u,
  /[\u0600-\u06ff\u0750-\u077f]/u,
  /[\u0e00-\u0e7f]/u,
  /[\u3040-\u30ff]/u,
  /[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]/u,
  /[々\u3400-\u9fff\uf900-\ufaff\u{20000}-\u{3ffff}]/u,
] as const;

function scripts(word: Word): Set<number> {
  const signs = Array.from(common(word)).filter((sign) => !/[0-9]/.test(sign));
  return new Set(signs.map((sign) => SCRIPTS.findIndex((script) => script.test(sign))));
}

/** Whether some letters of both are of one script. */
export function shareScript(a: Word, b: Word): boolean {
  const others = scripts(b);
  return Array.from(scripts(a)).some((script) => others.has(script));
}
