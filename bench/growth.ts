import Table from 'cli-table3';
import { interruptible, stopSignal } from '../src/cli.ts';
import { startProgress } from '../src/infra/progress.ts';
import { cpuOf, memoryOf } from './cpu.ts';
import type { Load, Plan } from './plan.ts';
import { openStage, type Stage } from './stage.ts';
import { ours } from './target.ts';

// What a grab costs when there are already many: holders on one coupon, coupons in the system, grabs in the life of the process.

const CHECKPOINTS = [1_000, 100_000, 1_000_000];
const COUPONS = [10, 10_000];
const MANY = 1_000_000_000;

interface Window {
  what: string;
  perSecond: number;
  nodeUs: number;
  redisUs: number;
  nodeMib: number;
}

export interface GrowthOptions {
  /** Grabs in all that the coupon has in the end. */
  grabs: number;
  connections: number;
  json: boolean;
}

/** False when a count was wrong. */
export async function benchGrowth({ grabs, connections, json }: GrowthOptions): Promise<boolean> {
  const stopped = stopSignal();
  const window = Math.min(20_000, Math.max(1_000, Math.floor(grabs / 5)));
  const { stage, close } = await openStage({ connections, customers: grabs + window });
  try {
    return await interruptible(stopped, grow(stage, { grabs, window, json }));
  } finally {
    await close();
  }
}

async function grow(stage: Stage, { grabs, window, json }: { grabs: number; window: number; json: boolean }) {
  const progress = startProgress();
  const windows: Window[] = [];
  const plan = (paths: string[], firstCustomer: number, requests: number): Plan => ({
    method: 'PATCH',
    paths,
    firstCustomer,
    customers: requests,
    offset: 0,
    requests,
  });
  const measure = async (what: string, given: Plan) => {
    const before = [stage.pids.node, stage.pids.redis].map((pid) => cpuOf(pid) ?? 0);
    const load: Load = await stage.load({ plan: given, seconds: 600 });
    await stage.settled();
    const [nodeUs = 0, redisUs = 0] = [stage.pids.node, stage.pids.redis].map(
      (pid, place) => ((cpuOf(pid) ?? 0) - (before[place] ?? 0)) / load.answered,
    );
    if (load.outcomes['201 grabbed'] !== given.requests)
      throw new Error(`not all won: ${JSON.stringify(load.outcomes)}`);
    const nodeMib = Math.round((memoryOf(stage.pids.node) ?? 0) / 1_048_576);
    windows.push({ what, perSecond: load.answered / load.seconds, nodeUs, redisUs, nodeMib });
  };

  const [one = ''] = await stage.createCoupons('grown', 1, MANY);
  progress.show({ what: 'grabbing', done: 0, of: grabs });
  const memoryBefore = await usedMemory(stage);
  let taken = 0;
  const checkpoints = new Set([...CHECKPOINTS.filter((count) => count <= grabs), grabs]);
  for (const checkpoint of checkpoints) {
    if (checkpoint > taken) await stage.mustAnswer('201 grabbed', plan([one], taken, checkpoint - taken));
    await stage.settled();
    await measure(`${checkpoint.toLocaleString('en')} holders`, plan([one], checkpoint, window));
    taken = checkpoint + window;
    progress.show({ what: 'grabbing', done: Math.min(taken, grabs), of: grabs });
  }
  progress.stop();
  const redisBytes = ((await usedMemory(stage)) - memoryBefore) / taken;
  const mysqlBytes = await bytesPerEvent(stage, taken);
  for (const coupons of COUPONS) {
    const paths = await stage.createCoupons(`of-${coupons}`, coupons, MANY);
    await stage.mustAnswer('201 grabbed', plan(paths, 0, window));
    await measure(`${coupons.toLocaleString('en')} coupons`, { ...plan(paths, 0, window), offset: 1 });
  }
  const counted = await ours(stage).countGrabs();
  const wanted = taken + COUPONS.length * 2 * window;
  const result = { windows, redisBytesPerHolder: redisBytes, mysqlBytesPerEvent: mysqlBytes };
  console.log(json ? JSON.stringify(result, undefined, 2) : tableOf(result));
  if (counted !== wanted) console.error(`WRONG: MySQL has ${counted} grabs, ${wanted} were told 201`);
  return counted === wanted;
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

function tableOf(result: { windows: Window[]; redisBytesPerHolder: number; mysqlBytesPerEvent: number }): string {
  const table = new Table({
    head: ['', 'req/s', 'CPU us: Node', 'Redis', 'Node, MiB'],
    style: { head: [], border: [], compact: true },
    colAligns: ['left', 'right', 'right', 'right', 'right'],
  });
  for (const { what, perSecond, nodeUs, redisUs, nodeMib } of result.windows)
    table.push([what, Math.round(perSecond).toLocaleString('en'), nodeUs.toFixed(1), redisUs.toFixed(1), nodeMib]);
  return `${table.toString()}
Redis: ${result.redisBytesPerHolder.toFixed(0)} bytes a holder, with the customer's own list; MySQL: ${result.mysqlBytesPerEvent.toFixed(0)} bytes an event, with its grab and all indexes`;
}
