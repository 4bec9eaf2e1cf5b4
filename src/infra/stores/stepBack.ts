import type { Knex } from 'knex';
import { OperatorError } from '../../operatorError.ts';
import { type MysqlNodes, nodesOf } from '../failover/nodes.ts';
import { connectMysql, type Mysql } from './mysql.ts';
import { isTableUnknown, refusedByServer } from './mysqlErrors.ts';

// A migration is taken back only when that loses nothing: each migration says what its `down` would lose of the data that is there.

/** Resolves to what `down` would lose for ever, in words; empty when everything can be made again. Changes nothing. */
export type Losses = (knex: Knex) => Promise<string[]>;

export const nothingIsLost: Losses = async () => [];

/** What rows of a table are; with `where`, only these rows are lost. */
type Lost = string | { what: string; where: string };

/** Names each table that has rows to lose, with their number. */
export async function countLost(knex: Knex, tables: Readonly<Record<string, Lost>>): Promise<string[]> {
  const lost: string[] = [];
  for (const [table, rows] of Object.entries(tables)) {
    const { what, where } = typeof rows === 'string' ? { what: rows, where: '1 = 1' } : rows;
    const [[{ counted }]] = await knex.raw(`SELECT COUNT(*) AS counted FROM ${table} WHERE ${where}`);
    if (Number(counted) > 0) lost.push(`${counted} ${what}`);
  }
  return lost;
}

export interface MigrationState {
  name: string;
  /** `unknown`: the database has it, and this release does not. */
  state: 'applied' | 'pending' | 'unknown';
  /** In UTC; null while it is pending. */
  appliedAt: string | null;
}

/** Every migration of the database and of this release, in the order of their names. Changes nothing. */
export async function listMigrations(mysql: Mysql, known: readonly string[]): Promise<MigrationState[]> {
  const applied = new Map((await readApplied(mysql)).map(({ name, at }) => [name, at]));
  const names = [...new Set([...applied.keys(), ...known])].sort();
  return names.map((name) => {
    const appliedAt = applied.get(name) ?? null;
    if (appliedAt === null) return { name, state: 'pending', appliedAt };
    return { name, state: known.includes(name) ? 'applied' : 'unknown', appliedAt };
  });
}

async function readApplied(mysql: Mysql): Promise<{ name: string; at: string }[]> {
  return mysql('knex_migrations')
    .select('name', mysql.raw("DATE_FORMAT(migration_time, '%Y-%m-%dT%H:%i:%sZ') AS at"))
    .orderBy('name')
    .catch((error) => {
      if (isTableUnknown(error)) return [];
      throw error;
    });
}

export interface Migrations {
  source: Knex.MigrationSource<string>;
  names: readonly string[];
  /** Runs the work while no other process migrates the database. */
  alone<T>(mysql: Mysql, nodes: MysqlNodes, work: () => Promise<T>): Promise<T>;
}

/** Takes back the newest migration that was applied, and resolves to its name. Throws OperatorError where that would lose data. */
export async function stepBack(url: string, { source, names, alone }: Migrations): Promise<string> {
  const { nodes, close: closeNodes } = nodesOf(url);
  const { mysql, close } = connectMysql(nodes, 2);
  try {
    return await alone(mysql, nodes, async () => {
      const applied = (await readApplied(mysql)).map(({ name }) => name);
      const last = applied.at(-1);
      if (last === undefined) throw new OperatorError('no migration was applied, so there is none to take back');
      const unknown = applied.filter((name) => !names.includes(name));
      if (unknown.length > 0)
        throw new OperatorError(
          `${unknown.join(', ')} is unknown to this release: go back with the release that applied it`,
        );
      const { losses } = (await source.getMigration(`${last}.ts`)) as Knex.Migration & { losses?: Losses };
      if (losses === undefined) throw new OperatorError(`${last} does not say what taking it back would lose`);
      const lost = await losses(mysql);
      if (lost.length > 0)
        throw new OperatorError(`${last} was not taken back, because that would lose ${inWords(lost)} for ever`);
      await mysql.migrate.forceFreeMigrationsLock({ migrationSource: source });
      await mysql.migrate.down({ migrationSource: source, name: last } as Knex.MigratorConfig);
      return last;
    });
  } catch (error) {
    const refused = refusedByServer(error);
    throw refused === undefined ? error : new OperatorError(`MYSQL_URL: ${refused}`);
  } finally {
    await close();
    await closeNodes();
  }
}

const inWords = (parts: readonly string[]) =>
  parts.length < 2 ? parts.join() : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
