/** Selective disclosure and part keys: docs/formats.md, "Disclosure". */

import { Wrong } from "../errors";
import type { Hex } from "../types";
import { toHex } from "./bytes";
import * as c from "./cbor";
import { DISCLOSURE_BYTES, PART_KEYS_BYTES, PART_NAME_BYTES, PARTS, PATH_HASHES, SIGNATURE_BYTES } from "./limits";
import {
  checkAuthor, checkHeader, checkPart, checkPartName, commitmentOf, headerLeaf, headerShape, manifestPath, partLeaf,
  partOf, partShape,
} from "./manifest";
import type { Domain, Manifest, Part } from "./manifest";
import { rootFromPath } from "./merkle";

const path = c.list(c.hash, PATH_HASHES);
export const disclosureShape = c.struct({
  format: c.literal(1),
  header: headerShape,
  header_path: path,
  parts: c.list(c.struct({ leaf: c.uint, part: partShape, path }), PARTS),
  root: c.hash,
  author_signature: c.blob(SIGNATURE_BYTES),
  salt: c.hash,
  manifest: c.cid,
});
export type Disclosure = typeof disclosureShape extends c.Shape<infer T> ? T : never;

export const disclosureCodec = c.codec("disclosure", disclosureShape, DISCLOSURE_BYTES, checkDisclosure);

export function checkDisclosure(disclosure: Disclosure): void {
  checkHeader(disclosure.header);
  const size = disclosure.header.parts + 1;
  const proves = (what: string, leaf: Hex, index: number, hashes: readonly Hex[]): void => {
    if (rootFromPath(leaf, index, size, hashes) !== disclosure.root) {
      throw new Wrong("disclosure", `the proof of ${what} does not lead to the root`, "wrong_proof");
    }
  };
  proves("the header", headerLeaf(disclosure.header), 0, disclosure.header_path);
  let before = 0;
  const names = new Set<string>();
  for (const { leaf, part, path: hashes } of disclosure.parts) {
    if (leaf <= before) throw new Wrong("disclosure", "parts do not stand in ascending order", "invalid");
    before = leaf;
    checkPart(part);
    if (names.has(part.name)) throw new Wrong("disclosure", "a part's name is there twice", "invalid");
    names.add(part.name);
    proves(part.name, partLeaf(part), leaf, hashes);
  }
}

/** Show the parts `names` of a manifest. */
export function disclose(manifest: Manifest, names: readonly string[], salt: Hex, sealed: string): Disclosure {
  names.forEach((name) => partOf(manifest.parts, name));
  const parts = manifest.parts.flatMap((part, i) =>
    names.includes(part.name) ? [{ leaf: i + 1, part, path: manifestPath(manifest, i + 1) }] : [],
  );
  return {
    format: 1,
    header: manifest.header,
    header_path: manifestPath(manifest, 0),
    parts,
    root: manifest.root,
    author_signature: manifest.author_signature,
    salt,
    manifest: sealed,
  };
}

/** Check a disclosure against the commitment that the chain holds, and its author's signature. */
export function verifyDisclosure(
  disclosure: Disclosure,
  expected: Hex,
  domain: Domain,
): { readonly parts: readonly Part[]; readonly hidden: number } {
  const computed = commitmentOf(disclosure.salt, disclosure.root, disclosure.manifest);
  if (computed !== expected.toLowerCase()) {
    throw new Wrong("disclosure", "it is of another record than was committed", "wrong_commitment");
  }
  checkDisclosure(disclosure);
  checkAuthor(disclosure.header, disclosure.root, toHex(disclosure.author_signature), domain);
  const parts = disclosure.parts.map((shown) => shown.part);
  return { parts, hidden: disclosure.header.parts - parts.length };
}

const partKeysShape = c.list(c.tuple(c.textOf(PART_NAME_BYTES), c.blob(32, 32)), PARTS);
export type PartKeys = readonly (readonly [string, Uint8Array])[];

export const partKeysCodec: c.Codec<PartKeys> = c.codec("part keys", partKeysShape, PART_KEYS_BYTES, (keys) => {
  keys.forEach(([name]) => checkPartName(name));
  if (!ascending(keys.map(([name]) => name))) {
    throw new Wrong("part keys", "each name once, in ascending order", "invalid");
  }
});

/** Whether texts (of ASCII) stand in strictly ascending order. */
export function ascending(texts: readonly string[]): boolean {
  return texts.every((text, i) => i === 0 || (texts[i - 1] ?? "") < text);
}
