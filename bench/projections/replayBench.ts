import { stopSignal } from '../../src/cli.ts';
import { startProgress } from '../../src/infra/progress.ts';
import { wholeDataSet } from '../../src/infra/shards/dataSet.ts';
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
import { figureTable } from '../figures/figureTable.ts';
import { measureWork, type WorkFigures } from '../figures/measureWork.ts';
import { openPrivateStores } from '../testbed/privateStores.ts';
import { type LogSize, writeLog } from './writeLog.ts';

const PAGE = 10_000;

/** Measures replay, rehydrate and verify on a log of this size, and the ceilings of the same run. */
export async function benchReplay(size: LogSize): Promise<void> {
  const stopped = stopSignal();
  const stop = new AbortController();
  void stopped.then(() => stop.abort());
  const { config, mysql, redis, log, connection, pids, close } = await openPrivateStores();
  const run = runOn(connection);
  const progress = startProgress();
  try {
    console.log(`writing ${size.grabs} grabs of ${size.coupons} coupons into a fresh log`);
    await writeLog(run, size, (done) => progress.show({ label: 'writing', done, of: size.grabs }));
    const steps: [name: string, figures: WorkFigures][] = [];
    const step = async (name: string, work: () => Promise<unknown>) => {
      stop.signal.throwIfAborted();
      const figures = await measureWork(pids, work);
      steps.push([name, figures]);
      progress.print(`${name}: ${figures.seconds.toFixed(1)} s`);
    };
    const show = (label: string) => (done: number, of: number, events: number) =>
      progress.show({ label, done, of, events });
    const onProgress: Replay['onProgress'] = ({ phase, position, of, events }) => show(phase)(position, of, events);
    const replay: Replay = { projections, signal: stop.signal, onProgress };
    type Session = Awaited<ReturnType<typeof openReplaySession>>['session'];
    const inSession = async (work: (session: Session) => Promise<unknown>) => {
      const { session, close: closeSession } = await openReplaySession(config.mysqlUrl);
      await work(session).finally(closeSession);
    };

    await step('ceiling: SELECT of the log', async () => {
      for await (const page of readLog(run, 0, await lastPosition(run), PAGE)) void page.length;
    });
    await step('ceiling: INSERT of the grabs', () => insertGrabsPlainly(run));
    await step('replay', () => inSession((session) => replayAndSwap(session, replay)));
    await step('replay --verify', () =>
      inSession((session) =>
        replayAndCompare(session, replay, (difference) => {
          throw new Error(difference.text);
        }),
      ),
    );
    await step('rehydrate an empty Redis', async () => {
      const all = { redis, everywhere: redis, dataSet: wholeDataSet };
      await rehydrate({ ...all, mysql, log, waiting: undefined, onProgress: show('rehydrating') });
    });
    await step('verify', async () => {
      const report = await verifyAll({ redis, connection, signal: stop.signal, onProgress: show('verifying') });
      if (report.wrong > 0) throw new Error(report.mismatches.join('\n'));
    });
    progress.stop();
    console.log(stepsTable(steps, size.grabs + size.coupons));
  } finally {
    progress.stop();
    await close();
  }
}

/**
 * The ceiling of a replay: inserts the rows of coupon_grabs into a table of the same shape. Resolves to the seconds of the INSERTs
 * alone, without the time that it takes to write their text.
 */
async function insertGrabsPlainly(run: RunSql): Promise<number> {
  await run('CREATE TABLE bench_grabs LIKE coupon_grabs');
  let seconds = 0;
  const timed: RunSql = async (statement) => {
    const started = performance.now();
    const result = await run(statement);
    seconds += (performance.now() - started) / 1_000;
    return result;
  };
  for await (const page of readLog(run, 0, await lastPosition(run), PAGE)) {
    const grabs = rowsToEvents(page).filter((event) => event.type === 'CouponGrabbed');
    const rows = grabs
      .sort(byCouponAndVersion)
      .map(
        ({ coupon, version, data, occurredAt }) =>
          `(${hexId(coupon.id)},${version},${hex(data.customer)},${occurredAt})`,
      );
    await insertRows(timed, 'bench_grabs', 'coupon_id,version,customer,grabbed_at', rows);
  }
  await run('DROP TABLE bench_grabs');
  return seconds;
}

function stepsTable(steps: [name: string, figures: WorkFigures][], events: number): string {
  const table = figureTable(['', 'seconds', 'events/s', 'CPU s: here', 'MariaDB', 'Redis', 'others', 'peak MiB']);
  const tenths = (value: number | undefined) => value?.toFixed(1) ?? '-';
  for (const [name, { seconds, cpu, othersPercent, peakMib }] of steps)
    table.push([
      name,
      tenths(seconds),
      Math.round(events / seconds),
      ...[cpu.node, cpu.mysql, cpu.redis].map(tenths),
      `${othersPercent} %`,
      peakMib,
    ]);
  return table.toString();
}
