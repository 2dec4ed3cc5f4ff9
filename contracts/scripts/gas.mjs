// Measures what each act costs as the gas used of real receipts on a fresh Anvil, writes gas.md
// and fails above a ceiling. With --check it fails if gas.md says anything else; with --json it
// prints the figures and writes nothing. Keys, salts and times are fixed, so the figures are too.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Contract, ContractFactory, HDNodeWallet, JsonRpcProvider, id, Wallet } from "ethers";

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (...path) => JSON.parse(readFileSync(join(root, ...path), "utf8"));

const HARDFORK = "osaka";
const START = 1_800_000_000; // Unix time of the first block
const DEADLINE = START + 7 * 86_400;
const BATCH = 50;

// What a line may cost where that is less than its act may use at most, which eip712.json says;
// batches per item.
const ceilings = new Map([
  ["commit, first version", 90_000],
  ["commit, first correction", 90_000],
  ["commit, later correction", 90_000],
  ["grant", 60_000],
  ["revoke", 40_000],
  ["request", 40_000],
  ["checkpoint, an institution's first", 60_000],
  ["checkpoint, later", 60_000],
  [`commit in a batch of ${BATCH}`, 45_000],
  [`grant in a batch of ${BATCH}`, 35_000],
]);

const { domain, types } = read("eip712.json");
const fieldsOf = (name) => types[name].fields;

/** A key that nobody has money on: the digest of a label. */
const key = (label) => new Wallet(id(`stele gas ${label}`));

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

async function startAnvil() {
  const port = await freePort();
  const args = ["anvil", "--silent", "--port", port, "--hardfork", HARDFORK, "--timestamp", START];
  const child = spawn(join(root, "scripts", "foundry.sh"), args.map(String), { stdio: "inherit" });
  const provider = new JsonRpcProvider(`http://127.0.0.1:${port}`, undefined, {
    batchMaxCount: 1,
    cacheTimeout: -1,
    pollingInterval: 20,
    staticNetwork: true,
  });
  for (let tries = 0; ; tries += 1) {
    try {
      await fetch(`http://127.0.0.1:${port}`, { method: "POST", body: "{}" });
      break;
    } catch (failure) {
      if (tries === 100 || child.exitCode !== null) throw failure;
      await sleep(50);
    }
  }
  return { child, provider };
}

async function measure(provider) {
  const sender = HDNodeWallet.fromPhrase(
    "test test test test test test test test test test test junk",
  ).connect(provider);
  const { chainId } = await provider.getNetwork();
  const rows = new Map();
  let nonce = 0;

  async function deploy(name, artifact, ...args) {
    const factory = new ContractFactory(artifact.abi, artifact.bytecode.object, sender);
    const contract = await factory.deploy(...args, { nonce: nonce++ });
    const receipt = await contract.deploymentTransaction().wait();
    rows.set(`deploy ${name}`, Number(receipt.gasUsed));
    return new Contract(receipt.contractAddress, artifact.abi, sender);
  }

  /** Sends one transaction; under `label`, notes its gas for each of `items`. */
  async function send(label, call, items = 1) {
    const transaction = await call({ nonce: nonce++ });
    const receipt = await transaction.wait();
    if (label) rows.set(label, Math.ceil(Number(receipt.gasUsed) / items));
    return receipt;
  }

  const sign = (signer, contract, name, act) => {
    const known = { [name]: fieldsOf(name) };
    if (name === "CommitBatch") known.Commit = fieldsOf("Commit");
    const bound = { name: domain.name, version: domain.version, chainId };
    return signer.signTypedData({ ...bound, verifyingContract: contract.target }, known, act);
  };

  const registrar = key("registrar");
  const hospital = key("hospital");
  const doctor = key("doctor");

  const registry = await deploy("Registry", read("out", "Registry.sol", "Registry.json"), registrar.address);
  const records = await deploy("Records", read("out", "Records.sol", "Records.json"), registry.target);
  const consents = await deploy("Consents", read("out", "Consents.sol", "Consents.json"), registry.target);
  const log = await deploy("Log", read("out", "Log.sol", "Log.json"), registry.target);
  const printed = await deploy(
    "the printed contract",
    read("out", "PrintedReports.sol", "PrintedReports.json"),
  );

  async function act(label, contract, name, value, ...signers) {
    const signatures = [];
    for (const signer of signers) signatures.push(await sign(signer, contract, name, value));
    if (!ceilings.has(label)) ceilings.set(label, types[name].gas);
    await send(label, (options) => contract[types[name].call](value, ...signatures, options));
  }

  const admission = { institution: hospital.address, status: 1, nonce: 0, deadline: DEADLINE };
  await act("admit an institution", registry, "SetInstitution", admission, registrar);
  const joining = {
    staff: doctor.address,
    institution: hospital.address,
    role: 1,
    nonce: 0,
    deadline: DEADLINE,
  };
  await act("admit a doctor", registry, "AdmitStaff", joining, hospital, doctor);
  const statement = { wallet: doctor.address, digest: id("key"), version: 1, deadline: DEADLINE };
  await act("publish a key statement", registry, "PublishKey", statement, doctor);
  const enrolment = { institution: hospital.address, patient: id("patient"), deadline: DEADLINE };
  await act("enrol a patient", registry, "EnrolPatient", enrolment, hospital);
  const change = { ...joining, role: 2, status: 1, nonce: 1 };
  await act("change a role", registry, "SetStaff", change, hospital);

  const commitOf = (controller, version) => ({
    controller: controller.address,
    version,
    previous: version === 1 ? "0x" + "00".repeat(32) : id(`${controller.address} ${version - 1}`),
    commitment: id(`${controller.address} ${version}`),
    institution: hospital.address,
    deadline: DEADLINE,
  });
  const patient = key("controller");
  const versions = ["commit, first version", "commit, first correction", "commit, later correction"];
  for (const [index, label] of versions.entries()) {
    const value = commitOf(patient, index + 1);
    await act(label, records, "Commit", value, hospital, patient);
  }

  const request = { id: id("request"), requester: doctor.address, deadline: DEADLINE };
  await act("request", consents, "Request", request, doctor);
  const grant = { controller: patient.address, id: id("grant"), expiry: DEADLINE };
  await act("grant", consents, "Grant", grant, patient);
  const revocation = { controller: patient.address, id: id("grant") };
  await act("revoke", consents, "Revoke", revocation, patient);
  const burning = { controller: patient.address, id: id("unsent grant") };
  await act("revoke before the grant", consents, "Revoke", burning, patient);

  const first = { institution: hospital.address, size: 123_456, root: id("first root") };
  const label = "checkpoint, an institution's first";
  await act(label, log, "Checkpoint", first, hospital);
  const later = { institution: hospital.address, size: 234_567, root: id("later root") };
  await act("checkpoint, later", log, "Checkpoint", later, hospital);

  const controllers = Array.from({ length: BATCH }, (_, index) => key(`controller ${index}`));
  async function signedItems(contract, name, values) {
    return Promise.all(
      values.map(async (value, index) => ({
        act: value,
        controllerSignature: await sign(controllers[index], contract, name, value),
      })),
    );
  }

  const commits = controllers.map((controller) => commitOf(controller, 1));
  const items = await signedItems(records, "Commit", commits);
  const approval = await sign(hospital, records, "CommitBatch", { commits });
  await send(
    `commit in a batch of ${BATCH}`,
    (options) => records.commitBatch(hospital.address, items, approval, options),
    BATCH,
  );
  const grants = controllers.map(({ address }, index) => ({
    controller: address,
    id: id(`grant ${index}`),
    expiry: DEADLINE,
  }));
  const grantItems = await signedItems(consents, "Grant", grants);
  await send(
    `grant in a batch of ${BATCH}`,
    (options) => consents.grantBatch(grantItems, options),
    BATCH,
  );
  const revocations = grants.map(({ controller, id: grantId }) => ({ controller, id: grantId }));
  const revokeItems = await signedItems(consents, "Revoke", revocations);
  await send(
    `revoke in a batch of ${BATCH}`,
    (options) => consents.revokeBatch(revokeItems, options),
    BATCH,
  );

  const erasure = { controller: patient.address, deadline: DEADLINE };
  await act("erase", records, "Erase", erasure, patient);

  await send("addReport of the printed contract", (options) =>
    printed.addReport(
      "65a1f0c2e4b0a91d3c7f8e21",
      "Chest X-ray, two views",
      ["m.okafor@clinic.example", "j.lindqvist@hospital.example"],
      "https://ipfs.io/ipfs/QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG",
      "Thea Marlowe",
      "m.okafor@clinic.example",
      "thea.marlowe@mail.example",
      "2023-06-14T09:32:11Z",
      options,
    ),
  );
  return rows;
}

