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
 * Opens a pool and brings the tables up to date; `migrated` names the migrations that this took. Throws OperatorError with the
 * setting's name when MySQL cannot be reached.
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
      'MYSQL_URL: its user may not create triggers: SET GLOBAL log_bin_trust_function_creators = 1',
    );
  }
}

/**
 * Brings the tables up to date, one process at a time. knex keeps a lock of its own in a table, where the lock of a process that
 * died would stay for ever. A named lock of the server ends with its connection; the process that holds it frees knex's lock.
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
