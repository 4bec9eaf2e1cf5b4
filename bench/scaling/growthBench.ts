import { interruptible, stopSignal } from '../../src/cli.ts';
import { startProgress } from '../../src/infra/progress.ts';
import { cpuOf, memoryOf } from '../figures/processUsage.ts';
import { medianOf } from '../figures/statistics.ts';
import { MANY } from '../grabs/scenarios.ts';
import type { Plan } from '../load/loadPlan.ts';
import { ours } from '../testbed/measuredServer.ts';
import { openStage, type Stage } from '../testbed/testbed.ts';
import { type GrowthResult, type GrowthRow, growthTable } from './growthTable.ts';

// What a grab costs when there are already many: holders on one coupon, coupons in the system, grabs in the life of the process.

const FEW = 1_000;
const CHECKPOINTS = [100_000, 1_000_000];
const COUPONS = [10, 10_000];
const SAMPLES = 3;
const MEMORY_EVERY = 100_000;
/** Of one connection, which is slow. */
const ALONE = 2_000;
const MIB = 1_048_576;

export interface GrowthOptions {
  /** Grabs in all that the coupon has in the end. */
  grabs: number;
  connections: number;
  json: boolean;
}

/** False when a count was wrong. */
export async function benchGrowth({ grabs, connections, json }: GrowthOptions): Promise<boolean> {
  const stopped = stopSignal();
  const window = Math.min(10_000, Math.max(1_000, Math.floor(grabs / 10)));
  const samples = 1 + SAMPLES * (CHECKPOINTS.length + 1);
  const customers = grabs + samples * (FEW + 2 * window);
  const { stage, close } = await openStage({ connections, customers });
  try {
    return await interruptible(stopped, grow(stage, { grabs, window, json }));
  } finally {
    await close();
  }
}

type Sample = Omit<GrowthRow, 'what' | 'base'>;

async function grow(stage: Stage, { grabs, window, json }: { grabs: number; window: number; json: boolean }) {
  const progress = startProgress();
  const rows: GrowthRow[] = [];
  let wins = 0;
  const win = async (paths: string[], firstCustomer: number, requests: number, more: Partial<Plan> = {}) => {
    const plan: Plan = { method: 'PATCH', paths, firstCustomer, customers: requests, offset: 0, requests, ...more };
    await stage.mustAnswer('201 grabbed', plan);
    wins += requests;
  };
  const sample = async (plan: Plan, connections?: number): Promise<Sample> => {
    const pids = [stage.pids.node, stage.pids.redis, stage.pids.mysql];
    const before = pids.map((pid) => cpuOf(pid) ?? 0);
    const load = await stage.load({ plan, seconds: 600, ...(connections ? { connections } : {}) });
    await stage.settled();
    if (load.outcomes['201 grabbed'] !== plan.requests)
      throw new Error(`not all won: ${JSON.stringify(load.outcomes)}`);
    wins += load.answered;
    const [nodeUs = 0, redisUs = 0, mysqlUs = 0] = pids.map(
      (pid, place) => ((cpuOf(pid) ?? 0) - (before[place] ?? 0)) / load.answered,
    );
    return { perSecond: load.answered / load.seconds, nodeUs, redisUs, mysqlUs };
  };
  const plan = (paths: string[], firstCustomer: number, requests: number, offset = 0): Plan => ({
    method: 'PATCH',
    paths,
    firstCustomer,
    customers: requests,
    offset,
    requests,
  });
  /** `base`: the row that this one is compared with. */
  const add = (what: string, base: string, samples: Sample[]) => rows.push({ what, base, ...medianOf(samples) });
  // Nobody comes twice: whoever has come before is remembered by the server, and known to both stores.
  let fresh = 0;
  const freshly = (count: number): number => {
    fresh += count;
    return fresh - count;
  };
  /** A grab of a coupon with few holders, in the system as it is now. */
  const sampleFew = async (name: string) => {
    const path = await stage.createCoupons(name, 1, MANY);
    await win(path, freshly(FEW), FEW);
    return sample(plan(path, freshly(window), window));
  };

  progress.show({ label: 'grabbing', done: 0, of: grabs });
  // Not counted: it warms up.
  await sampleFew('warm-up');
  const [one = ''] = await stage.createCoupons('grown', 1, MANY);
  await stage.settled();
  const usedBefore = await usedMemory(stage);
  const freshBefore = fresh;
  const memory: [grabs: number, mib: number][] = [];
  let taken = 0;
  const noteMemory = () => memory.push([taken, Math.round((memoryOf(stage.pids.node) ?? 0) / MIB)]);
  const growTo = async (count: number) => {
    while (taken < count) {
      const step = Math.min(count, (Math.floor(taken / MEMORY_EVERY) + 1) * MEMORY_EVERY) - taken;
      await win([one], freshly(step), step);
      taken += step;
      await stage.settled();
      if (taken % MEMORY_EVERY === 0) noteMemory();
      progress.show({ label: 'grabbing', done: Math.min(taken, grabs), of: grabs });
    }
  };
  for (const checkpoint of new Set([...CHECKPOINTS.filter((count) => count < grabs), grabs])) {
    await growTo(checkpoint);
    const many: Sample[] = [];
    const few: Sample[] = [];
    for (let i = 0; i < SAMPLES; i++) {
      few.push(await sampleFew(`few-${checkpoint}-${i}`));
      many.push(await sample(plan([one], freshly(window), window)));
      taken += window;
    }
    const [holders, beside] = [checkpoint, FEW].map((count) => `${count.toLocaleString('en')} holders`);
    add(`${beside}, beside ${holders}`, `${beside}, beside ${holders}`, few);
    add(`${holders}`, `${beside}, beside ${holders}`, many);
  }
  const redisBytesPerHolder = ((await usedMemory(stage)) - usedBefore) / (fresh - freshBefore);

  for (const [alone, connections, requests] of [
    ['', undefined, window],
    [', one at a time', 1, ALONE],
  ] as const) {
    const base = `10 coupons${alone}`;
    for (const coupons of COUPONS) {
      const paths = await stage.createCoupons(`${coupons}-on-${connections ?? 'many'}`, coupons, MANY);
      await win(paths, 0, requests);
      const samples: Sample[] = [];
      // Each customer takes another coupon each time.
      for (let i = 1; i <= SAMPLES; i++) samples.push(await sample(plan(paths, 0, requests, i), connections));
      add(`${coupons.toLocaleString('en')} coupons${alone}`, base, samples);
    }
  }
  progress.stop();
  const counted = await ours(stage).countGrabs();
  const mysqlBytesPerEvent = await bytesPerEvent(stage, counted);
  const result: GrowthResult = { rows, memory, redisBytesPerHolder, mysqlBytesPerEvent };
  console.log(json ? JSON.stringify(result, undefined, 2) : growthTable(result));
  if (counted !== wins) console.error(`WRONG: MySQL has ${counted} grabs, ${wins} were told 201`);
  return counted === wins;
}

/** Of Redis, in bytes; views and holders alike. */
async function usedMemory({ redis }: Stage): Promise<number> {
  return Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1]);
}

/** Log, grabs and their indexes, as InnoDB estimates them. */
async function bytesPerEvent({ mysql }: Stage, events: number): Promise<number> {
  await mysql.raw('ANALYZE TABLE event_log, coupon_grabs');
  const [[row]] = await mysql.raw(`SELECT SUM(data_length + index_length) AS bytes FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name IN ('event_log', 'coupon_grabs')`);
  return Number(row.bytes) / events;
}
