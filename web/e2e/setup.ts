/** One scene for all tests of a run; a scene that runs already is used where SCENE names its report. */
import { existsSync } from "node:fs";
import { join } from "node:path";

import { ROOT, start } from "./scene";

export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  if (!existsSync(join(ROOT, "web/dist/index.html"))) throw new Error("web/dist is missing: run `make web`");
  if (process.env["STELE_SCENE"]) return undefined;
  const { scene, stop } = await start();
  console.log(`scene: ${scene.nodes.map((node) => `${node.name} at ${node.url}`).join(", ")}`);
  return stop;
}
