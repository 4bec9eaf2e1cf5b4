// Statements with many rows, written by hand: a query builder takes longer to build one than MySQL takes to execute it.

/** Runs one statement that contains its values as literals. Resolves to the rows of a SELECT, or to what an UPDATE has changed. */
export type RunSql = (statement: string) => Promise<Rows>;
export type Rows = Record<string, unknown>[] & { affectedRows?: number };
/** Well below max_allowed_packet, which is 16 MiB or more. */
const MAX_STATEMENT_CHARS = 1_000_000;

/** A literal for bytes, or for the UTF-8 bytes of a text, that needs no escaping. */
export const hex = (bytes: Buffer | string) =>
  `X'${(typeof bytes === 'string' ? Buffer.from(bytes) : bytes).toString('hex')}'`;

/** A literal for a text: in quotes if the text needs no escaping, which is shorter and fits most names, else as bytes. */
export const literal = (text: string) => (/^[\w.@-]*$/.test(text) ? `'${text}'` : hex(text));

/** A literal for JSON: in quotes if the text is printable ASCII without `'` and `\`, as it mostly is, else as bytes. */
export const quoted = (text: string) => (/^[ -&(-[\]-~]*$/.test(text) ? `'${text}'` : hex(text));

/** A literal of 16 bytes for a UUID. Another id, as of a coupon that is damaged in Redis, is a literal that no row has. */
export const hexId = (id: string) => `X'${idDigits(id)}'`;

const uuid = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i;
const idDigits = (id: string) => (uuid.test(id) ? id.replaceAll('-', '') : '');

/** Inserts rows, each a text of literals such as `(1,X'00')`. */
export async function insertRows(run: RunSql, table: string, columns: string, rows: readonly string[]): Promise<void> {
  for (const chunk of chunksOf(rows)) await run(`INSERT INTO ${table} (${columns}) VALUES ${chunk.join(',')}`);
}

/** How the values of a column are given: as a number, a UUID or a text. */
export type Columns = Readonly<Record<string, keyof typeof kinds>>;
export type Value = number | string | null;

/** A table whose rows are looked up by the columns of an index. In statements, its row is `t`. */
interface Keyed {
  table: string;
  key: Columns;
}

/** Selects the columns of the rows that have one of the keys. */
export async function selectRows(
  run: RunSql,
  { table, key }: Keyed,
  columns: readonly string[],
  keys: readonly (readonly Value[])[],
): Promise<Record<string, unknown>[]> {
  const found: Record<string, unknown>[][] = [];
  const selected = columns.map((column) => `t.${column}`).join(',');
  for (const given of givenTables(key, keys))
    found.push(await run(`SELECT ${selected} FROM ${given} STRAIGHT_JOIN ${table} t ON ${hasKey(key)}`));
  return found.flat();
}

/**
 * Updates many rows. Each of `rows` has the values of the table's key and of `columns`; the statement's expressions get the name of a
 * column and refer to its given value by `given`. Resolves to the number of rows that were updated.
 */
export async function updateRows(
  run: RunSql,
  { table, key }: Keyed,
  columns: Columns,
  { set, where }: { set: readonly string[]; where?: string },
  rows: readonly (readonly Value[])[],
): Promise<number> {
  const on = where === undefined ? hasKey(key) : `${hasKey(key)} AND ${where}`;
  let updated = 0;
  for (const given of givenTables({ ...key, ...columns }, rows)) {
    const result = await run(`UPDATE ${given} STRAIGHT_JOIN ${table} t ON ${on} SET ${set.join(', ')}`);
    updated += result.affectedRows ?? 0;
  }
  return updated;
}

// Ids and texts are given as hexadecimal digits, which are shorter than escaped text and mean the same in SQL and in JSON.
const kinds = {
  number: { type: 'BIGINT UNSIGNED', digits: (value: Value) => value, read: (given: string) => given },
  id: {
    type: 'CHAR(32) CHARACTER SET ascii',
    digits: (value: Value) => idDigits(String(value)),
    read: (given: string) => `UNHEX(${given})`,
  },
  text: {
    type: 'LONGTEXT CHARACTER SET ascii',
    digits: (value: Value) => Buffer.from(String(value)).toString('hex'),
    read: (given: string) => `CONVERT(UNHEX(${given}) USING utf8mb4)`,
  },
};

/** The value of a column in the row that is given for a row of the table. */
export const given = (columns: Columns, name: string) => kinds[columns[name] ?? 'number'].read(`given.${name}`);

const hasKey = (key: Columns) =>
  Object.keys(key)
    .map((name) => `t.${name} = ${given(key, name)}`)
    .join(' AND ');

/**
 * Rows as a table `given`, in one or more parts. A STRAIGHT_JOIN that begins with it reads the other table by its key, whatever the
 * server estimates; for a chain of ORs or an IN with tuples, servers scan tables of some sizes (docs/SQL.md).
 */
function* givenTables(columns: Columns, rows: readonly (readonly Value[])[]): Generator<string> {
  const used = Object.entries(columns).map(([name, kind]) => ({ name, ...kinds[kind] }));
  const types = used.map(({ name, type }, place) => `${name} ${type} PATH '$[${place}]' ERROR ON ERROR`).join(', ');
  const texts = rows.map((row) =>
    JSON.stringify(row.map((value, i) => (value === null ? null : used[i]?.digits(value)))),
  );
  for (const chunk of chunksOf(texts)) yield `JSON_TABLE('[${chunk.join(',')}]', '$[*]' COLUMNS (${types})) given`;
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
