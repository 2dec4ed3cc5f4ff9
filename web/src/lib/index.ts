/**
 * Stele in the browser, without any page: formats, keys, the node's API and what people do with it.
 * Pages import from here only.
 */

export * from "./errors";
export * from "./surface";
export * from "./types";
