// Lists the messages that the pages use, and says which are missing from a language's file.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = new URL("../src/ui/", import.meta.url).pathname;

function* files(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* files(path);
    else if (/\.tsx?$/.test(entry.name)) yield path;
  }
}

/** What a person is told before each signature: contracts/eip712.json has it in English. */
function sentences() {
  const path = new URL("../../contracts/eip712.json", import.meta.url);
  const { types } = JSON.parse(readFileSync(path, "utf8"));
  return Object.values(types).flatMap(({ sentence }) => sentence ?? []);
}

/** Every string literal that is handed to t(…) or say(…), and every sentence before a signature. */
export function used() {
  const found = new Set(sentences());
  for (const path of files(root)) {
    const source = readFileSync(path, "utf8");
    for (const [, , text] of source.matchAll(/\b(t|say)\(\s*"((?:[^"\\]|\\.)*)"/g)) found.add(JSON.parse(`"${text}"`));
  }
  return [...found].sort();
}

export function missing(language) {
  const known = JSON.parse(readFileSync(join(root, "i18n", `${language}.json`), "utf8"));
  return used().filter((key) => !(key in known) && !(`${key}_other` in known));
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const [first, second] = process.argv.slice(2);
  if (first === "--check") {
    const lacking = missing(second);
    if (lacking.length > 0) {
      console.error(`${second}.json lacks ${String(lacking.length)} of ${String(used().length)} messages:\n${lacking.join("\n")}`);
      process.exit(1);
    }
    console.log(`${second}.json has all ${String(used().length)} messages`);
  } else console.log((first ? missing(first) : used()).join("\n"));
}
