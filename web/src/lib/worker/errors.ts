/** Carries this library's errors from a worker to its page with their type. */

import { transferHandlers } from "comlink";
import type { TransferHandler } from "comlink";

import { Wrong } from "../errors";

interface Thrown {
  readonly value: unknown;
}
type Carried =
  | { readonly wrong: { readonly what: string; readonly message: string; readonly code: string } }
  | { readonly other: unknown };

const original = transferHandlers.get("throw") as TransferHandler<unknown, unknown>;

/** Comlink's own handler for what was thrown, with {@link Wrong} kept. */
export const errorHandler: TransferHandler<unknown, Carried> = {
  canHandle: (value): value is unknown => original.canHandle(value),
  serialize(thrown) {
    const { value } = thrown as Thrown;
    if (value instanceof Wrong) {
      return [{ wrong: { what: value.what, message: value.message, code: value.code } }, []];
    }
    const [other, transfer] = original.serialize(thrown);
    return [{ other }, transfer];
  },
  deserialize(carried) {
    if ("other" in carried) return original.deserialize(carried.other);
    const { what, message, code } = carried.wrong;
    throw new Wrong(what, message.slice(what.length + 2), code);
  },
};
