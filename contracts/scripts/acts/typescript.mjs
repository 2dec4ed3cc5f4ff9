// The web app's statements (kinds, fields, typed data, sentences, roles) and the part of the contracts'
// ABI that is read: views and events.

const HEX = /^(address|bytes\d*)$/;

const typeOf = (type) => {
  if (HEX.test(type)) return "Hex";
  if (type === "string") return "string";
  if (type === "bool") return "boolean";
  return "number | bigint";
};

const list = (items) => items.map((item) => JSON.stringify(item)).join(", ");

function entry({ name, contract, fields }) {
  const typed = fields.map((field) => `      { name: "${field.name}", type: "${field.type}" },`);
  return `  ${name}: {
    contract: "${contract.toLowerCase()}",
    fields: [
${typed.join("\n")}
    ],
  },`;
}

function shape({ name, about, fields }) {
  const members = fields.map((field) => `    readonly ${field.name}: ${typeOf(field.type)};`);
  return `  /** ${about} */
  readonly ${name}: {
${members.join("\n")}
  };`;
}

export function statements({ domain, contracts, roles, statements: all }) {
  const single = all.filter(({ sort }) => sort !== "batch");
  const domainType = domain.fields.map((field) => `  { name: "${field.name}", type: "${field.type}" },`);
  return `/** Everything that is signed. Written by contracts/scripts/acts.mjs from contracts/eip712.json. */

type Hex = \`0x\${string}\`;

/** A field's value; numbers as numbers where they are small enough. */
export type FieldValue = string | number | bigint | boolean;

/** Name and version in the EIP-712 domain of every contract. */
export const DOMAIN = { name: "${domain.name}", version: "${domain.version}" } as const;

/** The domain's own type, for wallets that want to see it. */
export const DOMAIN_TYPE = [
${domainType.join("\n")}
] as const;

/** The contracts, as a deployment names them. */
export const CONTRACTS = [${list(contracts.map((name) => name.toLowerCase()))}] as const;
export type Contract = (typeof CONTRACTS)[number];

/** Staff roles; the Registry counts them from 1 in this order. */
export const ROLES = [${list(roles.map(({ name }) => name))}] as const;
export type Role = (typeof ROLES)[number];

/** Each statement's contract and typed fields, in the order in which they are hashed. */
export const STATEMENTS = {
${single.map(entry).join("\n")}
} as const;
/** The name of a statement. */
export type StatementKind = keyof typeof STATEMENTS;

/** What each statement says. */
export interface StatementFields {
${single.map(shape).join("\n")}
}

/** What a person is told before signing; the key of the sentence in other languages. */
export const SENTENCES: Readonly<Record<StatementKind, string>> = {
${single.map(({ name, sentence }) => `  ${name}: ${JSON.stringify(sentence)},`).join("\n")}
};
`;
}

const argument = ({ type, name, indexed }) => [type, ...(indexed ? ["indexed"] : []), ...(name ? [name] : [])].join(" ");

function signature({ type, name, inputs, outputs = [] }) {
  const head = `${type} ${name}(${inputs.map(argument).join(", ")})`;
  return type === "event" ? head : `${head} view returns (${outputs.map(argument).join(", ")})`;
}

export function abi(artifacts) {
  const item = (one) => `  ${one.name}: parseAbiItem("${signature(one)}"),`;
  const contracts = artifacts.map(({ name, abi: items }) => {
    // Each contract has the domain's own (ERC-5267), which nobody here reads.
    const ours = items.filter((one) => /^(function|event)$/.test(one.type) && !/^eip712/i.test(one.name));
    const views = ours.filter(({ stateMutability: how }) => how === "view" || how === "pure");
    return `
/** ${name}: what it answers. */
export const ${name.toLowerCase()}Abi = parseAbi([
${views.map((one) => `  "${signature(one)}",`).join("\n")}
]);

/** ${name}: what it tells. */
export const ${name.toLowerCase()}Events = {
${ours.filter(({ type }) => type === "event").map(item).join("\n")}
} as const;
`;
  });
  return `/** The contracts' views and events. Written by contracts/scripts/acts.mjs from contracts/abi. */

import { parseAbi, parseAbiItem } from "viem";
${contracts.join("")}`;
}