const OURS = [
  ["Records", /^(commit|erase)/],
  ["Consents", /^(request|grant|revoke)/],
  ["Log", /^checkpoint/],
  ["Registry", /^(admit|publish|enrol|change)/],
  ["The 2023 paper's contract", /^addReport/],
  ["Deployment", /^deploy/],
];

function table(rows) {
  const number = (value) => value.toLocaleString("en-US");
  const lines = ["| contract | act | gas | ceiling |", "| --- | --- | ---: | ---: |"];
  for (const [contract, pattern] of OURS) {
    for (const [act, gas] of rows) {
      if (!pattern.test(act)) continue;
      const ceiling = ceilings.has(act) ? number(ceilings.get(act)) : "";
      lines.push(`| ${contract} | ${act} | ${number(gas)} | ${ceiling} |`);
    }
  }
  return lines.join("\n");
}

function page(rows) {
  return `# Gas

Written by \`scripts/gas.sh\`; \`scripts/gas.sh --check\` fails if a figure is not true any more or is
above its ceiling.

Each figure is the gas used of a real receipt on a fresh Anvil (hard fork ${HARDFORK}): calldata,
signatures and event included, all storage cold, slots empty where the act is a first. Signers are
keys; a contract wallet adds its own ERC-1271 check. Batches are per item, the transaction's share
included.

${table(rows)}

The last group but one is \`addReport\` as a 2023 paper prints it (strings in nested mappings;
[bench/PrintedReports.sol](bench/PrintedReports.sol)), with values of ordinary length: it stores
names, e-mail addresses and a link in the clear and checks no signature.
`;
}

function overCeiling(rows) {
  const over = [...rows].filter(([act, gas]) => gas > (ceilings.get(act) ?? Infinity));
  for (const [act, gas] of over) console.error(`${act}: ${gas} gas, above ${ceilings.get(act)}`);
  return over.length > 0;
}

async function main() {
  const { child, provider } = await startAnvil();
  try {
    const rows = await measure(provider);
    const path = join(root, "gas.md");
    if (process.argv.includes("--json")) {
      console.log(JSON.stringify(Object.fromEntries(rows), null, 2));
    } else if (!process.argv.includes("--check")) {
      writeFileSync(path, page(rows));
      console.log(table(rows));
    } else if (readFileSync(path, "utf8") !== page(rows)) {
      console.log(table(rows));
      console.error("gas.md says something else; run scripts/gas.sh and look at the difference.");
      process.exitCode = 1;
    } else {
      console.log("gas.md is true.");
    }
    if (overCeiling(rows)) process.exitCode = 1;
  } finally {
    provider.destroy();
    child.kill("SIGTERM");
  }
}

await main();
