/** The auditor: everything is fetched and hashed here, against the chain. */

import type { Anchored } from "../chain/reader";
import { Wrong } from "../errors";
import { RootsAt, TILE } from "../formats/log";
import type { AuditReport, CheckpointCheck, Hex, OnProgress, SignedReport } from "../types";
import { at, now } from "./context";
import type { Context } from "./context";
import { latestCheckpoint, tile } from "./trail";

export interface Span {
  readonly institution: Hex;
  readonly from: number;
  readonly until: number;
}

/** Verify all checkpoints of an institution in a span of time, and every entry under them. */
export async function verify(context: Context, span: Span, onProgress?: OnProgress): Promise<AuditReport> {
  const { ChainReader } = await import("../chain/reader");
  const chain = new ChainReader(context.http, at(context));
  const problems: string[] = [];
  const all = await chain.anchored(span.institution, context.card.firstBlock, (done, total) =>
    onProgress?.({ stage: "fetching", done, total }),
  );
  problems.push(...shrinking(all));
  const chosen = await within(all, span, (block) => chain.timeOf(block));
  const own = span.institution === context.card.institution;
  const latest = own ? await latestOf(context, span.institution, problems) : null;
  const roots = latest === null ? null : await rootsOf(context, [...chosen.map((c) => c.size), latest.size], latest.size, onProgress);
  if (latest !== null && roots?.roots.get(latest.size) !== latest.root) {
    problems.push(`the entries that are served do not hash to the signed checkpoint of size ${latest.size}`);
  }
  const checkpoints = chosen.map((c): CheckpointCheck => {
    const holds = roots === null ? null : roots.roots.get(c.size) === c.root;
    if (holds === false) problems.push(`the log of size ${c.size} is not the one on chain`);
    return { ...c, holds };
  });
  return {
    institution: span.institution,
    name: own ? context.card.name : "",
    chainId: at(context).chainId,
    log: at(context).contracts.log,
    from: span.from,
    until: span.until,
    checkedAt: now(),
    holds: problems.length === 0 && roots !== null,
    whole: roots !== null,
    entries: roots?.size ?? 0,
    checkpoints,
    latest,
    problems,
  };
}

/** Checkpoints on chain that do not grow. */
function shrinking(all: readonly Anchored[]): string[] {
  return all.flatMap((c, i) => {
    const before = all[i - 1];
    return before !== undefined && before.size >= c.size ? [`checkpoint ${c.size} follows ${before.size} on chain`] : [];
  });
}

/** The checkpoints of a span. Times are asked for as few blocks as can decide. */
async function within(
  all: readonly Anchored[],
  span: Span,
  timeOf: (block: number) => Promise<number>,
): Promise<(Anchored & { readonly at: number })[]> {
  const firstNotBefore = async (time: number): Promise<number> => {
    let [low, high] = [0, all.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const at_ = await timeOf(all[middle]?.block ?? 0);
      if (at_ < time) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const [start, end] = [await firstNotBefore(span.from), await firstNotBefore(span.until + 1)];
  const chosen: (Anchored & { readonly at: number })[] = [];
  for (const anchored of all.slice(start, end)) chosen.push({ ...anchored, at: await timeOf(anchored.block) });
  return chosen;
}

async function latestOf(
  context: Context,
  institution: Hex,
  problems: string[],
): Promise<{ readonly size: number; readonly root: Hex; readonly signer: Hex } | null> {
  try {
    const { size, root, origin } = await latestCheckpoint(context, institution);
    return { size, root, signer: origin.institution };
  } catch (error) {
    if (!(error instanceof Wrong)) throw error;
    problems.push(error.message);
    return null;
  }
}

/** Fetch every leaf hash that is served and compute the roots at some sizes. */
async function rootsOf(context: Context, sizes: readonly number[], available: number, onProgress?: OnProgress): Promise<RootsAt> {
  const roots = new RootsAt(sizes);
  for (let n = 0; n * TILE < available; n++) {
    roots.push(await tile(context, 0, n, Math.min(TILE, available - n * TILE)));
    onProgress?.({ stage: "checking", done: roots.size, total: available });
  }
  return roots;
}

/** Sign a report with the auditor's wallet. */
export async function signReport(context: Context, report: AuditReport): Promise<SignedReport> {
  const text = JSON.stringify(report, null, 2);
  const signature = await context.keys.signMessage(text, "AuditReport");
  return { report, text, signer: context.keys.address, signature };
}
