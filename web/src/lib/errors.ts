/** Errors that a page can show: what happened, and what to do next. */

/** The base of all errors of this library. */
export class SteleError extends Error {
  /** Stable; pages match it, not the text. */
  readonly code: string;
  /** What to do next; may be empty. */
  readonly hint: string;

  constructor(code: string, message: string, hint = "", options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
    this.hint = hint;
  }
}

/** A node answered with an error. `code` is the API's. */
export class NodeError extends SteleError {
  readonly status: number;
  /** Seconds after which to try again, where the node says so. */
  readonly retryAfter: number | null;

  constructor(status: number, code: string, message: string, hint: string, retryAfter: number | null = null) {
    super(code, message, hint);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/** No answer, or none that can be read. */
export class Unreachable extends SteleError {
  constructor(message: string, options?: ErrorOptions) {
    super("unreachable", message, "Check the connection to the hospital and try again.", options);
  }
}

/** What was received does not hold: a signature, digest, seal or form is wrong. */
export class Wrong extends SteleError {
  /** What it is about, for example `manifest`. */
  readonly what: string;

  constructor(what: string, reason: string, code = "wrong") {
    super(code, `${what}: ${reason}`, "Do not rely on it; tell the hospital that sent it.");
    this.what = what;
  }
}

/** Something given by the person cannot be used. */
export class BadInput extends SteleError {
  readonly field: string;

  constructor(field: string, reason: string, hint = "") {
    super("bad_input", reason, hint);
    this.field = field;
  }
}

/** Keys could not be opened, or the wallet said no. */
export class WalletError extends SteleError {
  constructor(
    code: "cancelled" | "wrong_passphrase" | "no_passkey" | "no_account" | "no_wallet" | "damaged" | "locked" | "other_account",
    message: string,
    hint = "",
    options?: ErrorOptions,
  ) {
    super(code, message, hint, options);
  }
}

/** The chain refused an act. */
export class NotTaken extends SteleError {
  constructor(name: string, reason: string) {
    super("not_taken", `the chain refused ${name}: ${reason}`);
  }
}
