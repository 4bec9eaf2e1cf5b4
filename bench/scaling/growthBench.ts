import { interruptible, stopSignal } from '../../src/cli.ts';
import { startProgress } from '../../src/infra/progress.ts';
import { cpuOf, memoryOf } from '../figures/processUsage.ts';
import { medianOf } from '../figures/statistics.ts';
import type { LoadPlan } from '../load/loadPlan.ts';
import { seckillServer } from '../testbed/measuredServer.ts';
import { openTestbed, PLENTY, type Testbed } from '../testbed/testbed.ts';
import { type GrowthResult, type GrowthRow, growthTable } from './growthTable.ts';

// What a grab costs with many holders of one coupon, with many coupons, and after many grabs in one process.

const FEW_HOLDERS = 1_000;
const CHECKPOINTS = [100_000, 1_000_000];
const COUPONS = [10, 10_000];
const SAMPLES = 3;
const MEMORY_EVERY = 100_000;
/** Grabs of a sample on one connection, which is slow. */
const GRABS_ONE_AT_A_TIME = 2_000;
const MIB = 1_048_576;

export interface GrowthBenchOptions {
  /** Grabs of the one coupon at the end. */
  grabs: number;
  connections: number;
  json: boolean;
}

/** Resolves to false when a count was wrong. */
export async function benchGrowth({ grabs, connections, json }: GrowthBenchOptions): Promise<boolean> {
  const stopped = stopSignal();
  const grabsPerSample = Math.min(10_000, Math.max(1_000, Math.floor(grabs / 10)));
  const samples = 1 + SAMPLES * (CHECKPOINTS.length + 1);
  const customers = grabs + samples * (FEW_HOLDERS + 2 * grabsPerSample);
  const { testbed, close } = await openTestbed({ connections, customers });
  try {
    return await interruptible(stopped, measureGrowth(testbed, { grabs, grabsPerSample, json }));
  } finally {
    await close();
  }
}

type Sample = Omit<GrowthRow, 'label' | 'base'>;

