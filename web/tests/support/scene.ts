/** A real scene: an Ethereum node, three hospitals' nodes and people, made by `stele demo --scene`. */

import { execFile, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { OpenAccount } from "../../src/lib/keys/accounts";
import { openKeyFile, readKeyFile } from "../../src/lib/keys/key-file";
import { KeyRing } from "../../src/lib/keys/ring";
import { signIn } from "../../src/lib/session";
import type { Session, Unlocked } from "../../src/lib/surface";
import type { Hex } from "../../src/lib/types";
import { png } from "./png";

const PASSPHRASE = "demo";
const UP_WITHIN = 240_000;

interface SceneFile {
  readonly rpc: string;
  readonly nodes: readonly { readonly name: string; readonly url: string; readonly institution: Hex; readonly folder: string }[];
  readonly people: Readonly<Record<string, string>>;
}

/** The scene, or why there is none. */
export interface Scene extends SceneFile {
  readonly folder: string;
  stop(): Promise<void>;
}

/** The program under test; null where it was not built. */
export function program(): string | null {
  const path = process.env["STELE_BIN"];
  return path !== undefined && existsSync(path) ? path : null;
}

/** Set the scene; with STELE_SCENE, use the one that is described in that file. */
export async function setScene(bin: string): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), "stele-web-"));
  const standing = process.env["STELE_SCENE"];
  if (standing !== undefined) {
    const file = JSON.parse(readFileSync(standing, "utf8")) as SceneFile;
    const stop = (): Promise<void> => {
      rmSync(folder, { recursive: true });
      return Promise.resolve();
    };
    return { ...file, folder, stop };
  }
  const picture = join(folder, "scene.png");
  writeFileSync(picture, png(320, 240, 1));
  const child = spawn(bin, ["demo", "--scene", "--json", "--xray", picture, "--dir", join(folder, "demo")], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const file = await described(child);
  const stop = async (): Promise<void> => {
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  return { ...file, folder, stop };
}

/** The JSON document that the program prints when the scene stands. */
function described(child: ChildProcess): Promise<SceneFile> {
  return new Promise((resolve, reject) => {
    let text = "";
    const timer = setTimeout(() => {
      child.kill("SIGTERM");
      reject(new Error("the scene was not set in time"));
    }, UP_WITHIN);
    child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      if (!text.trimEnd().endsWith("}")) return;
      try {
        resolve(JSON.parse(text) as SceneFile);
        clearTimeout(timer);
      } catch {
        // Not all of it yet.
      }
    });
    child.once("exit", (code) => reject(new Error(`the scene ended with ${code ?? "a signal"}`)));
  });
}

/** An account opened from a person's key file. */
export async function person(file: string): Promise<Unlocked> {
  const text = readFileSync(file, "utf8");
  const secrets = await openKeyFile(text, PASSPHRASE);
  const { name, address } = readKeyFile(text);
  const account = { id: address, name, address, protection: "passphrase", wallet: "app", createdAt: 0 } as const;
  return new OpenAccount(account, KeyRing.fromBytes(secrets));
}

/** What is needed to find the people of a scene. */
export type Cast = Pick<SceneFile, "people"> & { readonly nodes: readonly { readonly url: string }[] };

/** Somebody whom no hospital knows, signed in to the node at `url`. */
export async function stranger(url: string): Promise<Session> {
  const ring = KeyRing.generate();
  const account = { id: ring.address, name: "Nobody", address: ring.address, protection: "passphrase", wallet: "app", createdAt: 0 } as const;
  return signIn(new OpenAccount(account, ring), { node: url });
}

/** Somebody of the scene, signed in to the node of hospital number `at`. */
export async function signedIn(scene: Cast, who: string, at: number): Promise<Session> {
  return signIn(await person(keyOf(scene, who)), { node: urlOf(scene, at) });
}

export function keyOf(scene: Cast, who: string): string {
  const file = scene.people[who];
  if (file === undefined) throw new Error(`nobody is called ${who}`);
  return file;
}

export function urlOf(scene: Cast, at: number): string {
  const node = scene.nodes[at];
  if (node === undefined) throw new Error(`there is no hospital ${at}`);
  return node.url;
}

/** What the command line says, as JSON. */
export async function stele<T>(bin: string, ...args: readonly string[]): Promise<T> {
  const env = { ...process.env, STELE_PASSPHRASE: PASSPHRASE };
  const { stdout } = await promisify(execFile)(bin, [...args, "--json"], { env, maxBuffer: 1 << 26 });
  return JSON.parse(stdout) as T;
}
