import { hex, type RunSql } from '../log/sql.ts';
import { type Shadow, shadowName } from './shadows.ts';

const PAGE = 5_000;

export type DifferenceKind = 'missing' | 'unexpected' | 'different';
export interface Difference {
  /** missing: the row is rebuilt from the log, and the live table lacks it; unexpected: only the live table has the row. */
  kind: DifferenceKind;
  table: string;
  /** The primary key, and the live and the rebuilt values of the columns that differ. */
  text: string;
}
type Row = Record<string, unknown>;

/** Compares a live table with its shadow row by row, in the order of the primary key and with constant memory. */
export async function* compareTables(
  live: RunSql,
  rebuilt: RunSql,
  shadow: Shadow,
  onPage: () => void,
): AsyncGenerator<Difference> {
  const { table, primaryKey, columns } = shadow;
  const liveRows = rowsOf(live, table, shadow, onPage);
  const rebuiltRows = rowsOf(rebuilt, shadowName(table), shadow, onPage);
  let [a, b] = [await liveRows.next(), await rebuiltRows.next()];
  while (!a.done || !b.done) {
    const order = a.done ? 1 : b.done ? -1 : compareKeys(primaryKey, a.value, b.value);
    const key = (row: Row) => primaryKey.map((column) => `${column}=${show(row[column])}`).join(' ');
    if (order < 0) yield { kind: 'unexpected', table, text: key(a.value) };
    else if (order > 0) yield { kind: 'missing', table, text: key(b.value) };
    else {
      const [row, right]: Row[] = [a.value, b.value];
      const differing = columns.filter((column) => show(row?.[column]) !== show(right?.[column]));
      const text = differing
        .map((column) => `${column}: ${show(row?.[column])}, rebuilt ${show(right?.[column])}`)
        .join('; ');
      if (differing.length > 0) yield { kind: 'different', table, text: `${key(a.value)} ${text}` };
    }
    if (order <= 0) a = await liveRows.next();
    if (order >= 0) b = await rebuiltRows.next();
  }
}

/** Reads a table in pages, so that a stop between two pages leaves no half-read result on the connection. */
async function* rowsOf(run: RunSql, table: string, { primaryKey }: Shadow, onPage: () => void): AsyncGenerator<Row> {
  const order = primaryKey.join(',');
  for (let last: Row | undefined; ; ) {
    const where: string = last === undefined ? '' : `WHERE ${isAfter(primaryKey, last)}`;
    const page = await run(`SELECT * FROM ${table} ${where} ORDER BY ${order} LIMIT ${PAGE}`);
    onPage();
    yield* page;
    if (page.length < PAGE) return;
    last = page.at(-1);
  }
}

/** `(a, b) > (x, y)`, in a form for which the server uses the key. */
function isAfter([column, ...more]: readonly string[], row: Row): string {
  const value = row[String(column)];
  const last = Buffer.isBuffer(value) ? hex(value) : String(value);
  return more.length === 0
    ? `${column} > ${last}`
    : `(${column} > ${last} OR (${column} = ${last} AND ${isAfter(more, row)}))`;
}

function compareKeys(key: readonly string[], a: Row, b: Row): number {
  for (const column of key) {
    const [left, right] = [a[column], b[column]];
    const order = Buffer.isBuffer(left) ? left.compare(right as Buffer) : Number(left) - Number(right);
    if (order !== 0) return order;
  }
  return 0;
}

/** Bytes as hex, other values as text. */
const show = (value: unknown) => (Buffer.isBuffer(value) ? value.toString('hex') : String(value));