async function measureGrowth(
  testbed: Testbed,
  { grabs, grabsPerSample, json }: { grabs: number; grabsPerSample: number; json: boolean },
): Promise<boolean> {
  const progress = startProgress();
  const rows: GrowthRow[] = [];
  let wins = 0;
  const planFor = (paths: string[], firstCustomer: number, requests: number, offset = 0): LoadPlan => ({
    method: 'PATCH',
    paths,
    firstCustomer,
    customers: requests,
    offset,
    requests,
  });
  const grab = async (paths: string[], firstCustomer: number, requests: number) => {
    await testbed.expectOutcome('201 grabbed', planFor(paths, firstCustomer, requests));
    wins += requests;
  };
  const sample = async (plan: LoadPlan, connections?: number): Promise<Sample> => {
    const pids = [testbed.pids.node, testbed.pids.redis, testbed.pids.mysql];
    const before = pids.map((pid) => cpuOf(pid) ?? 0);
    const load = await testbed.runLoad({ plan, seconds: 600, ...(connections ? { connections } : {}) });
    await testbed.drained();
    if (load.outcomes['201 grabbed'] !== plan.requests)
      throw new Error(`not every grab won: ${JSON.stringify(load.outcomes)}`);
    wins += load.answered;
    const [nodeUs = 0, redisUs = 0, mysqlUs = 0] = pids.map(
      (pid, place) => ((cpuOf(pid) ?? 0) - (before[place] ?? 0)) / load.answered,
    );
    return { perSecond: load.answered / load.seconds, nodeUs, redisUs, mysqlUs };
  };
  /** `base`: the label of the row that this row is compared with. */
  const addRow = (label: string, base: string, samples: Sample[]) => rows.push({ label, base, ...medianOf(samples) });
  // Every sample needs new customers: the server remembers the others, and both stores have them.
  let usedCustomers = 0;
  const takeCustomers = (count: number): number => {
    usedCustomers += count;
    return usedCustomers - count;
  };
  /** Samples grabs of a coupon with few holders, in the system as it is now. */
  const sampleFew = async (name: string) => {
    const path = await testbed.createCoupons(name, 1, PLENTY);
    await grab(path, takeCustomers(FEW_HOLDERS), FEW_HOLDERS);
    return sample(planFor(path, takeCustomers(grabsPerSample), grabsPerSample));
  };

  progress.show({ label: 'grabbing', done: 0, of: grabs });
  // The warm-up, which is not counted.
  await sampleFew('warm-up');
  const [one = ''] = await testbed.createCoupons('grown', 1, PLENTY);
  await testbed.drained();
  const redisBytesBefore = await redisBytes(testbed);
  const customersBefore = usedCustomers;
  const memory: [grabs: number, mib: number][] = [];
  let holders = 0;
  const growTo = async (count: number) => {
    while (holders < count) {
      const step = Math.min(count, (Math.floor(holders / MEMORY_EVERY) + 1) * MEMORY_EVERY) - holders;
      await grab([one], takeCustomers(step), step);
      holders += step;
      await testbed.drained();
      if (holders % MEMORY_EVERY === 0) memory.push([holders, Math.round((memoryOf(testbed.pids.node) ?? 0) / MIB)]);
      progress.show({ label: 'grabbing', done: Math.min(holders, grabs), of: grabs });
    }
  };
  for (const checkpoint of new Set([...CHECKPOINTS.filter((count) => count < grabs), grabs])) {
    await growTo(checkpoint);
    const many: Sample[] = [];
    const few: Sample[] = [];
    for (let i = 0; i < SAMPLES; i++) {
      few.push(await sampleFew(`few-${checkpoint}-${i}`));
      many.push(await sample(planFor([one], takeCustomers(grabsPerSample), grabsPerSample)));
      holders += grabsPerSample;
    }
    const [manyLabel, fewLabel] = [checkpoint, FEW_HOLDERS].map((count) => `${count.toLocaleString('en')} holders`);
    const base = `${fewLabel}, beside ${manyLabel}`;
    addRow(base, base, few);
    addRow(`${manyLabel}`, base, many);
  }
  const redisBytesPerHolder = ((await redisBytes(testbed)) - redisBytesBefore) / (usedCustomers - customersBefore);

  for (const [suffix, connections, requests] of [
    ['', undefined, grabsPerSample],
    [', one at a time', 1, GRABS_ONE_AT_A_TIME],
  ] as const) {
    const base = `10 coupons${suffix}`;
    for (const coupons of COUPONS) {
      const paths = await testbed.createCoupons(`${coupons}-on-${connections ?? 'many'}`, coupons, PLENTY);
      await grab(paths, 0, requests);
      const samples: Sample[] = [];
      // The offset gives each customer another coupon in each sample.
      for (let i = 1; i <= SAMPLES; i++) samples.push(await sample(planFor(paths, 0, requests, i), connections));
      addRow(`${coupons.toLocaleString('en')} coupons${suffix}`, base, samples);
    }
  }
  progress.stop();
  const rowsInMysql = await seckillServer(testbed).countGrabs();
  const mysqlBytesPerEvent = await bytesPerEvent(testbed, rowsInMysql);
  const result: GrowthResult = { rows, memory, redisBytesPerHolder, mysqlBytesPerEvent };
  console.log(json ? JSON.stringify(result, undefined, 2) : growthTable(result));
  if (rowsInMysql !== wins) console.error(`WRONG: ${wins} grabs were answered 201, MySQL has ${rowsInMysql} rows`);
  return rowsInMysql === wins;
}

/** Memory that Redis uses, in bytes, with the views as well as the holders. */
export async function redisBytes({ redis }: Testbed): Promise<number> {
  return Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1]);
}

/** Bytes of the log, the grabs and their indexes, as InnoDB estimates them. */
export async function bytesPerEvent({ mysql }: Testbed, events: number): Promise<number> {
  await mysql.raw('ANALYZE TABLE event_log, coupon_grabs');
  const [[row]] = await mysql.raw(`SELECT SUM(data_length + index_length) AS bytes FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name IN ('event_log', 'coupon_grabs')`);
  return Number(row.bytes) / events;
}
