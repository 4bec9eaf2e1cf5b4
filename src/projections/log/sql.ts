// Statements with many rows, written by hand: a query builder takes longer to build one than MySQL takes to execute it.

/** Runs one statement that contains its values as literals. Resolves to the rows of a SELECT. */
export type RunSql = (statement: string) => Promise<Record<string, unknown>[]>;

/** Well below max_allowed_packet, which is 16 MiB or more. */
const MAX_STATEMENT_CHARS = 1_000_000;

/** A literal for bytes, or for the UTF-8 bytes of a text, that needs no escaping. */
export const hex = (bytes: Buffer | string) =>
  `X'${(typeof bytes === 'string' ? Buffer.from(bytes) : bytes).toString('hex')}'`;

/** A literal for a text: in quotes if the text needs no escaping, which is shorter and fits most names, else as bytes. */
export const literal = (text: string) => (/^[\w.@-]*$/.test(text) ? `'${text}'` : hex(text));

/** A literal for JSON: in quotes if the text is printable ASCII without `'` and `\`, as it mostly is, else as bytes. */
export const quoted = (text: string) => (/^[ -&(-[\]-~]*$/.test(text) ? `'${text}'` : hex(text));

/** A literal of 16 bytes for a UUID. */
export const hexId = (id: string) => `X'${id.replaceAll('-', '')}'`;

/** Inserts rows, each a text of literals such as `(1,X'00')`. */
export async function insertRows(run: RunSql, table: string, columns: string, rows: readonly string[]): Promise<void> {
  for (const chunk of chunksOf(rows)) await run(`INSERT INTO ${table} (${columns}) VALUES ${chunk.join(',')}`);
}

/**
 * Updates many rows by their keys. Each of `rows` has a literal for each of `columns`. In `on` and `set`, the row of the table is
 * `t` and the row of literals is `given`.
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
    // The first SELECT names the columns.
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
