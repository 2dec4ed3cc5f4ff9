/** The chain, read through the node's read-only door. Loaded when a proof is checked. */

import { createClient, custom } from "viem";
import { getBlock, getBlockNumber, getLogs, getTransactionReceipt, readContract } from "viem/actions";
import type { AbiEvent, Client, Log } from "viem";

import {
  consentsAbi, consentsEvents, logAbi, logEvents, recordsAbi, recordsEvents, registryAbi, registryEvents,
} from "../acts/abi";
import type { Http } from "../api/http";
import type { Schemas } from "../api/wire";
import { SteleError } from "../errors";
import { hash32 } from "../formats/bytes";
import { grantId } from "../formats/consent";
import type { ProofBundle } from "../formats/proof";
import type { ChainFact, Deployment, GrantStanding, Hex } from "../types";

/** How many blocks are asked for at once; the node takes no more. */
const SPAN = 10_000n;
/** Clocks of authors and of blocks may differ by this many seconds. */
const SKEW = 600;
const ACTIVE = 1;

/** A checkpoint that the chain holds. */
export interface Anchored {
  readonly size: number;
  readonly root: Hex;
  readonly block: number;
  readonly tx: Hex;
}

/** A JSON-RPC answer; what it says is looked at by who asked. */
type Reply = Pick<Schemas["Reply"], "error"> & { readonly result?: unknown };

/** What the contracts say. */
export class ChainReader {
  readonly #client: Client;
  readonly #at: Deployment;
  readonly #times = new Map<number, number>();

  constructor(http: Http, at: Deployment) {
    this.#at = at;
    const request = async ({ method, params }: { method: string; params?: unknown }): Promise<unknown> => {
      const body = { jsonrpc: "2.0", id: 1, method, params: params ?? [] };
      const reply = await http.json<Reply>("POST", "/api/v1/chain", body);
      if (reply.error !== null && reply.error !== undefined) throw new SteleError("chain", reply.error.message);
      return reply.result ?? null;
    };
    this.#client = createClient({ transport: custom({ request }, { retryCount: 1 }) });
  }

