import { setTimeout as sleep } from 'node:timers/promises';
import { interruptible, stopSignal } from '../../src/cli.ts';
import { createBus } from '../../src/infra/bus.ts';
import { createGate } from '../../src/infra/gate.ts';
import { type Delivery, outboxDepth } from '../../src/infra/outbox.ts';
import { startProgress } from '../../src/infra/progress.ts';
import { unwatched } from '../../src/infra/telemetry/batchWatch.ts';
import { createNewerReleases } from '../../src/infra/telemetry/newerReleases.ts';
import { runOn } from '../../src/projections/log/readLog.ts';
import { startMysqlWriter } from '../../src/projections/mysqlWriter.ts';
import { profiled } from '../figures/cpuProfile.ts';
import { figureTable, machine, whole, withGoal } from '../figures/figureTable.ts';
import { measureWork } from '../figures/measureWork.ts';
import { openPrivateStores } from '../testbed/privateStores.ts';
import { decideSale, type SaleSize } from './decideSale.ts';
import { insertPlainly, readNewestGrabs } from './plainInserts.ts';

// The MySQL projection alone: the outbox is full of grabs that were decided before, and no other work runs.

interface ProjectionRow {
  label: string;
  perSecond: number;
  /** CPU time of an event, in microseconds; undefined without /proc. */
  nodeUs: number;
  redisUs: number | undefined;
  mysqlUs: number | undefined;
  goal?: number;
}

export interface ProjectionBenchOptions {
  grabs: number;
  json: boolean;
  profile: string | undefined;
}

type NamedSale = SaleSize & { name: string; goal: number };

const salesOf = (grabs: number): NamedSale[] => [
  { name: 'one', grabs, coupons: 1, goal: 60_000 },
  { name: 'hundred', grabs, coupons: 100, goal: 40_000 },
  { name: 'many', grabs, coupons: 10_000, goal: 40_000 },
];

/** Resolves to false when a count was wrong. */
export async function benchProjection({ grabs, json, profile }: ProjectionBenchOptions): Promise<boolean> {
  const stopped = stopSignal();
  const stores = await openPrivateStores();
  try {
    return await interruptible(stopped, measureAll(stores, salesOf(grabs), { json, profile }));
  } finally {
    await stores.close();
  }
}

type Stores = Awaited<ReturnType<typeof openPrivateStores>>;

async function measureAll(
  stores: Stores,
  sales: NamedSale[],
  { json, profile }: Omit<ProjectionBenchOptions, 'grabs'>,
): Promise<boolean> {
  const progress = startProgress();
  const steps = sales.length * 3;
  let done = 0;
  const run = runOn(stores.connection);
  const rows: ProjectionRow[] = [];
  const wrong: string[] = [];
  for (const sale of sales) {
    const { name, coupons } = sale;
    progress.show({ label: name, done, of: steps, note: 'deciding' });
    const projection = openProjection(stores);
    const grabbed = await decideSale({ ...stores, apply: projection.apply }, sale, name);
    const perEntry = Math.round(sale.grabs / grabbed.length);
    const label = `${coupons.toLocaleString('en')} coupon${coupons > 1 ? 's' : ''}, ${perEntry} grabs an entry`;
    progress.show({ label, done: ++done, of: steps, note: 'applying' });
    const before = await countGrabs(stores);
    const row = await measureRow(stores, label, sale.grabs, () =>
      profiled(profile, `projection-${name}`, async () => {
        await projection.apply(grabbed);
        // Committed entries are deleted from the outbox, which is part of the work.
        while ((await outboxDepth(stores.redis)) > 0) await sleep(1);
      }),
    );
    rows.push({ ...row, goal: sale.goal });
    await projection.close();
    const applied = (await countGrabs(stores)) - before;
    if (applied !== sale.grabs) wrong.push(`${label}: ${sale.grabs} grabs were decided, MySQL has ${applied} new rows`);
    progress.show({ label, done: ++done, of: steps });
    const sameRows = await readNewestGrabs(run, sale.grabs);
    rows.push(
      await measureRow(stores, 'ceiling: plain INSERTs of the same rows', sale.grabs, () =>
        insertPlainly(run, sameRows, 1_000),
      ),
    );
    progress.show({ label, done: ++done, of: steps });
  }
  progress.stop();
  console.log(json ? JSON.stringify({ machine: machine(), rows }, undefined, 2) : projectionTable(rows));
  for (const line of wrong) console.error(`WRONG: ${line}`);
  return wrong.length === 0;
}

/** The projection on a bus of its own. */
function openProjection({ mysql, redis, log }: Stores) {
  const bus = createBus();
  const { writer, close } = startMysqlWriter({
    ...{ mysql, redis, log },
    gate: createGate(log),
    watch: unwatched,
    newerReleases: createNewerReleases(log),
  });
  bus.on('CouponCreated', writer.enqueue);
  bus.on('CouponGrabbed', writer.enqueue);
  return {
    close,
    /** Resolves when MySQL has the events. */
    async apply(deliveries: readonly Delivery[]): Promise<void> {
      for (const delivery of deliveries) {
        while (!writer.hasRoom()) await sleep(5);
        await bus.publish(delivery);
      }
      await writer.idle();
    },
  };
}

async function measureRow(
  { pids }: Stores,
  label: string,
  grabs: number,
  work: () => Promise<unknown>,
): Promise<ProjectionRow> {
  const { seconds, cpu } = await measureWork(pids, work);
  const usPerGrab = (cpuSeconds: number | undefined) =>
    cpuSeconds === undefined ? undefined : (cpuSeconds * 1e6) / grabs;
  return {
    label,
    perSecond: grabs / seconds,
    nodeUs: (cpu.node * 1e6) / grabs,
    redisUs: usPerGrab(cpu.redis),
    mysqlUs: usPerGrab(cpu.mysql),
  };
}

async function countGrabs({ mysql }: Stores): Promise<number> {
  const [row] = await mysql('coupon_grabs').count({ grabs: '*' });
  return Number(row?.grabs);
}

function projectionTable(rows: ProjectionRow[]): string {
  const table = figureTable(['', 'events/s', 'CPU us an event: Node', 'Redis', 'MySQL']);
  const us = (value: number | undefined) => value?.toFixed(1) ?? '-';
  for (const { label, perSecond, nodeUs, redisUs, mysqlUs, goal } of rows)
    table.push([label, withGoal(whole(perSecond), goal, '>=', perSecond), us(nodeUs), us(redisUs), us(mysqlUs)]);
  return table.toString();
}
