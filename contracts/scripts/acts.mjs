// Writes what other languages repeat of eip712.json: the Solidity type hashes, crates/acts, and the
// web app's statements and ABI. With --check it compares instead of writing.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";

import { readSpec } from "./acts/spec.mjs";
import { rust } from "./acts/rust.mjs";
import { typeHashes } from "./acts/solidity.mjs";
import { abi, statements } from "./acts/typescript.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const read = (...path) => JSON.parse(readFileSync(join(root, ...path), "utf8"));
const check = process.argv.includes("--check");

const source = read("contracts", "eip712.json");
const spec = readSpec(source);
const artifacts = spec.contracts.map((name) => ({ name, abi: read("contracts", "abi", `${name}.json`).abi }));

// The example of CONTRIBUTING.md: the same file with one more act. A test of crates/acts compiles the
// crate around it.
const adding = join("crates", "acts", "tests", "adding");
const longer = readSpec({ ...source, types: { ...source.types, ...read(adding, "act.json") } });

const outputs = [
  [join("contracts", "src", "libraries", "TypeHashes.sol"), typeHashes(spec)],
  [join("crates", "acts", "src", "generated.rs"), rust(spec)],
  [join(adding, "generated.rs"), rust(longer)],
  [join("web", "src", "lib", "acts", "statements.ts"), statements(spec)],
  [join("web", "src", "lib", "acts", "abi.ts"), abi(artifacts)],
];

let stale = 0;
for (const [path, wanted] of outputs) {
  if (!check) {
    writeFileSync(join(root, path), wanted);
  } else if (readFileSync(join(root, path), "utf8") !== wanted) {
    console.error(`${path} is not what eip712.json says; run node contracts/scripts/acts.mjs`);
    stale += 1;
  }
}
if (check && stale === 0) console.log(`${outputs.length} files are what eip712.json says.`);
process.exitCode = stale === 0 ? 0 : 1;
