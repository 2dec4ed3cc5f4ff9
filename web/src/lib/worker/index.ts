/** The engine that pages use: in a worker where there are workers, else in place. */

import { proxy, transferHandlers, wrap } from "comlink";
import type { Remote } from "comlink";

import type { OnProgress } from "../types";
import type { Engine } from "./engine";
import { errorHandler } from "./errors";

let engine: Promise<Engine> | null = null;

/** The engine, made on first use. */
export function engineOf(): Promise<Engine> {
  engine ??= typeof Worker === "undefined" ? import("./engine").then((m) => m.inPlace) : Promise.resolve(inWorker());
  return engine;
}

function inWorker(): Engine {
  transferHandlers.set("throw", errorHandler);
  const worker = new Worker(new URL("./engine.worker.ts", import.meta.url), { type: "module", name: "stele" });
  const remote: Remote<Engine> = wrap<Engine>(worker);
  const told = (onProgress: OnProgress | undefined): OnProgress | undefined =>
    onProgress === undefined ? undefined : proxy(onProgress);
  return {
    seal: (plain, key, onProgress) => remote.seal(plain, key, told(onProgress)),
    open: (sealed, key, cid, size, onProgress) => remote.open(sealed, key, cid, size, told(onProgress)),
    scrypt: (passphrase, salt, cost) => remote.scrypt(passphrase, salt, cost),
    argon2id: (passphrase, salt, cost) => remote.argon2id(passphrase, salt, cost),
  };
}