  /** The newest checkpoint of an institution: size and the first 26 bytes of its root. */
  async latest(institution: Hex): Promise<{ readonly size: number; readonly prefix: Hex }> {
    const [size, prefix] = await readContract(this.#client, {
      address: this.#at.contracts.log, abi: logAbi, functionName: "latest", args: [institution],
    });
    return { size: Number(size), prefix };
  }

  /** Every checkpoint of an institution, oldest first. */
  async anchored(institution: Hex, fromBlock: number, onBlock?: (done: number, total: number) => void): Promise<Anchored[]> {
    const logs = await this.#events(this.#at.contracts.log, logEvents.Anchored, { institution }, fromBlock, onBlock);
    return logs.map(({ args, blockNumber, transactionHash }) => ({
      size: Number(args.size),
      root: hash32(args.root, "root"),
      block: Number(blockNumber),
      tx: hash32(transactionHash, "tx"),
    }));
  }

  /** Whether an institution anchored its log of this size and root. */
  async holds(institution: Hex, point: { readonly size: number; readonly root: Hex }, fromBlock: number): Promise<boolean> {
    const newest = await this.latest(institution);
    if (newest.size === point.size) return point.root.startsWith(newest.prefix.toLowerCase());
    return (await this.anchored(institution, fromBlock)).some((c) => c.size === point.size && c.root === point.root);
  }

  /** Whether a grant is live at this moment. */
  async isLive(controller: Hex, grant: Hex): Promise<boolean> {
    return readContract(this.#client, {
      address: this.#at.contracts.consents, abi: consentsAbi, functionName: "isLive", args: [controller, grant],
    });
  }

  /** How a commitment stands under its controller. */
  async versionOf(controller: Hex, commitment: Hex, fromBlock: number): Promise<GrantStanding["version"]> {
    const { records } = this.#at.contracts;
    const current = await readContract(this.#client, {
      address: records, abi: recordsAbi, functionName: "current", args: [controller],
    });
    if (current === commitment) return "current";
    const commits = await this.#events(records, recordsEvents.Committed, { controller }, fromBlock);
    return commits.some(({ args }) => args.commitment === commitment) ? "corrected" : "unknown";
  }

  /** When a block was made, unix seconds. */
  async timeOf(block: number): Promise<number> {
    const known = this.#times.get(block);
    if (known !== undefined) return known;
    const { timestamp } = await getBlock(this.#client, { blockNumber: BigInt(block) });
    this.#times.set(block, Number(timestamp));
    return Number(timestamp);
  }

  /** Put every fact of a proof bundle to the chain. */
  async confirm(bundle: ProofBundle, fromBlock: number): Promise<ChainFact[]> {
    const facts = [
      await this.#committed(bundle, fromBlock),
      await this.#institution(bundle, fromBlock),
      await this.#staff(bundle, fromBlock),
      await this.#enrolled(bundle),
    ];
    facts.push(...(await this.#grants(bundle, fromBlock)), ...(await this.#checkpoints(bundle, fromBlock)));
    for (const { hash } of bundle.transactions) facts.push(await this.#transaction(hash));
    return facts;
  }

  async #committed({ controller, commitment, disclosure: { header } }: ProofBundle, fromBlock: number): Promise<ChainFact> {
    const { records } = this.#at.contracts;
    const commits = await this.#events(records, recordsEvents.Committed, { controller }, fromBlock);
    const erased = await this.#events(records, recordsEvents.Erased, { controller }, fromBlock);
    const holds = commits.some(
      ({ args }) =>
        args.commitment === commitment && Number(args.version) === header.version &&
        args.institution.toLowerCase() === header.institution &&
        args.previous === (header.previous ?? `0x${"00".repeat(32)}`),
    );
    const corrected = commits.some(({ args }) => Number(args.version) > header.version);
    const note = erased.length > 0 ? "erased_since" : corrected ? "corrected_since" : null;
    return { kind: "committed", about: commitment, holds, note };
  }

  async #institution({ disclosure: { header } }: ProofBundle, fromBlock: number): Promise<ChainFact> {
    const { institution } = header;
    const events = await this.#events(this.#at.contracts.registry, registryEvents.InstitutionSet, { institution }, fromBlock);
    const last = await this.#inForce(events, header.created_at);
    return { kind: "institution", about: institution, holds: last?.args.status === ACTIVE, note: null };
  }

  async #staff({ disclosure: { header } }: ProofBundle, fromBlock: number): Promise<ChainFact> {
    const staff = header.author;
    const events = await this.#events(this.#at.contracts.registry, registryEvents.StaffSet, { staff }, fromBlock);
    const last = await this.#inForce(events, header.created_at);
    const holds = last?.args.status === ACTIVE && last.args.institution.toLowerCase() === header.institution;
    return { kind: "staff", about: staff, holds, note: null };
  }

  async #enrolled({ disclosure: { header } }: ProofBundle): Promise<ChainFact> {
    const holds = await readContract(this.#client, {
      address: this.#at.contracts.registry, abi: registryAbi, functionName: "enrolled",
      args: [header.institution, header.patient],
    });
    return { kind: "enrolled", about: header.patient, holds, note: null };
  }

  async #grants({ controller, grants }: ProofBundle, fromBlock: number): Promise<ChainFact[]> {
    if (grants.length === 0) return [];
    const { consents } = this.#at.contracts;
    const given = await this.#events(consents, consentsEvents.Granted, { controller }, fromBlock);
    const revoked = await this.#events(consents, consentsEvents.Revoked, { controller }, fromBlock);
    return grants.map((grant): ChainFact => {
      const id = grantId(grant);
      const holds = given.some(({ args }) => args.id === id && Number(args.expiry) === grant.until);
      const gone = revoked.some(({ args }) => args.id === id);
      return { kind: "grant", about: id, holds, note: gone ? "revoked_since" : null };
    });
  }

  async #checkpoints({ log }: ProofBundle, fromBlock: number): Promise<ChainFact[]> {
    const facts: ChainFact[] = [];
    for (const institution of new Set(log.map((proof) => proof.institution))) {
      const anchored = await this.anchored(institution, fromBlock);
      const wanted = new Map(log.filter((p) => p.institution === institution).map((p) => [`${p.size} ${p.root}`, p]));
      for (const { size, root } of wanted.values()) {
        const holds = anchored.some((c) => c.size === size && c.root === root);
        facts.push({ kind: "checkpoint", about: institution, holds, note: null });
      }
    }
    return facts;
  }

  async #transaction(hash: Hex): Promise<ChainFact> {
    const fact = { kind: "transaction", about: hash, note: null } as const;
    try {
      const { status } = await getTransactionReceipt(this.#client, { hash });
      return { ...fact, holds: status === "success" };
    } catch (error) {
      if (error instanceof Error && error.name === "TransactionReceiptNotFoundError") return { ...fact, holds: false };
      throw error;
    }
  }

  /** The last event that was in force at a time. */
  async #inForce<T extends { readonly blockNumber: bigint }>(events: readonly T[], time: number): Promise<T | null> {
    let last: T | null = null;
    for (const event of events) {
      if ((await this.timeOf(Number(event.blockNumber))) > time + SKEW) break;
      last = event;
    }
    return last;
  }

  async #events<const E extends AbiEvent>(
    address: Hex,
    event: E,
    args: Readonly<Record<string, Hex>>,
    fromBlock: number,
    onBlock?: (done: number, total: number) => void,
  ): Promise<Log<bigint, number, false, E, true>[]> {
    const head = await getBlockNumber(this.#client);
    const found: Log<bigint, number, false, E, true>[] = [];
    for (let from = BigInt(fromBlock); from <= head; from += SPAN) {
      const until = from + SPAN - 1n < head ? from + SPAN - 1n : head;
      const question = { address, event: event as AbiEvent, args, fromBlock: from, toBlock: until, strict: true } as const;
      found.push(...((await getLogs(this.#client, question)) as unknown as typeof found));
      onBlock?.(Number(until), Number(head));
    }
    return found;
  }
}
