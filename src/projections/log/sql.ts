// Statements of many rows, written by hand: a query builder takes longer to write one than MySQL takes to carry it out.

/** Runs one statement, its values in it as literals; resolves to the rows of a SELECT. */
export type RunSql = (statement: string) => Promise<Record<string, unknown>[]>;

/** The server takes 16 MiB at once, or more. */
const MAX_STATEMENT_CHARS = 1_000_000;

/** Bytes, or a text as UTF-8, as a literal that needs no escaping. */
export const hex = (bytes: Buffer | string) =>
  `X'${(typeof bytes === 'string' ? Buffer.from(bytes) : bytes).toString('hex')}'`;

/** The same, shorter where the text has nothing that could be meant otherwise between quotes: most names. */
export const literal = (text: string) => (/^[\w.@-]*$/.test(text) ? `'${text}'` : hex(text));

/** A text as a literal: between quotes where it is ASCII without a quote or a backslash, which JSON mostly is; as bytes elsewhere. */
export const quoted = (text: string) => (/^[ -&(-[\]-~]*$/.test(text) ? `'${text}'` : hex(text));

/** An id that is written as a UUID, as 16 bytes. */
export const hexId = (id: string) => `X'${id.replaceAll('-', '')}'`;

/** A plain INSERT of rows of literals, `(1,X'00')` each. */
export async function insertRows(run: RunSql, table: string, columns: string, rows: readonly string[]): Promise<void> {
  for (const chunk of chunksOf(rows)) await run(`INSERT INTO ${table} (${columns}) VALUES ${chunk.join(',')}`);
}

/**
 * Updates many rows by their keys. `rows` are literals, one for each of `columns`; `set` names the table's row `t` and the
 * given one `given`.
 */
export async function updateRows(
  run: RunSql,
  table: string,
  columns: readonly string[],
  { on, set }: { on: string; set: string },
  rows: readonly (readonly (string | number)[])[],
): Promise<void> {
  let done = 0;
  for (const chunk of chunksOf(rows.map((row) => `SELECT ${row.join(',')}`))) {
    const head = rows[done] ?? [];
    done += chunk.length;
    // The first one names the columns.
    const named = `SELECT ${head.map((value, i) => `${value} AS ${columns[i]}`).join(',')}`;
    const given = [named, ...chunk.slice(1)].join(' UNION ALL ');
    await run(`UPDATE ${table} t JOIN (${given}) given ON ${on} SET ${set}`);
  }
}

function* chunksOf(rows: readonly string[]): Generator<string[]> {
  let chunk: string[] = [];
  let chars = 0;
  for (const row of rows) {
    if (chunk.length > 0 && chars + row.length > MAX_STATEMENT_CHARS) {
      yield chunk;
      chunk = [];
      chars = 0;
    }
    chunk.push(row);
    chars += row.length;
  }
  if (chunk.length > 0) yield chunk;
}
