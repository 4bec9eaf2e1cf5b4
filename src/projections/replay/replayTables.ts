import { createHash } from 'node:crypto';
import type { Connection } from 'mysql2';
import type { CouponEvent } from '../../events.ts';
import { openAll } from '../../infra/closers.ts';
import { connectOnce } from '../../infra/stores/mysql.ts';
import { isLockConflict } from '../../infra/stores/mysqlErrors.ts';
import { OperatorError } from '../../operatorError.ts';
import { rowsToEvents } from '../log/eventRows.ts';
import { withPause } from '../log/pause.ts';
import { type LoggedRow, lastPosition, readLog, runOn } from '../log/readLog.ts';
import type { RunSql } from '../log/sql.ts';
import { byCouponAndVersion, type Projection } from '../projection.ts';
import { compareTables, type Difference } from './compareTables.ts';
import {
  completeShadows,
  createShadows,
  dropOld,
  dropShadows,
  keepShadows,
  shadowName,
  swapShadows,
} from './shadows.ts';

const PAGE = 20_000;
/** What is left to read under the pause is less than this, unless grabs come in faster than they are read. */
const CLOSE_ENOUGH = 2_000;
const MAX_ROUNDS = 20;
/** How long the swap waits for others who read the live tables before it gives up. */
const RENAME_WAIT_SECONDS = 20;

/** Up to which event: the tables as they were then. */
export type Until = { position: number } | { occurredAt: number };

export interface ReplayProgress {
  phase: 'reading' | 'keys' | 'comparing';
  /** Position in the log, and the last one to come. */
  position: number;
  of: number;
  /** Events applied. */
  events: number;
}

export interface Replay {
  projections: readonly Projection[];
  signal: AbortSignal;
  onProgress: (progress: ReplayProgress) => void;
}

/** What a replay works with: connections of its own, and the lock that keeps a second one away. */
interface Session {
  /** Reads the log, or holds a snapshot of the live tables. */
  reader: Connection;
  /** Makes the shadows and swaps them in. */
  writer: Connection;
  /** Fill them; the first one is the writer. */
  writers: Connection[];
  /** Holds the pause. */
  holder: Connection;
}

/** Opens the connections and takes the lock. A second replay of the same database is told so. */
export const openReplaySession = (mysqlUrl: string) =>
  openAll(async (remember) => {
    const open = async () => {
      const { connection, close } = await connectOnce(mysqlUrl);
      remember(close);
      return connection;
    };
    const writer = await open();
    const session: Session = { reader: await open(), writer, writers: [writer, await open()], holder: await open() };
    // Names of locks belong to the whole server and are short; it ends with the connection, however that ends.
    const database = createHash('sha1').update(new URL(mysqlUrl).pathname).digest('hex').slice(0, 16);
    const [row] = await runOn(session.writer)(`SELECT GET_LOCK('seckill.replay.${database}', 0) AS locked`);
    if (Number(row?.locked) !== 1) throw new OperatorError('another replay or import is at work on this database');
    await runOn(session.writer)(`SET SESSION lock_wait_timeout = ${RENAME_WAIT_SECONDS}`);
    return { session };
  });

/** Rebuilds the projections' tables beside the live ones and puts them in their place. Resolves to the number of events. */
export async function replayAndSwap(session: Session, replay: Replay): Promise<{ events: number; pausedMs: number }> {
  const tables = tablesOf(replay);
  const writer = runOn(session.writer);
  return withShadows(writer, tables, async () => {
    const { rebuild, log } = await rebuildWhileSelling(session, replay);
    replay.signal.throwIfAborted();
    const started = performance.now();
    await withPause(runOn(session.holder), async () => {
      await rebuild.applyUpTo(await lastPosition(log));
      // Fails if the pause was lost with its connection.
      await runOn(session.holder)('SELECT 1');
      // From here on a stop comes too late. The rename is asked for while the pause is held, so it comes before whatever the
      // projection writes next, even if this process dies now and the pause with it.
      await swapShadows(writer, tables).catch((error) => {
        if (!isLockConflict(error)) throw error;
        throw new OperatorError(
          `others use the tables for over ${RENAME_WAIT_SECONDS} s: they are as they were, try again`,
        );
      });
    });
    const pausedMs = performance.now() - started;
    await dropOld(writer, tables);
    return { events: rebuild.events(), pausedMs };
  });
}

/**
 * Rebuilds the tables and compares them with the live ones as of one moment, while sales go on. `onDifference` gets every one;
 * nothing is swapped.
 */
export async function replayAndCompare(
  session: Session,
  replay: Replay,
  onDifference: (difference: Difference) => void,
): Promise<{ events: number }> {
  const { writer, holder } = session;
  return withShadows(runOn(writer), tablesOf(replay), async () => {
    const { rebuild, shadows, log } = await rebuildWhileSelling(session, replay);
    await withPause(runOn(holder), async () => {
      await rebuild.applyUpTo(await lastPosition(log));
      // Taken under the pause: the live tables as of the event that the shadows end with.
      await log('SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ');
      await log('START TRANSACTION WITH CONSISTENT SNAPSHOT');
    });
    const onPage = () => {
      replay.signal.throwIfAborted();
      rebuild.report('comparing');
    };
    for (const shadow of shadows) {
      for await (const difference of compareTables(log, runOn(writer), shadow, onPage)) onDifference(difference);
    }
    return { events: rebuild.events() };
  });
}

