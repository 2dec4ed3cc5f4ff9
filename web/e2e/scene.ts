/** The real scene of `stele demo --scene`: a chain, three hospitals, and people with their key files. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

export interface Scene {
  rpc: string;
  nodes: { name: string; url: string; institution: string; folder: string }[];
  people: Record<string, string>;
  pids: Record<string, number>;
  /** Processes that tests started in place of those; they end with the scene. */
  started?: number[];
  dir: string;
  bin: string;
}

export const ROOT = resolve(import.meta.dirname, "../..");
const STARTS_WITHIN_MS = 240_000;
const RESTARTS_WITHIN_MS = 120_000;
const LOOK_MS = 100;
const FILE = join(tmpdir(), `stele-e2e-${String(process.ppid)}.json`);

export function program(): string {
  const bin = process.env["STELE_BIN"] ?? join(ROOT, "target/debug/stele");
  if (!existsSync(bin)) throw new Error(`${bin} is missing: run \`make build\`, or name the program in STELE_BIN`);
  return bin;
}

export function radiograph(): string {
  return join(process.env["STELE_DICOM_DIR"] ?? join(ROOT, "build/dicom"), "RG1_UNCR.dcm");
}

export async function start(): Promise<{ scene: Scene; stop: () => Promise<void> }> {
  const dir = mkdtempSync(join(tmpdir(), "stele-e2e-"));
  const bin = program();
  const child = spawn(bin, ["demo", "--scene", "--json", "--dir", join(dir, "demo")], { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
  const report = await announced(child);
  const scene = { ...(report as Omit<Scene, "dir" | "bin">), dir, bin };
  const people = Object.fromEntries(Object.entries(scene.people).map(([name, path]) => [name, resolve(ROOT, path)]));
  const made = { ...scene, people };
  writeFileSync(FILE, JSON.stringify(made));
  process.env["STELE_SCENE"] = FILE;
  const stop = async () => {
    for (const pid of (JSON.parse(readFileSync(FILE, "utf8")) as Scene).started ?? []) end(pid);
    const ended = new Promise((done) => child.once("exit", done));
    child.kill("SIGTERM");
    await ended;
    rmSync(dir, { recursive: true, force: true });
    rmSync(FILE, { force: true });
  };
  return { scene: made, stop };
}

/** End a process that may have ended already. */
function end(pid: number): void {
  try {
    process.kill(pid, "SIGTERM");
  } catch {
    // It is gone.
  }
}

async function until(path: string, want: (status: number | null) => boolean): Promise<void> {
  const last = Date.now() + RESTARTS_WITHIN_MS;
  for (;;) {
    const status = await fetch(path).then((answer) => answer.status, () => null);
    if (want(status)) return;
    if (Date.now() > last) throw new Error(`${path} answers ${String(status)}`);
    await new Promise((wake) => setTimeout(wake, LOOK_MS));
  }
}

/** Kill a hospital's node without a word and start it again from its folder. */
export async function restart(index: number, environment: Record<string, string> = {}): Promise<void> {
  const known = scene();
  const { folder, name, url } = nodeAt(index);
  const pid = known.pids[name];
  if (pid === undefined) throw new Error(`no process of ${name} among ${Object.keys(known.pids).join(", ")}`);
  process.kill(pid, "SIGKILL");
  await until(`${url}/healthz`, (status) => status === null);
  const child = spawn(known.bin, ["node", "--config", join(folder, "stele.toml"), "--key", join(folder, "hospital.key")], {
    cwd: ROOT,
    env: { ...process.env, STELE_PASSPHRASE: "demo", ...environment },
    stdio: "ignore",
    detached: true,
  });
  child.unref();
  const fresh = child.pid ?? 0;
  const now: Scene = { ...known, pids: { ...known.pids, [name]: fresh }, started: [...(known.started ?? []), fresh] };
  writeFileSync(process.env["STELE_SCENE"] ?? FILE, JSON.stringify(now));
}

/** Wait until a hospital's node serves people again. */
export function ready(index: number): Promise<void> {
  return until(`${nodeAt(index).url}/readyz`, (status) => status === 200);
}

/** The scene prints one JSON document when everything is up. */
function announced(child: ChildProcess): Promise<unknown> {
  return new Promise((done, fail) => {
    let out = "";
    let err = "";
    const timer = setTimeout(() => fail(new Error(`the scene is not up: ${err.slice(-2000)}`)), STARTS_WITHIN_MS);
    child.stdout?.on("data", (bytes: Buffer) => {
      out += bytes.toString();
      try {
        const report: unknown = JSON.parse(out);
        clearTimeout(timer);
        done(report);
      } catch {
        // Not all of it has been printed yet.
      }
    });
    child.stderr?.on("data", (bytes: Buffer) => {
      err += bytes.toString();
    });
    child.once("exit", (code) => {
      clearTimeout(timer);
      fail(new Error(`the scene ended with ${String(code)}: ${err.slice(-2000)}${out.slice(-2000)}`));
    });
  });
}

export function scene(): Scene {
  const file = process.env["STELE_SCENE"];
  if (!file) throw new Error("no scene: the global set-up did not run");
  return JSON.parse(readFileSync(file, "utf8")) as Scene;
}

export function home(): string {
  return nodeAt(0).url;
}

export function nodeAt(index: number): Scene["nodes"][number] {
  const node = scene().nodes[index];
  if (!node) throw new Error(`the scene has no hospital ${String(index)}`);
  return node;
}
