import type { Connection } from 'mysql2';
import { type EventRow, eventColumns } from './eventRows.ts';
import type { RunSql } from './sql.ts';

export type LoggedRow = EventRow & { position: number };

export const runOn =
  (connection: Connection): RunSql =>
  async (statement) => {
    // null means no values. With an absent list, the driver would search the whole statement for placeholders.
    const [rows] = await connection.promise().query(statement, null);
    return rows as Record<string, unknown>[];
  };

/** The highest position in the log; 0 when it is empty. */
export async function lastPosition(run: RunSql): Promise<number> {
  const [row] = await run('SELECT COALESCE(MAX(position), 0) AS position FROM event_log');
  return Number(row?.position);
}

/**
 * Reads the log in the order of its positions, `after` exclusive and `to` inclusive, in pages. The next page is fetched while the
 * caller uses the current one, and no page beyond it.
 */
export async function* readLog(run: RunSql, after: number, to: number, pageSize: number): AsyncGenerator<LoggedRow[]> {
  const readPage = (from: number) =>
    run(
      `SELECT position,${eventColumns.join(',')} FROM event_log WHERE position > ${from} AND position <= ${to}
       ORDER BY position LIMIT ${pageSize}`,
    ) as Promise<unknown> as Promise<LoggedRow[]>;
  for (let page = await readPage(after); page.length > 0; ) {
    const last = page.at(-1)?.position ?? to;
    const next = page.length < pageSize ? Promise.resolve([]) : readPage(last);
    // If the caller fails on this page, `next` is never awaited, and its rejection would be unhandled.
    next.catch(() => {});
    yield page;
    page = await next;
  }
}