/** Leaves the tables as they were at `until` in tables whose names end in `_at`. */
export async function replayUntil(session: Session, replay: Replay, until: Until): Promise<{ events: number }> {
  const writer = runOn(session.writer);
  return withShadows(writer, tablesOf(replay), async () => {
    const log = runOn(session.reader);
    const shadows = await createShadows(writer, tablesOf(replay));
    const includes = (row: LoggedRow) =>
      'position' in until ? row.position <= until.position : row.occurred_at <= until.occurredAt;
    const last = await settledPosition(session, log);
    const rebuild = startRebuild({ log, writers: session.writers.map(runOn), replay, includes });
    await rebuild.applyUpTo('position' in until ? Math.min(until.position, last) : last);
    rebuild.report('keys');
    await unlessStopped(session, replay.signal, () => completeShadows(writer, shadows));
    replay.signal.throwIfAborted();
    await keepShadows(writer, tablesOf(replay));
    return { events: rebuild.events() };
  });
}

const tablesOf = ({ projections }: Replay) => projections.flatMap(({ tables }) => tables);

/** Whatever happens, no shadow stays; those of a replay that was killed are dropped by the next one. */
async function withShadows<T>(writer: RunSql, tables: readonly string[], work: () => Promise<T>): Promise<T> {
  const result = await work().catch(async (error) => {
    await dropShadows(writer, tables).catch(() => {});
    throw error;
  });
  await dropShadows(writer, tables);
  return result;
}

/** The last position of a moment at which no transaction of the projection was under way: nothing before it can still come. */
const settledPosition = ({ holder }: Session, log: RunSql) => withPause(runOn(holder), () => lastPosition(log));

/** Statements of the writer that take minutes: a stop ends the one under way. */
async function unlessStopped(session: Session, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  signal.throwIfAborted();
  const kill = () => void runOn(session.holder)(`KILL QUERY ${session.writer.threadId}`).catch(() => {});
  signal.addEventListener('abort', kill);
  try {
    await work();
  } finally {
    signal.removeEventListener('abort', kill);
  }
  signal.throwIfAborted();
}

/** Fills shadows while the log grows, until so little is left that it can be read under the pause. */
async function rebuildWhileSelling(session: Session, replay: Replay) {
  const log = runOn(session.reader);
  const writer = runOn(session.writer);
  const shadows = await createShadows(writer, tablesOf(replay));
  const rebuild = startRebuild({ log, writers: session.writers.map(runOn), replay, includes: () => true });
  await rebuild.applyUpTo(await settledPosition(session, log));
  rebuild.report('keys');
  await unlessStopped(session, replay.signal, () => completeShadows(writer, shadows));
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const last = await settledPosition(session, log);
    const left = last - rebuild.position();
    await rebuild.applyUpTo(last);
    if (left < CLOSE_ENOUGH) break;
  }
  return { rebuild, shadows, log };
}

function startRebuild(deps: { log: RunSql; writers: RunSql[]; replay: Replay; includes: (row: LoggedRow) => boolean }) {
  const { log, writers, replay, includes } = deps;
  let position = 0;
  let applied = 0;
  let of = 0;
  let events = 0;
  const report = (phase: ReplayProgress['phase']) => replay.onProgress({ phase, position: applied, of, events });

  const applyOn = async (write: RunSql, place: number, page: readonly CouponEvent[]) => {
    const mine = replay.projections.filter((_, i) => i % writers.length === place);
    try {
      await write('START TRANSACTION');
      for (const projection of mine) await projection.apply(write, shadowName, page);
      await write('COMMIT');
    } catch (error) {
      // The shadows are dropped next, which would wait for this transaction.
      await write('ROLLBACK').catch(() => {});
      throw error;
    }
  };
  // Projections know nothing of each other, so they are shared out to connections that write at the same time. No transaction
  // spans them: shadows that don't belong together are never swapped in.
  const apply = async (page: readonly CouponEvent[], upTo: number) => {
    const written = await Promise.allSettled(writers.map((write, place) => applyOn(write, place, page)));
    for (const result of written) if (result.status === 'rejected') throw result.reason;
    events += page.length;
    applied = upTo;
    report('reading');
  };
  return {
    position: () => position,
    events: () => events,
    report,
    async applyUpTo(last: number): Promise<void> {
      of = last;
      let applying = Promise.resolve();
      try {
        for await (const rows of readLog(log, position, last, PAGE)) {
          // MySQL writes one page while the next one is read and taken apart here.
          const page = rowsToEvents(rows.filter(includes)).sort(byCouponAndVersion);
          await applying;
          position = rows.at(-1)?.position ?? last;
          replay.signal.throwIfAborted();
          applying = apply(page, position);
          applying.catch(() => {});
        }
      } finally {
        await applying;
      }
      position = Math.max(position, last);
    },
  };
}
