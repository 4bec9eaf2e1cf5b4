import type { RunSql } from '../log/sql.ts';
import type { NameTable } from '../projection.ts';

// A shadow has the shape of its live table, taken from the server itself: what replay swaps in is what migrations have made.

export const shadowName: NameTable = (table) => `${table}_replay`;
/** Where a live table goes in the swap, to be dropped right after it. */
const oldName: NameTable = (table) => `${table}_replay_old`;
/** What `--until` leaves for a look. */
export const asOfName: NameTable = (table) => `${table}_at`;

export interface Shadow {
  table: string;
  primaryKey: string[];
  columns: string[];
  /** Definitions of the keys that it has not yet: a key over all rows is built in a fraction of the time that it takes row by row. */
  laterKeys: string[];
}

/** Drops what a replay that was cut off has left. Children first: `tables` has parents first. */
export async function dropShadows(run: RunSql, tables: readonly string[]): Promise<void> {
  await dropTables(run, [...tables.map(shadowName), ...tables.map(oldName)]);
}

async function dropTables(run: RunSql, tables: readonly string[]): Promise<void> {
  for (const table of [...tables].reverse()) await run(`DROP TABLE IF EXISTS ${table}`);
}

/** Makes an empty shadow of each table, with its primary key alone. */
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

/** Adds the keys to tables that are full. Fails if a unique key or a parent is violated. */
export async function completeShadows(run: RunSql, shadows: readonly Shadow[]): Promise<void> {
  for (const { table, laterKeys } of shadows) {
    const keys = laterKeys.filter((key) => !isForeign(key));
    if (keys.length > 0) await run(`ALTER TABLE ${shadowName(table)} ${keys.map((key) => `ADD ${key}`).join(', ')}`);
    for (const foreign of laterKeys.filter(isForeign)) await addForeignKey(run, shadowName(table), foreign);
  }
}

const isForeign = (key: string) => key.startsWith('FOREIGN KEY');

/** Checked by a query of our own: the server would copy the whole table to check it. */
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

/** Puts the shadows in the place of the live tables, all of them or none, and drops those. */
export async function swapShadows(run: RunSql, tables: readonly string[]): Promise<void> {
  const renames = tables.flatMap((table) => [`${table} TO ${oldName(table)}`, `${shadowName(table)} TO ${table}`]);
  await run(`RENAME TABLE ${renames.join(', ')}`);
}

export const dropOld = (run: RunSql, tables: readonly string[]) => dropTables(run, tables.map(oldName));

/** Puts the shadows beside the live tables, for a look. */
export async function keepShadows(run: RunSql, tables: readonly string[]): Promise<void> {
  await dropTables(run, tables.map(asOfName));
  await run(`RENAME TABLE ${tables.map((table) => `${shadowName(table)} TO ${asOfName(table)}`).join(', ')}`);
}

/** Takes apart what SHOW CREATE TABLE says, one column or key a line. References within `tables` become such to their shadows. */
export function parseDefinition(sql: string, tables: readonly string[]) {
  const lines = sql.split('\n');
  const body = lines.slice(1, -1).map((line) => line.trim().replace(/,$/, ''));
  const columns = body.flatMap((line) => /^`(\w+)`/.exec(line)?.[1] ?? []);
  const primary = body.find((line) => line.startsWith('PRIMARY KEY')) ?? '';
  const isLater = (line: string) => /^(UNIQUE KEY|KEY|CONSTRAINT)/.test(line);
  const laterKeys = body.filter(isLater).map((line) =>
    line
      // Without a name it gets one that follows when the table is renamed.
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
