import { isLockConflict } from '../../infra/stores/mysqlErrors.ts';
import { OperatorError } from '../../operatorError.ts';
import { type LoggedRow, lastPosition, runOn } from '../log/readLog.ts';
import type { RunSql } from '../log/sql.ts';
import { compareTables, type Difference } from './compareTables.ts';
import { type Replay, rebuildPart, rebuildWhileSelling, tablesOf } from './rebuildShadows.ts';
import { type ReplaySession, settledPosition, TABLE_WAIT_SECONDS, withPauseUnlessStopped } from './replaySession.ts';
import { dropOld, dropShadows, keepShadows, swapShadows } from './shadows.ts';

// A replay rebuilds the tables of its projections as shadows beside the live tables, and ends in one of three ways: the shadows
// replace the live tables, are compared with them, or stay beside them.

/** The last event that the tables include. */
export type Until = { position: number } | { occurredAt: number };

/** Rebuilds the tables while the system sells, and swaps them in. Resolves to the number of events. */
export async function replayAndSwap(
  session: ReplaySession,
  replay: Replay,
): Promise<{ events: number; pausedMs: number }> {
  const tables = tablesOf(replay);
  const [log, writer, holder] = [runOn(session.reader), runOn(session.writer), runOn(session.holder)];
  return withShadows(writer, tables, async () => {
    const { rebuild } = await rebuildWhileSelling(session, replay);
    replay.signal.throwIfAborted();
    const started = performance.now();
    await withPauseUnlessStopped(session, replay.signal, async () => {
      await rebuild.applyUpTo(await lastPosition(log));
      // Fails if the pause was lost with its connection.
      await holder('SELECT 1');
      // From here on a stop comes too late. The rename is sent while the pause is held, so MySQL executes it before the next write of
      // the projection, even if this process dies now and the pause ends with it.
      await swapShadows(writer, tables).catch((error) => {
        if (!isLockConflict(error)) throw error;
        throw new OperatorError(
          `other connections used the tables for over ${TABLE_WAIT_SECONDS} s: the live tables are unchanged, try again`,
        );
      });
    });
    const pausedMs = performance.now() - started;
    await dropOld(writer, tables);
    return { events: rebuild.events(), pausedMs };
  });
}

/**
 * Rebuilds the tables and compares them with the live ones as of one moment, while the system sells. `onDifference` gets every
 * difference; nothing is swapped.
 */
export async function replayAndCompare(
  session: ReplaySession,
  replay: Replay,
  onDifference: (difference: Difference) => void,
): Promise<{ events: number }> {
  const [log, writer] = [runOn(session.reader), runOn(session.writer)];
  return withShadows(writer, tablesOf(replay), async () => {
    const { rebuild, shadows } = await rebuildWhileSelling(session, replay);
    await withPauseUnlessStopped(session, replay.signal, async () => {
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
      for await (const difference of compareTables(log, writer, shadow, onPage)) onDifference(difference);
    }
    return { events: rebuild.events() };
  });
}

/** Why the log does not reach `until`, in words; undefined if it does. `now` is the time of Redis, in microseconds, if it is known. */
export async function findBeyondLog(
  session: ReplaySession,
  until: Until,
  now: number | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  const log = runOn(session.reader);
  if ('position' in until) {
    const last = await settledPosition(session, signal);
    return until.position > last ? `position ${until.position} is beyond the log, which ends at ${last}` : undefined;
  }
  const [row] = await log(
    `SELECT CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS UNSIGNED) AS now, COALESCE(MAX(occurred_at), 0) AS newest FROM event_log`,
  );
  const latest = Math.max(Number(row?.now), Number(row?.newest), now ?? 0);
  return until.occurredAt > latest ? `this time is in the future: it is ${toIso(latest)}` : undefined;
}

const toIso = (microseconds: number) => new Date(Math.floor(microseconds / 1_000)).toISOString();

/** Leaves the tables as they were at `until` beside the live ones, under names that end in `_at`. */
export async function replayUntil(session: ReplaySession, replay: Replay, until: Until): Promise<{ events: number }> {
  const writer = runOn(session.writer);
  return withShadows(writer, tablesOf(replay), async () => {
    const settled = await settledPosition(session, replay.signal);
    const last = 'position' in until ? Math.min(until.position, settled) : settled;
    const includes = (row: LoggedRow) =>
      'position' in until ? row.position <= until.position : row.occurred_at <= until.occurredAt;
    const rebuild = await rebuildPart(session, replay, last, includes);
    await keepShadows(writer, tablesOf(replay));
    return { events: rebuild.events() };
  });
}

/** Drops the shadows at the end, after a failure too. The shadows of a replay that was killed are dropped by the next replay. */
async function withShadows<T>(writer: RunSql, tables: readonly string[], work: () => Promise<T>): Promise<T> {
  const result = await work().catch(async (error) => {
    await dropShadows(writer, tables).catch(() => {});
    throw error;
  });
  await dropShadows(writer, tables);
  return result;
}
