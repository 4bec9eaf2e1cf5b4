import type { RunSql } from '../../src/projections/log/sql.ts';
import { insertRows } from '../../src/projections/log/sql.ts';

/** Rows as literals, ready to be inserted. */
type Tables = Record<'event_log' | 'coupon_grabs', { columns: string; rows: string[] }>;

/** Reads the newest grabs of the log, and the rows that the projection has made of them. */
export async function readNewestGrabs(run: RunSql, count: number): Promise<Tables> {
  const logColumns = ['coupon_id', 'version', 'type', 'seller', 'name', 'occurred_at', 'data'];
  const logged = await run(
    `SELECT CONCAT_WS(',', ${asLiterals(logColumns)}) AS literals FROM
      (SELECT * FROM event_log ORDER BY position DESC LIMIT ${count}) newest ORDER BY position`,
  );
  const grabColumns = ['coupon_id', 'version', 'customer', 'grabbed_at', 'code'];
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

const NUMBER_COLUMNS = ['version', 'occurred_at', 'grabbed_at'];
const TEXT_COLUMNS = ['type', 'data', 'code'];
const asLiterals = (columns: string[]) =>
  columns
    .map((name) =>
      NUMBER_COLUMNS.includes(name)
        ? name
        : TEXT_COLUMNS.includes(name)
          ? `QUOTE(${name})`
          : `CONCAT('0x', HEX(${name}))`,
    )
    .join(',');

/**
 * The ceiling of the projection: inserts the same rows by plain multi-row INSERTs into tables of the same shape. Resolves to the
 * seconds of the transactions.
 */
export async function insertPlainly(run: RunSql, tables: Tables, rowsPerTransaction: number): Promise<number> {
  for (const table of Object.keys(tables)) await run(`CREATE TABLE bench_${table} LIKE ${table}`);
  const started = performance.now();
  for (let done = 0; done < tables.event_log.rows.length; done += rowsPerTransaction) {
    await run('START TRANSACTION');
    for (const [table, { columns, rows }] of Object.entries(tables))
      await insertRows(run, `bench_${table}`, columns, rows.slice(done, done + rowsPerTransaction));
    await run('COMMIT');
  }
  const seconds = (performance.now() - started) / 1_000;
  for (const table of Object.keys(tables)) await run(`DROP TABLE bench_${table}`);
  return seconds;
}
