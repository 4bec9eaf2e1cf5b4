import type { RunSql } from '../log/sql.ts';
import type { NameTable } from '../projection.ts';

// A shadow is an empty copy of a live table. Its shape is read from the server, so the tables that a replay swaps in have the shape
// that the migrations gave them.

export const shadowName: NameTable = (table) => `${table}_replay`;
/** The name of a live table between the swap and its DROP. */
const oldName: NameTable = (table) => `${table}_replay_old`;
/** The name under which `--until` leaves a table. */
export const asOfName: NameTable = (table) => `${table}_at`;
export const readableName: NameTable = (table) => `${table}_readable`;

export interface Shadow {
  table: string;
  primaryKey: string[];
  columns: string[];
  /** Definitions of the keys to be added later: building a key over all rows takes a fraction of the time of adding row by row. */
  laterKeys: string[];
}

/** Drops the tables that a replay made or that an interrupted replay left. */
export async function dropShadows(run: RunSql, tables: readonly string[]): Promise<void> {
  await dropTables(run, [...tables.map(shadowName), ...tables.map(oldName)]);
}

/** `tables` has parents before their children, so the DROPs run backwards. */
async function dropTables(run: RunSql, tables: readonly string[]): Promise<void> {
  for (const table of [...tables].reverse()) await run(`DROP TABLE IF EXISTS ${table}`);
}

/** Creates an empty shadow of each table, with only its primary key. */
export async function createShadows(run: RunSql, tables: readonly string[]): Promise<Shadow[]> {
  await dropShadows(run, tables);
  const shadows: Shadow[] = [];
  for (const table of tables) {
    const [row] = await run(`SHOW CREATE TABLE ${table}`);
    const definition = parseDefinition(String(row?.['Create Table']), tables);
    await run(`CREATE TABLE ${shadowName(table)} (${definition.now.join(',')}) ${definition.options}`);
    shadows.push({ table, ...definition });
  }
  return shadows;
}

/** Adds the other keys to shadows that have their rows. Fails on rows that violate a unique key or a foreign key. */
export async function completeShadows(run: RunSql, shadows: readonly Shadow[]): Promise<void> {
  for (const { table, laterKeys } of shadows) {
    const keys = laterKeys.filter((key) => !isForeign(key));
    if (keys.length > 0) await run(`ALTER TABLE ${shadowName(table)} ${keys.map((key) => `ADD ${key}`).join(', ')}`);
    for (const foreign of laterKeys.filter(isForeign)) await addForeignKey(run, shadowName(table), foreign);
  }
}

const isForeign = (key: string) => key.startsWith('FOREIGN KEY');

/** Checks the rows with a query of our own, because the server would copy the whole table to check them. */
async function addForeignKey(run: RunSql, table: string, definition: string): Promise<void> {
  const [, column, parent, parentColumn] =
    /^FOREIGN KEY \((`\w+`)\) REFERENCES `(\w+)` \((`\w+`)\)/.exec(definition) ?? [];
  const [orphan] = await run(
    `SELECT child.id FROM (SELECT DISTINCT ${column} AS id FROM ${table}) child
     LEFT JOIN ${parent} parent ON parent.${parentColumn} = child.id WHERE parent.${parentColumn} IS NULL LIMIT 1`,
  );
  if (orphan)
    throw new Error(`${table} has rows without a parent in ${parent}: ${(orphan.id as Buffer).toString('hex')}`);
  await run('SET SESSION foreign_key_checks = 0');
  await run(`ALTER TABLE ${table} ADD ${definition}`);
  await run('SET SESSION foreign_key_checks = 1');
}

/** Puts the shadows in the place of the live tables, all of them or none. */
export async function swapShadows(run: RunSql, tables: readonly string[]): Promise<void> {
  const renames = tables.flatMap((table) => [`${table} TO ${oldName(table)}`, `${shadowName(table)} TO ${table}`]);
  await run(`RENAME TABLE ${renames.join(', ')}`);
}

export const dropOld = (run: RunSql, tables: readonly string[]) => dropTables(run, tables.map(oldName));

/** Leaves the shadows beside the live tables, under the names of `asOfName`, each with its readable view. */
export async function keepShadows(run: RunSql, tables: readonly string[]): Promise<void> {
  await dropAsOf(run, tables);
  await run(`RENAME TABLE ${tables.map((table) => `${shadowName(table)} TO ${asOfName(table)}`).join(', ')}`);
  for (const table of tables) await createReadable(run, asOfName(table));
}

/** Drops the tables and views that `--until` leaves. */
export async function dropAsOf(run: RunSql, tables: readonly string[]): Promise<void> {
  for (const table of tables) await run(`DROP VIEW IF EXISTS ${readableName(asOfName(table))}`);
  await dropTables(run, tables.map(asOfName));
}

/** A view of a table with ids in hex, names as text and times in UTC. */
async function createReadable(run: RunSql, table: string): Promise<void> {
  const columns = await run(`SHOW COLUMNS FROM ${table}`);
  const shown = columns.map(({ Field, Type }) => `${readable(String(Field), String(Type))} AS ${Field}`);
  await run(`CREATE VIEW ${readableName(table)} AS SELECT ${shown.join(', ')} FROM ${table}`);
}

function readable(column: string, type: string): string {
  if (type.startsWith('binary')) return `LOWER(HEX(${column}))`;
  if (type.startsWith('varbinary')) return `CONVERT(${column} USING utf8mb4)`;
  // Times count from 1970, in microseconds or in minutes. They are computed without the time zone of the session.
  if (/_at$|^valid_(from|until)$/.test(column))
    return `TIMESTAMP'1970-01-01 00:00:00' + INTERVAL ${column} MICROSECOND`;
  if (column === 'minute') return `TIMESTAMP'1970-01-01 00:00:00' + INTERVAL ${column} MINUTE`;
  return column;
}

/** Parses SHOW CREATE TABLE, which has one column or key a line. References to one of `tables` become references to its shadow. */
export function parseDefinition(sql: string, tables: readonly string[]) {
  const lines = sql.split('\n');
  const body = lines.slice(1, -1).map((line) => line.trim().replace(/,$/, ''));
  const columns = body.flatMap((line) => /^`(\w+)`/.exec(line)?.[1] ?? []);
  const primary = body.find((line) => line.startsWith('PRIMARY KEY')) ?? '';
  const isLater = (line: string) => /^(UNIQUE KEY|KEY|CONSTRAINT)/.test(line);
  const laterKeys = body.filter(isLater).map((line) =>
    line
      // Without a name, the server derives one from the table's name, and renames it with the table.
      .replace(/^CONSTRAINT `\w+` /, '')
      .replace(
        /REFERENCES `(\w+)`/,
        (_, parent) => `REFERENCES \`${tables.includes(parent) ? shadowName(parent) : parent}\``,
      ),
  );
  return {
    columns,
    primaryKey: [...primary.matchAll(/`(\w+)`/g)].map(([, column]) => String(column)),
    now: body.filter((line) => !isLater(line)),
    laterKeys,
    options: (lines.at(-1) ?? '').replace(/^\) /, '').replace(/ AUTO_INCREMENT=\d+/, ''),
  };
}
