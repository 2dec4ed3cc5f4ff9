/** Sealing and opening large parts, in place and across a channel as with a worker. */

import { expose, proxy, transferHandlers, wrap } from "comlink";
import { afterAll, describe, expect, it } from "vitest";

import { Wrong } from "../src/lib";
import type { Progress } from "../src/lib";
import { random } from "../src/lib/formats/bytes";
import { cidOf } from "../src/lib/formats/cid";
import { sealedLength, SealError } from "../src/lib/formats/sealed-file";
import { inPlace } from "../src/lib/worker/engine";
import type { Engine } from "../src/lib/worker/engine";
import { errorHandler } from "../src/lib/worker/errors";

transferHandlers.set("throw", errorHandler);
const channel = new MessageChannel();
expose(inPlace, channel.port1);
const remote = wrap<Engine>(channel.port2);
afterAll(() => {
  channel.port1.close();
  channel.port2.close();
});

const across: Engine = {
  seal: (plain, key, onProgress) => remote.seal(plain, key, onProgress && proxy(onProgress)),
  open: (sealed, key, cid, size, onProgress) => remote.open(sealed, key, cid, size, onProgress && proxy(onProgress)),
  scrypt: (passphrase, salt, cost) => remote.scrypt(passphrase, salt, cost),
  argon2id: (passphrase, salt, cost) => remote.argon2id(passphrase, salt, cost),
};

async function bytesOf(blob: Blob): Promise<Uint8Array> {
  return new Uint8Array(await blob.arrayBuffer());
}

describe.each([["in place", inPlace], ["across a channel", across]] as const)("%s", (_, engine) => {
  const key = random(32);
  const plain = new Uint8Array(3_500_000).map((_byte, i) => (i * 7) & 255);

  it("opens what it sealed, with progress to the end", async () => {
    const told: Progress[] = [];
    const { sealed, cid, size } = await engine.seal(new Blob([plain]), key, (p) => void told.push(p));
    expect([size, sealed.size]).toEqual([plain.length, sealedLength(plain.length)]);
    expect(cidOf(await bytesOf(sealed))).toBe(cid);
    const opened = await engine.open(sealed, key, cid, plain.length, (p) => void told.push(p));
    expect(Buffer.from(await bytesOf(opened)).equals(plain)).toBe(true);
    // The last reports may still be on their way across a channel.
    await new Promise((resolve) => setTimeout(resolve, 50));
    for (const stage of ["sealing", "opening"] as const) {
      const of = told.filter((p) => p.stage === stage);
      expect(of.length).toBeGreaterThan(1);
      expect(of.at(-1)?.done).toBe(of.at(-1)?.total);
    }
  });

  it("refuses other bytes, another key, another length", async () => {
    const { sealed, cid } = await engine.seal(new Blob([plain.slice(0, 200_000)]), key);
    const bent = await bytesOf(sealed);
    bent[70_000] = (bent[70_000] ?? 0) ^ 1;
    const open = (bytes: Blob, name: string, size: number | null, with_ = key): Promise<unknown> =>
      engine.open(bytes, with_, name, size).then(() => "opened", (error: unknown) => error);
    const altered = await open(new Blob([bent.slice()]), cid, null);
    expect(altered).toBeInstanceOf(Wrong);
    const otherCid = cidOf(new Uint8Array(1));
    expect(await open(sealed, otherCid, null)).toMatchObject({ code: "damaged" });
    expect(await open(sealed, cid, null, random(32))).toMatchObject({ code: "wrong-key" });
    expect(await open(sealed, cid, 199_999)).toMatchObject({ code: "damaged" });
    expect(await open(new Blob([new Uint8Array(10)]), cid, null)).toBeInstanceOf(Error);
  });

  it("derives the same keys", async () => {
    const salt = new Uint8Array(16);
    const cost = { N: 1024, r: 8, p: 1 };
    const fast = { memory_kib: 64, passes: 1, lanes: 1 };
    expect(await engine.scrypt("a", salt, cost)).toEqual(await inPlace.scrypt("a", salt, cost));
    expect(await engine.argon2id("a", salt, fast)).toEqual(await inPlace.argon2id("a", salt, fast));
    expect(await engine.scrypt("b", salt, cost)).not.toEqual(await inPlace.scrypt("a", salt, cost));
  });
});

it("a seal's error says what is wrong with it", () => {
  expect(new SealError("truncated")).toMatchObject({ code: "truncated", what: "sealed file" });
});
