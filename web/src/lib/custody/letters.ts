/** Letters: texts between two people that the node cannot read. */

import { BadInput } from "../errors";
import { fromHex, text, toHex, utf8 } from "../formats/bytes";
import { sealTo } from "../formats/envelope";
import type { Bound } from "../formats/envelope";
import { ENVELOPE_BYTES } from "../formats/limits";
import type { LetterBound } from "../surface";
import type { Hex } from "../types";
import { at, sealingKey } from "./context";
import type { Context } from "./context";

function boundOf(context: Context, { thread, id }: LetterBound, reader: Hex): Bound {
  const { chainId, contracts } = at(context);
  return { chainId, contract: contracts.registry, commitment: thread, grant: id, recipient: reader };
}

/** Seal a text to its reader, and a copy to its writer. */
export async function sealLetter(
  context: Context,
  to: Hex,
  words: string,
  bound: LetterBound,
): Promise<{ readonly sealed: Hex; readonly sealedOwn: Hex }> {
  const plain = utf8(words);
  if (plain.length > ENVELOPE_BYTES) throw new BadInput("text", "it is longer than a letter may be");
  const { keys } = context;
  const seal = async (key: Uint8Array, reader: Hex): Promise<Hex> =>
    toHex(await sealTo(key, "letter", boundOf(context, bound, reader), plain));
  return {
    sealed: await seal(await sealingKey(context, to), to),
    sealedOwn: await seal(keys.sealingPublic, keys.address),
  };
}

/** Open the caller's own envelope of a letter. */
export async function openLetter(context: Context, letter: LetterBound & { readonly sealed: Hex }): Promise<string> {
  const { keys } = context;
  return text(await keys.open("letter", boundOf(context, letter, keys.address), fromHex(letter.sealed, "letter")), "letter");
}
