import { setTimeout as sleep } from 'node:timers/promises';
import Table from 'cli-table3';
import { interruptible, stopSignal } from '../../src/cli.ts';
import { createBus } from '../../src/infra/bus.ts';
import { type Delivery, outboxDepth } from '../../src/infra/outbox.ts';
import { startProgress } from '../../src/infra/progress.ts';
import { unwatched } from '../../src/infra/telemetry/batchWatch.ts';
import { runOn } from '../../src/projections/log/readLog.ts';
import { startMysqlWriter } from '../../src/projections/mysqlWriter.ts';
import { profiled } from '../figures/cpuProfile.ts';
import { cpuOf } from '../figures/processUsage.ts';
import { against, machine } from '../grabs/grabReport.ts';
import { openStores } from '../testbed/privateStores.ts';
import { type DecidedSale, decideSale } from './decideSale.ts';
import { insertAgain, readNewestGrabs } from './plainInserts.ts';

// The MySQL projection alone: the outbox is full of grabs that were decided before, and nothing else is running.

const GOAL = 60_000;

interface Row {
  what: string;
  perSecond: number;
  /** CPU time an event, in microseconds; undefined where /proc does not tell. */
  nodeUs: number | undefined;
  redisUs: number | undefined;
  mysqlUs: number | undefined;
  goal?: number;
}

export interface ProjectionOptions {
  grabs: number;
  json: boolean;
  profile: string | undefined;
}

/** What a busy system decides: a round holds 512 grabs at most, and its grabs of one coupon are one entry. */
const shapes = (grabs: number): (DecidedSale & { name: string })[] => [
  { name: 'one', grabs, coupons: 1, perEntry: 512 },
  { name: 'hundred', grabs, coupons: 100, perEntry: 5 },
  { name: 'many', grabs: Math.ceil(grabs / 4), coupons: 10_000, perEntry: 1 },
];

/** False when a count was wrong. */
export async function benchProjection({ grabs, json, profile }: ProjectionOptions): Promise<boolean> {
  const stopped = stopSignal();
  const stores = await openStores();
  try {
    return await interruptible(stopped, measureAll(stores, shapes(grabs), { json, profile }));
  } finally {
    await stores.close();
  }
}

type Stores = Awaited<ReturnType<typeof openStores>>;
type Usage = { node: number; redis: number | undefined; mysql: number | undefined };

async function measureAll(
  stores: Stores,
  sales: (DecidedSale & { name: string })[],
  { json, profile }: Omit<ProjectionOptions, 'grabs'>,
): Promise<boolean> {
  const progress = startProgress();
  const steps = sales.length * 3;
  let done = 0;
  const run = runOn(stores.connection);
  const rows: Row[] = [];
  const wrong: string[] = [];
  for (const sale of sales) {
    const what = `${sale.coupons.toLocaleString('en')} coupons, ${sale.perEntry} grabs an entry`;
    progress.show({ label: what, done, of: steps, note: 'deciding' });
    const { created, grabbed } = await decideSale(stores.redis, stores.log, sale, sale.name);
    progress.show({ label: what, done: ++done, of: steps, note: 'applying' });
    const before = await countGrabs(stores);
    const apply = openProjection(stores);
    await apply.all(created);
    const row = await measure(stores, what, sale.grabs, () =>
      profiled(profile, `projection-${sale.name}`, async () => {
        await apply.all(grabbed);
        // What is committed is deleted after that, and belongs to it.
        while ((await outboxDepth(stores.redis)) > 0) await sleep(1);
      }),
    );
    rows.push({ ...row, goal: GOAL });
    await apply.close();
    const applied = (await countGrabs(stores)) - before;
    if (applied !== sale.grabs) wrong.push(`${what}: ${sale.grabs} were decided, MySQL has ${applied} more`);
    progress.show({ label: what, done: ++done, of: steps });
    const again = await readNewestGrabs(run, sale.grabs);
    rows.push(
      await measure(stores, 'ceiling: plain INSERTs of the same rows', sale.grabs, () =>
        insertAgain(run, again, 1_000),
      ),
    );
    progress.show({ label: what, done: ++done, of: steps });
  }
  progress.stop();
  console.log(json ? JSON.stringify({ machine: machine(), rows }, undefined, 2) : tableOf(rows));
  for (const line of wrong) console.error(`WRONG: ${line}`);
  return wrong.length === 0;
}

/** The projection on a bus of its own. */
function openProjection({ mysql, redis, log }: Stores) {
  const bus = createBus();
  const { writer, close } = startMysqlWriter({ mysql, redis, watch: unwatched, log });
  bus.on('CouponCreated', writer.enqueue);
  bus.on('CouponGrabbed', writer.enqueue);
  return {
    close,
    /** Resolves when MySQL has them. */
    async all(deliveries: readonly Delivery[]): Promise<void> {
      for (const delivery of deliveries) {
        while (!writer.hasRoom()) await sleep(5);
        await bus.publish(delivery);
      }
      await writer.idle();
    },
  };
}

async function measure({ pids }: Stores, what: string, grabs: number, work: () => Promise<unknown>): Promise<Row> {
  const usage = (): Usage => {
    const { user, system } = process.cpuUsage();
    return { node: user + system, redis: cpuOf(pids.redis), mysql: cpuOf(pids.mysql) };
  };
  const [before, started] = [usage(), performance.now()];
  const timed = await work();
  const seconds = typeof timed === 'number' ? timed : (performance.now() - started) / 1_000;
  const after = usage();
  const each = (server: keyof Usage) => {
    const [from, to] = [before[server], after[server]];
    return from === undefined || to === undefined ? undefined : (to - from) / grabs;
  };
  return { what, perSecond: grabs / seconds, nodeUs: each('node'), redisUs: each('redis'), mysqlUs: each('mysql') };
}

async function countGrabs({ mysql }: Stores): Promise<number> {
  const [row] = await mysql('coupon_grabs').count({ grabs: '*' });
  return Number(row?.grabs);
}

function tableOf(rows: Row[]): string {
  const table = new Table({
    head: ['', 'events/s', 'CPU us an event: Node', 'Redis', 'MySQL'],
    style: { head: [], border: [], compact: true },
    colAligns: ['left', 'right', 'right', 'right', 'right'],
  });
  const us = (value: number | undefined) => value?.toFixed(1) ?? '-';
  for (const { what, perSecond, nodeUs, redisUs, mysqlUs, goal } of rows)
    table.push([
      what,
      against(Math.round(perSecond).toLocaleString('en'), goal, '>=', perSecond),
      us(nodeUs),
      us(redisUs),
      us(mysqlUs),
    ]);
  return table.toString();
}
