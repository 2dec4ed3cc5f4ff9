/**
 * The node's JSON as `docs/openapi.json` describes it, for whoever reads it as it comes. Shapes are
 * written nowhere else: a page names the schema and the fields that it uses as hex.
 */

import type { Hex } from "../types";
import type { components } from "./schema";

export type Schemas = components["schemas"];

/** Text as hex; lists and absent values stay what they are. */
type AsHex<T> = T extends string ? Hex : T extends readonly string[] ? readonly Hex[] : T;
type ReadOnly<T> = T extends readonly (infer Item)[] ? readonly Item[] : T;

/** A schema to read; the fields named are hex. */
export type Wire<Name extends keyof Schemas, HexFields extends keyof Schemas[Name] = never> = {
  readonly [Field in keyof Schemas[Name]]: Field extends HexFields ? AsHex<Schemas[Name][Field]> : ReadOnly<Schemas[Name][Field]>;
};
