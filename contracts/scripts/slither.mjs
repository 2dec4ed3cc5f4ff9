// Compares Slither's findings (its JSON, on standard input) with the answers in slither.md: each
// finding needs an answer, and each answer must still answer something.
import { readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

const report = JSON.parse(await text(process.stdin));
if (!report.success) {
  console.error(`Slither failed: ${report.error}`);
  process.exit(1);
}

/** What a finding is about: the check, the contract and the function. */
function nameOf({ check, elements }) {
  const element = elements.find(({ type }) => type === "function") ?? elements[0];
  const parent = element.type_specific_fields?.parent?.name;
  return `${check} ${parent ? `${parent}.` : ""}${element.name}`;
}

const findings = new Set((report.results.detectors ?? []).map(nameOf));
const page = readFileSync(fileURLToPath(new URL("../slither.md", import.meta.url)), "utf8");
const answers = new Set([...page.matchAll(/^\| `([^`]+)` \|/gm)].map((match) => match[1]));
const open = [...findings].filter((name) => !answers.has(name));
const stale = [...answers].filter((name) => !findings.has(name));

for (const name of open) console.error(`Slither reports "${name}", which slither.md does not answer.`);
for (const name of stale) console.error(`slither.md answers "${name}", which Slither does not report.`);
console.log(`Slither: ${findings.size} findings, ${findings.size - open.length} answered in slither.md.`);
process.exitCode = open.length + stale.length === 0 ? 0 : 1;
