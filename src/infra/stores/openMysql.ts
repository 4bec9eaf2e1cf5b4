import { readdirSync } from 'node:fs';
import type { Knex } from 'knex';
import { OperatorError } from '../../operatorError.ts';
import type { Closer } from '../closers.ts';
import { connectMysql, type Mysql } from './mysql.ts';
import { isTriggerRefused } from './mysqlErrors.ts';

const migrationsFolder = new URL('../../../migrations/', import.meta.url);
const migrationSource: Knex.MigrationSource<string> = {
  getMigrations: async () => readdirSync(migrationsFolder).sort(),
  getMigrationName: (file) => file.replace(/\.ts$/, ''),
  getMigration: (file) => import(new URL(file, migrationsFolder).href),
};

/**
 * Opens a pool and brings the tables up to date; `migrated` names the migrations that were applied. Throws OperatorError with the
 * name of the setting when MySQL cannot be reached.
 */
export async function openMysql(url: string): Promise<{ mysql: Mysql; migrated: string[]; close: Closer }> {
  const opened = connectMysql(url);
  try {
    await opened.mysql.raw('SELECT 1');
  } catch (error) {
    await opened.close();
    throw new OperatorError(
      `MYSQL_URL: cannot reach MySQL: ${(error as Error).message || (error as { code?: string }).code}`,
    );
  }
  try {
    return { ...opened, migrated: await migrate(opened.mysql) };
  } catch (error) {
    await opened.close();
    if (!isTriggerRefused(error)) throw error;
    throw new OperatorError(
      'MYSQL_URL: the user may not create triggers; run SET GLOBAL log_bin_trust_function_creators = 1',
    );
  }
}

/**
 * Brings the tables up to date, one process at a time. The lock of knex is a row in a table, and the row of a process that died
 * would stay for ever. So a named lock of MySQL, which ends with its connection, guards the migration, and its holder first frees
 * the lock of knex.
 */
async function migrate(mysql: Mysql): Promise<string[]> {
  return mysql.transaction(async (holder) => {
    const [[row]] = await holder.raw("SELECT GET_LOCK('seckill.migrate', 8) AS locked");
    if (row.locked !== 1) throw new OperatorError('MYSQL_URL: another process is migrating this database');
    try {
      await mysql.migrate.forceFreeMigrationsLock({ migrationSource });
      const [, migrated]: [batch: number, names: string[]] = await mysql.migrate.latest({ migrationSource });
      return migrated;
    } finally {
      await holder.raw("SELECT RELEASE_LOCK('seckill.migrate')");
    }
  });
}
