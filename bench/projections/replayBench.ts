import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import Table from 'cli-table3';
import { stopSignal } from '../../src/cli.ts';
import { startProgress } from '../../src/infra/progress.ts';
import { rowsToEvents } from '../../src/projections/log/eventRows.ts';
import { lastPosition, readLog, runOn } from '../../src/projections/log/readLog.ts';
import type { RunSql } from '../../src/projections/log/sql.ts';
import { hex, hexId, insertRows } from '../../src/projections/log/sql.ts';
import { byCouponAndVersion } from '../../src/projections/projection.ts';
import { rehydrate } from '../../src/projections/recovery/rehydrate.ts';
import { projections } from '../../src/projections/registry.ts';
import type { Replay } from '../../src/projections/replay/rebuildShadows.ts';
import { openReplaySession } from '../../src/projections/replay/replaySession.ts';
import { replayAndCompare, replayAndSwap } from '../../src/projections/replay/replayTables.ts';
import { verifyAll } from '../../src/projections/verify/verifyStores.ts';
import { cpuOf } from '../figures/processUsage.ts';
import { openStores } from '../testbed/privateStores.ts';
import { type History, writeHistory } from './writeLog.ts';

const PAGE = 10_000;

interface Measured {
  seconds: number;
  /** CPU seconds, and the share of all CPUs that others had: on a machine that is not ours alone the clock says little. */
  cpu: Cpu;
  othersPercent: number;
  /** The most memory that this process had, in MiB. */
  mib: number;
}
interface Cpu {
  here: number;
  mysql: number;
  redis: number;
}

/** Work that times itself, because it prepares something in between, resolves to its seconds. */
async function measure(work: () => Promise<unknown>, readCpu: () => Cpu): Promise<Measured> {
  let peak = 0;
  const look = () => {
    peak = Math.max(peak, process.memoryUsage.rss());
  };
  const timer = setInterval(look, 20);
  const [started, before, busyBefore] = [performance.now(), readCpu(), busySeconds()];
  const timed = await work().finally(() => clearInterval(timer));
  look();
  const elapsed = (performance.now() - started) / 1_000;
  const [after, busy] = [readCpu(), busySeconds() - busyBefore];
  const cpu = { here: after.here - before.here, mysql: after.mysql - before.mysql, redis: after.redis - before.redis };
  const others = Math.max(0, busy - cpu.here - cpu.mysql - cpu.redis);
  return {
    seconds: typeof timed === 'number' ? timed : elapsed,
    cpu,
    othersPercent: Math.round((100 * others) / (elapsed * cpus().length)),
    mib: Math.round(peak / 1_048_576),
  };
}

// Linux counts in hundredths of a second, in files; elsewhere these are 0.
const readOr = (file: string) => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
};

/** CPU seconds that all processes have had since the machine started. */
function busySeconds(): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = readOr('/proc/stat')
    .split(/\s+/)
    .slice(1, 8)
    .map(Number);
  return (user + nice + system + irq + softirq) / 100;
}

const readCpuOf = (pids: { mysql: number; redis: number }) => (): Cpu => {
  const { user, system } = process.cpuUsage();
  const seconds = (pid: number) => (cpuOf(pid) ?? 0) / 1e6;
  return { here: (user + system) / 1e6, mysql: seconds(pids.mysql), redis: seconds(pids.redis) };
};

/** The rows of coupon_grabs into a table of the same shape. Only the INSERTs are timed, not what it takes to write them down. */
async function insertRowsAgain(run: RunSql): Promise<number> {
  await run('CREATE TABLE bench_grabs LIKE coupon_grabs');
  let seconds = 0;
  for await (const page of readLog(run, 0, await lastPosition(run), PAGE)) {
    const grabs = rowsToEvents(page).filter((event) => event.type === 'CouponGrabbed');
    const rows = grabs
      .sort(byCouponAndVersion)
      .map(
        ({ coupon, version, data, occurredAt }) =>
          `(${hexId(coupon.id)},${version},${hex(data.customer)},${occurredAt})`,
      );
    const timed: RunSql = async (statement) => {
      const started = performance.now();
      const result = await run(statement);
      seconds += (performance.now() - started) / 1_000;
      return result;
    };
    await insertRows(timed, 'bench_grabs', 'coupon_id,version,customer,grabbed_at', rows);
  }
  await run('DROP TABLE bench_grabs');
  return seconds;
}

export async function benchReplay(history: History): Promise<void> {
  const stopped = stopSignal();
  const stop = new AbortController();
  void stopped.then(() => stop.abort());
  const { config, mysql, redis, log, connection, pids, close } = await openStores();
  const readCpu = readCpuOf(pids);
  const run = runOn(connection);
  const progress = startProgress();
  try {
    console.log(`writing ${history.grabs} grabs of ${history.coupons} coupons into a fresh log`);
    await writeHistory(run, history, (done) => progress.show({ label: 'writing', done, of: history.grabs }));
    const events = history.grabs + history.coupons;
    const rows: [string, Measured][] = [];
    const step = async (name: string, work: () => Promise<unknown>) => {
      stop.signal.throwIfAborted();
      rows.push([name, await measure(work, readCpu)]);
      progress.print(`${name}: ${rows.at(-1)?.[1].seconds.toFixed(1)} s`);
    };
    const show = (label: string) => (done: number, of: number, events: number) =>
      progress.show({ label, done, of, events });
    const onProgress: Replay['onProgress'] = ({ phase, position, of, events }) => show(phase)(position, of, events);
    const replay: Replay = { projections, signal: stop.signal, onProgress };

    await step('ceiling: SELECT of the log', async () => {
      for await (const page of readLog(run, 0, await lastPosition(run), PAGE)) void page.length;
    });
    await step('ceiling: INSERT of the grabs', () => insertRowsAgain(run));
    await step('replay', async () => {
      const { session, close: closeSession } = await openReplaySession(config.mysqlUrl);
      try {
        await replayAndSwap(session, replay);
      } finally {
        await closeSession();
      }
    });
    await step('replay --verify', async () => {
      const { session, close: closeSession } = await openReplaySession(config.mysqlUrl);
      try {
        await replayAndCompare(session, replay, (difference) => {
          throw new Error(difference.text);
        });
      } finally {
        await closeSession();
      }
    });
    await step('rehydrate an empty Redis', async () => {
      await rehydrate({ redis, mysql, log, onProgress: show('rehydrating') });
    });
    await step('verify', async () => {
      const report = await verifyAll({ redis, connection, signal: stop.signal, onProgress: show('verifying') });
      if (report.wrong > 0) throw new Error(report.mismatches.join('\n'));
    });
    const table = new Table({
      head: ['', 'seconds', 'events/s', 'CPU s: here', 'MariaDB', 'Redis', 'others', 'peak MiB'],
      style: { head: [], border: [], compact: true },
      colAligns: ['left', ...Array.from({ length: 7 }, () => 'right' as const)],
    });
    const tenths = (value: number) => value.toFixed(1);
    for (const [name, { seconds, cpu, othersPercent, mib }] of rows) {
      const rate = Math.round(events / seconds);
      table.push([
        name,
        tenths(seconds),
        rate,
        ...[cpu.here, cpu.mysql, cpu.redis].map(tenths),
        `${othersPercent} %`,
        mib,
      ]);
    }
    progress.stop();
    console.log(table.toString());
  } finally {
    progress.stop();
    await close();
  }
}
