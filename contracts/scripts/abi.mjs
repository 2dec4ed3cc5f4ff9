// Writes abi/NAME.json (abi and creation bytecode) from Forge's artifacts, so that programs in
// other languages bind and deploy without Forge. With --check it compares instead of writing.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";

const root = fileURLToPath(new URL("..", import.meta.url));
const check = process.argv.includes("--check");
const { contracts } = JSON.parse(readFileSync(join(root, "eip712.json"), "utf8"));
let stale = 0;

for (const name of contracts) {
  const artifact = JSON.parse(readFileSync(join(root, "out", `${name}.sol`, `${name}.json`)));
  const { abi, bytecode } = artifact;
  const wanted = JSON.stringify({ abi, bytecode: { object: bytecode.object } }, null, 2) + "\n";
  const path = join(root, "abi", `${name}.json`);
  if (!check) {
    writeFileSync(path, wanted);
  } else if (readFileSync(path, "utf8") !== wanted) {
    console.error(`abi/${name}.json does not match src/${name}.sol; run scripts/build.sh`);
    stale += 1;
  }
}

if (check && stale === 0) console.log("abi/ matches the sources.");
process.exitCode = stale === 0 ? 0 : 1;
