import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTokenIssuer } from '../../src/infra/tokens.ts';
import { countRecovered } from './checker/checkAnswers.ts';
import { check } from './checker/checkSale.ts';
import { readMysql, readOutbox, readRedis } from './checker/readRecords.ts';
import { openHistory, type Request } from './checker/requestHistory.ts';
import type { Records, Violation } from './checker/saleRecords.ts';
import type { Kind, Scene } from './kinds/faultKind.ts';
import { createRandom } from './sale/random.ts';
import { createPace, runSale } from './sale/runSale.ts';
import { type Client, createClient } from './sale/saleClient.ts';
import { createPlan, type Plan } from './sale/salePlan.ts';
import { becomesReady } from './stack/applications.ts';
import type { Shape, Stack } from './stack/faultStack.ts';

const DRAIN_LIMIT_MS = 30_000;
const STRIKE_BETWEEN_MS = [250, 1_000] as const;
const PLAIN: Shape = { apps: 1, redis: 'plain', environment: {} };

export interface RoundResult {
  kind: string;
  seed: number;
  /** Answers of 201 to grabs, and answers that said nothing. */
  won: number;
  unknown: number;
  recovered: number;
  violations: Violation[];
  /** From the fault's strike, and from its end, to the first 201 after its end; absent when none came. */
  strikeToWinMs: number | undefined;
  endToWinMs: number | undefined;
  /** The history's file, in the stack's folder. */
  history: string;
}

/** One sale with one fault in it, judged when everything has come to rest. */
export async function runRound(stack: Stack, kind: Kind, seed: number): Promise<RoundResult> {
  const random = createRandom(seed);
  await stack.arrange({ ...PLAIN, ...kind.shape?.(random) });
  const plan = createPlan(random, seed.toString(36));
  const strikeAfterMs = random.int(...STRIKE_BETWEEN_MS);
  const historyFile = join(stack.folder, `history-${kind.name}-${seed}.ndjson`);
  const history = openHistory(historyFile);
  const issueToken = createTokenIssuer(stack.jwtSecret, 3_600);
  const client = createClient(plan.seller, history, issueToken);
  const violations: Violation[] = [];
  // Not the plan's: how often it is asked hangs on how fast answers come.
  const chance = createRandom(seed + 1);
  const pace = createPace(chance);
  const scene: Scene = { stack, random, pace, stops: [], found: (violation) => violations.push(violation) };

  await open(stack, client, plan, kind.holders ?? 0);
  const sale = await runSale({
    plan,
    client,
    apps: () => stack.apps,
    random: chance,
    pace,
    strikeAfterMs,
    strike: () => kind.strike(scene),
  });
  if (sale.firstWinAt === undefined) violations.push({ name: 'no-recovery', sample: 'no 201 after the fault' });

  const records = await readRecords(stack, plan.seller, history.requests, scene);
  violations.push(...check(history.requests, records, kind.excuses));
  const count = (outcome: string) =>
    history.requests.filter((request) => request.op === 'grab' && request.outcome === outcome).length;
  const since = (moment: number) => (sale.firstWinAt === undefined ? undefined : sale.firstWinAt - moment);
  history.close();
  return {
    kind: kind.name,
    seed,
    won: count('ok'),
    unknown: count('unknown'),
    recovered: countRecovered(history.requests, records),
    violations,
    strikeToWinMs: since(sale.struckAt),
    endToWinMs: since(sale.healedAt),
    history: historyFile,
  };
}

/** Puts the coupons up; a big one gets its holders here, by the road that every grab takes. */
async function open(stack: Stack, client: Client, plan: Plan, holders: number): Promise<void> {
  const [app] = stack.apps;
  if (app === undefined) throw new Error('no application runs');
  for (const coupon of plan.coupons) {
    const outcome = await client.create(app, coupon);
    if (outcome !== 'ok') throw new Error(`a coupon could not be put up: ${outcome}`);
  }
  const grabOn = async () => {
    while (holders-- > 0) {
      const visit = plan.spare();
      await client.grab(app, visit, visit.key);
    }
  };
  await Promise.all(Array.from({ length: 64 }, grabOn));
}

async function readRecords(
  stack: Stack,
  seller: string,
  requests: readonly Request[],
  { stops }: Scene,
): Promise<Records> {
  const drained = await drain(stack);
  return {
    ...(await stack.withMysql((mysql) => readMysql(mysql, seller))),
    redis: await stack.withRedis((redis) => readRedis(redis, seller, requests)),
    drained,
    stops,
  };
}

/** Whether the outbox empties and every application that runs is ready, in time. */
async function drain(stack: Stack): Promise<boolean> {
  const limit = Date.now() + DRAIN_LIMIT_MS;
  const up = stack.apps.filter(({ pool }) => pool !== undefined);
  const ready = await Promise.all(up.map((app) => becomesReady(app, DRAIN_LIMIT_MS)));
  return stack.withRedis(async (redis) => {
    while ((await readOutbox(redis)).length > 0) {
      if (Date.now() > limit) return false;
      await sleep(50);
    }
    return !ready.includes(false);
  });
}
