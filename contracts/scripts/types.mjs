// Checks that each struct of the ABI that is signed is, field by field, the struct in eip712.json,
// and that the function that takes it is there, with the signatures in the order of the signers, so
// that what is generated from the file signs and calls what the contracts check; and that an
// implementation of EIP-712 that is not ours encodes the types to the same strings.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { TypedDataEncoder } from "ethers";

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (...path) => JSON.parse(readFileSync(join(root, ...path), "utf8"));
const { contracts, types } = read("eip712.json");
const problems = [];

/** The structs among the inputs of a contract's functions, by name, also those inside others. */
function structsOf(contract) {
  const found = new Map();
  const visit = (input) => {
    if (!input.components) return;
    const name = input.internalType.replace(/^struct (\w+\.)?/, "").replace(/\[\]$/, "");
    found.set(name, input.components.map((field) => `${field.type} ${field.name}`));
    input.components.forEach(visit);
  };
  for (const item of read("abi", `${contract}.json`).abi) (item.inputs ?? []).forEach(visit);
  return found;
}

/** The arguments of a contract's function, as `name: type`; null if it has none of that name. */
function argumentsOf(contract, call) {
  const found = read("abi", `${contract}.json`).abi.find(({ type, name }) => type === "function" && name === call);
  return found?.inputs.map(({ name, internalType }) => `${name}: ${internalType}`).join() ?? null;
}

const ABI = new Map(contracts.map((name) => [name, structsOf(name)]));
let compared = 0;

for (const [name, { contract, fields, type, offChain, batch, call, signers }] of Object.entries(types)) {
  const known = { [name]: fields };
  for (const field of fields) {
    const inner = field.type.replace(/\[\]$/, "");
    if (types[inner]) known[inner] = types[inner].fields;
  }
  const encoded = TypedDataEncoder.from(known).encodeType(name);
  if (encoded !== type) problems.push(`${name}: "${type}" is not what its fields give, "${encoded}"`);

  const struct = ABI.get(contract)?.get(name);
  if (!struct) {
    // A batch is signed as a list of its items; no function takes it as a struct.
    if (!offChain && !batch) problems.push(`${name}: not in the ABI of ${contract}`);
    continue;
  }
  compared += 1;
  const listed = fields.map((field) => `${field.type} ${field.name}`);
  if (struct.join() !== listed.join()) problems.push(`${name}: the ABI has (${struct.join(", ")})`);
  const wanted = [`act: struct I${contract}.${name}`, ...signers.map((who) => `${who}Signature: bytes`)].join();
  const taken = argumentsOf(contract, call);
  if (taken !== wanted) problems.push(`${name}: ${contract}.${call} takes (${taken}), not (${wanted})`);
}

for (const problem of problems) console.error(problem);
if (problems.length === 0) console.log(`eip712.json and abi/ agree on ${compared} structs.`);
process.exitCode = problems.length === 0 ? 0 : 1;
