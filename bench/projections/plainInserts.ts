import type { RunSql } from '../../src/projections/log/sql.ts';
import { insertRows } from '../../src/projections/log/sql.ts';

/** Rows as literals, ready to be inserted. */
type Tables = Record<'event_log' | 'coupon_grabs', { columns: string; rows: string[] }>;

/** The newest grabs of the log, with the rows that the projection has made of them. */
export async function readNewestGrabs(run: RunSql, count: number): Promise<Tables> {
  const logColumns = ['coupon_id', 'version', 'type', 'seller', 'name', 'occurred_at', 'data'];
  const logged = await run(
    `SELECT CONCAT_WS(',', ${asLiterals(logColumns)}) AS literals FROM
      (SELECT * FROM event_log ORDER BY position DESC LIMIT ${count}) newest ORDER BY position`,
  );
  const grabColumns = ['coupon_id', 'version', 'customer', 'grabbed_at'];
  const grabs = await run(
    `SELECT CONCAT_WS(',', ${asLiterals(grabColumns)}) AS literals FROM
      (SELECT g.*, position FROM event_log e JOIN coupon_grabs g USING (coupon_id, version)
       ORDER BY position DESC LIMIT ${count}) newest ORDER BY position`,
  );
  const rowsOf = (found: Record<string, unknown>[]) => found.map(({ literals }) => `(${literals})`);
  return {
    event_log: { columns: logColumns.join(','), rows: rowsOf(logged) },
    coupon_grabs: { columns: grabColumns.join(','), rows: rowsOf(grabs) },
  };
}

const NUMBERS = ['version', 'occurred_at', 'grabbed_at'];
const PLAIN = ['type', 'data'];
const asLiterals = (columns: string[]) =>
  columns
    .map((name) =>
      NUMBERS.includes(name) ? name : PLAIN.includes(name) ? `QUOTE(${name})` : `CONCAT('0x', HEX(${name}))`,
    )
    .join(',');

/**
 * The ceiling of a projection: the same rows by plain INSERTs of many rows, into tables of the same shape, so many a
 * transaction. Resolves to the seconds that it took.
 */
export async function insertAgain(run: RunSql, tables: Tables, perTransaction: number): Promise<number> {
  for (const table of Object.keys(tables)) await run(`CREATE TABLE bench_${table} LIKE ${table}`);
  const started = performance.now();
  for (let done = 0; done < tables.event_log.rows.length; done += perTransaction) {
    await run('START TRANSACTION');
    for (const [table, { columns, rows }] of Object.entries(tables))
      await insertRows(run, `bench_${table}`, columns, rows.slice(done, done + perTransaction));
    await run('COMMIT');
  }
  const seconds = (performance.now() - started) / 1_000;
  for (const table of Object.keys(tables)) await run(`DROP TABLE bench_${table}`);
  return seconds;
}
