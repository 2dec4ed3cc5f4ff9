// What each role loads before its first page stands, compressed; fails over the budget.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const dist = new URL("../dist/", import.meta.url).pathname;
const manifestPath = join(dist, ".vite/manifest.json");
if (!existsSync(manifestPath)) {
  console.error("web/dist is missing: run `make web` first");
  process.exit(1);
}
const manifest = JSON.parse(readFileSync(manifestPath, "utf8"));

const BUDGET_KB = 300;
/** The door, the session, and the pages of the role; what is loaded on the way to the first page. */
const DOOR = ["index.html", "src/ui/pages/gate/index.tsx"];
const ROLES = {
  patient: ["src/ui/pages/patient/index.tsx"],
  doctor: ["src/ui/pages/doctor/index.tsx"],
  hospital: ["src/ui/pages/hospital/index.tsx"],
  registrar: ["src/ui/pages/registrar/index.tsx"],
  auditor: ["src/ui/pages/auditor/index.tsx"],
  guest: ["src/ui/pages/guest/index.tsx"],
};
/** What waits for a click: other pages, the viewer, charts, PDF, proofs against the chain, the export.
 * Everything else that is loaded lazily counts. The engine itself is for browsers without workers. */
const LATER = /^(src\/ui\/(pages|viewer|charts|pdf|fhir|i18n|components)\/|src\/lib\/(chain|custody\/export|worker\/engine\.ts)|node_modules\/(viem|@cantoo|uplot|dicom-parser|jpeg-lossless))/;
const workers = readdirSync(join(dist, "assets")).filter((name) => /worker/.test(name)).map((name) => `assets/${name}`);

function closure(entries) {
  const seen = new Set();
  const visit = (key) => {
    const chunk = manifest[key];
    if (!chunk || seen.has(key)) return;
    seen.add(key);
    for (const next of chunk.imports ?? []) visit(next);
    for (const next of chunk.dynamicImports ?? []) if (!LATER.test(next)) visit(next);
  };
  entries.forEach(visit);
  const files = new Set(["index.html", ...workers]);
  for (const key of seen) {
    const chunk = manifest[key];
    for (const file of [chunk.file, ...(chunk.css ?? []), ...(chunk.assets ?? [])]) files.add(file);
  }
  return [...files];
}

function size(file, compress) {
  return compress(readFileSync(join(dist, file))).length;
}
const gzip = (bytes) => gzipSync(bytes, { level: 9 });
const brotli = (bytes) => brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });

let over = false;
console.log("role        files   gzip kB   brotli kB   (budget for a patient: 300 kB)");
for (const [role, own] of Object.entries(ROLES)) {
  const files = closure([...(role === "guest" ? ["index.html"] : DOOR), ...own]);
  const sum = (compress) => files.reduce((total, file) => total + size(file, compress), 0) / 1000;
  const zipped = sum(gzip);
  over ||= zipped > BUDGET_KB;
  console.log(`${role.padEnd(10)} ${String(files.length).padStart(6)} ${zipped.toFixed(1).padStart(9)} ${sum(brotli).toFixed(1).padStart(11)}`);
}
if (over) {
  console.error(`over the budget of ${BUDGET_KB} kB: load something later, or leave it out`);
  process.exit(1);
}
