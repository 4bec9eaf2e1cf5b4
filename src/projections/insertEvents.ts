import type { CouponEvent } from '../events.ts';
import { eventColumns, toLogRows } from './log/eventRows.ts';
import { insertRows, type RunSql } from './log/sql.ts';
import { ownName } from './projection.ts';
import { projections } from './registry.ts';

/** Writes events that the log does not have, sorted by coupon and version, to the log and its projections. */
export async function insertEvents(run: RunSql, events: readonly CouponEvent[]): Promise<void> {
  if (events.length === 0) return;
  const logged = insertRows(run, 'event_log', eventColumns.join(','), toLogRows(events));
  // The first statement of a projection is built while MySQL executes the INSERT into the log, and sent after it has succeeded.
  logged.catch(() => {});
  const afterLogged: RunSql = async (statement) => {
    await logged;
    return run(statement);
  };
  for (const projection of projections) await projection.apply(afterLogged, ownName, events);
  await logged;
}
