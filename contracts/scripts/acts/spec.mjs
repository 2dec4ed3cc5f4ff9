// eip712.json as the generators use it, checked: a wrong line is refused here, by name, and not by a
// compiler that reads what came of it.

const LANES = ["urgent", "normal", "background"];
const TYPES = ["address", "bool", "bytes", "bytes32", "string", "uint8", "uint16", "uint32", "uint64"];

/** `SetInstitution` as `set_institution`. */
export const snake = (name) => name.replace(/(?<=.)[A-Z]/g, "_$&").toLowerCase();

/** `doctor` as `Doctor`. */
export const capital = (name) => name[0].toUpperCase() + name.slice(1);

/** Contracts, roles and statements; a statement is an `act`, a `batch` of acts, or `offChain`. */
export function readSpec({ domain, contracts, roles, types }) {
  const statements = Object.entries(types).map(([name, line]) => statement(name, line, contracts, types));
  return { domain, contracts, roles, statements, acts: statements.filter(({ sort }) => sort === "act") };
}

function statement(name, line, contracts, types) {
  const need = (holds, what) => {
    if (!holds) throw new Error(`eip712.json: ${name}: ${what}`);
  };
  const sort = line.offChain ? "offChain" : line.batch ? "batch" : "act";
  need(/^[A-Z][A-Za-z]+$/.test(name), "a name is letters, the first a capital");
  need(contracts.includes(line.contract), `contract is one of ${contracts.join(", ")}`);
  need(typeof line.about === "string" && line.about.endsWith("."), "about is a sentence for programmers");
  need(line.signers?.length > 0, "signers names who signs");
  for (const { name: field, type } of line.fields) {
    const known = TYPES.includes(type) || type.replace(/\[\]$/, "") in types;
    need(known, `${field} has the type ${type}; known are ${TYPES.join(", ")} and lists of statements`);
  }
  if (sort !== "batch") need(line.sentence?.endsWith("."), "sentence tells people what they sign");
  if (sort === "act") {
    const typeOf = (field) => line.fields.find((one) => one.name === field)?.type;
    const signs = (who) => who === "registrar" || typeOf(who) === "address";
    need(line.signers.every(signs), "a signer is the registrar or a field that holds an address");
    need(/^[a-z][A-Za-z]+$/.test(line.call ?? ""), "call names the contract's function");
    need(Number.isInteger(line.gas) && line.gas > 21_000, "gas is a ceiling above 21,000");
    need(LANES.includes(line.lane), `lane is one of ${LANES.join(", ")}`);
    need(line.deadline === undefined || typeOf(line.deadline) === "uint64", "deadline names a field of uint64");
  }
  return { name, sort, ...line };
}
