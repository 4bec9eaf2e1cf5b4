import type { Connection } from 'mysql2';
import { isTableChanged } from '../../infra/stores/mysqlErrors.ts';
import { bytesToId, type EventRow } from '../log/eventRows.ts';
import type { RunSql } from '../log/sql.ts';

// What verify reads of MySQL: the tables as of one moment, and each event of the log with its row.

const ROWS = 1_000;
const SNAPSHOT_ATTEMPTS = 5;

export type JoinedRow = EventRow & { customer: Buffer | null; grabbed_at: number | null };

/** Begins a transaction that sees one moment, with what there is to know of each coupon but its events. */
export async function openSnapshot(run: RunSql, ids: string) {
  const rowsOf = async (statement: string) =>
    new Map((await run(statement)).map((row) => [bytesToId(row.id as Buffer), row]));
  await run('SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ');
  for (let attempt = 1; ; attempt++) {
    await run('START TRANSACTION WITH CONSISTENT SNAPSHOT');
    try {
      const offers = await rowsOf(`SELECT * FROM coupons WHERE id IN (${ids})`);
      const grabs = await rowsOf(
        `SELECT coupon_id AS id, COUNT(*) AS counted FROM coupon_grabs WHERE coupon_id IN (${ids}) GROUP BY coupon_id`,
      );
      const sales = await rowsOf(
        `SELECT coupon_id AS id, SUM(grabs) AS counted FROM sales_per_minute WHERE coupon_id IN (${ids}) GROUP BY coupon_id`,
      );
      return { offers, grabs, sales };
    } catch (error) {
      await run('ROLLBACK');
      // A replay has swapped the tables in between; once they have been read, it waits.
      if (!isTableChanged(error) || attempt === SNAPSHOT_ATTEMPTS) throw error;
    }
  }
}

/** In the order of coupons and versions, in pages. `ids`: literals. */
export async function* joinedRows(connection: Connection, ids: string): AsyncGenerator<JoinedRow[]> {
  const stream = connection
    .query(
      `SELECT e.coupon_id, e.version, e.type, e.seller, e.name, e.occurred_at, e.data, g.customer, g.grabbed_at
       FROM event_log e LEFT JOIN coupon_grabs g ON g.coupon_id = e.coupon_id AND g.version = e.version
       WHERE e.coupon_id IN (${ids}) ORDER BY e.coupon_id, e.version`,
    )
    .stream();
  let rows: JoinedRow[] = [];
  for await (const row of stream) {
    rows.push(row);
    if (rows.length < ROWS) continue;
    yield rows;
    rows = [];
  }
  yield rows;
}
