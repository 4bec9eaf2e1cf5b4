import { createHash, randomUUID } from 'node:crypto';
import { readdirSync } from 'node:fs';
import type { Knex } from 'knex';
import { OperatorError } from '../../operatorError.ts';
import type { Closer } from '../closers.ts';
import { connectMysql, type Mysql } from './mysql.ts';
import { isTriggerRefused, refusedByServer } from './mysqlErrors.ts';
import { encodingHint } from './urlParameters.ts';

const migrationsFolder = new URL('../../../migrations/', import.meta.url);
const migrationSource: Knex.MigrationSource<string> = {
  getMigrations: async () => readdirSync(migrationsFolder).sort(),
  getMigrationName: (file) => file.replace(/\.ts$/, ''),
  getMigration: (file) => import(new URL(file, migrationsFolder).href),
};

/**
 * Lock names are shared by all databases of the server and limited to 64 characters, so the database is named by a hash. The hash is
 * made here because MySQL 9 has no function MD5() any more, and is MD5 because processes of earlier releases take the same lock.
 */
const migrationLockOf = (database: string) => `seckill.migrate.${createHash('md5').update(database).digest('hex')}`;

/**
 * Opens a pool, brings the tables up to date, and tries what the system needs; `migrated` names the migrations that this took.
 * Throws OperatorError with the setting's name when MySQL cannot be reached or refuses what is needed.
 */
export async function openMysql(url: string): Promise<{ mysql: Mysql; migrated: string[]; close: Closer }> {
  const opened = connectMysql(url);
  try {
    await opened.mysql.raw('SELECT 1').catch((error) => {
      throw new OperatorError(`MYSQL_URL: cannot reach MySQL: ${causeOf(error)}${encodingHint(url)}`);
    });
    const migrated = await migrate(opened.mysql);
    await tryToWrite(opened.mysql);
    return { ...opened, migrated };
  } catch (error) {
    await opened.close();
    if (isTriggerRefused(error))
      throw new OperatorError(
        'MYSQL_URL: its user may not create triggers: SET GLOBAL log_bin_trust_function_creators = 1',
      );
    const refused = refusedByServer(error);
    throw refused === undefined ? error : new OperatorError(`MYSQL_URL: ${refused}`);
  }
}

/** The driver's own words, which name neither the setting nor the way out, but never the password. */
function causeOf({ code = '', message }: Error & { code?: string }): string {
  if (code === 'ER_BAD_DB_ERROR') return `${message}. Create it first: CREATE DATABASE ...`;
  return message || code;
}

/** Writes in a transaction as the projection does, and rolls it back: a server may be reachable and still refuse every write. */
async function tryToWrite(mysql: Mysql): Promise<void> {
  const row = { jti: `trial-${randomUUID()}`, expires_at: 0 };
  const trx = await mysql.transaction({ isolationLevel: 'read committed' });
  try {
    await trx('revoked_tokens').insert(row);
    await trx('revoked_tokens').where({ jti: row.jti }).update({ expires_at: 1 });
    await trx('revoked_tokens').where({ jti: row.jti }).delete();
  } finally {
    await trx.rollback();
  }
}

/**
 * Brings the tables up to date, one process at a time. The lock of knex is a row in a table, and the row of a process that died
 * would stay for ever. So a named lock of MySQL, which ends with its connection, guards the migration, and its holder first frees
 * the lock of knex.
 */
async function migrate(mysql: Mysql): Promise<string[]> {
  return mysql.transaction(async (holder) => {
    const [[{ name }]] = await holder.raw('SELECT DATABASE() AS name');
    const lock = migrationLockOf(name);
    const [[row]] = await holder.raw('SELECT GET_LOCK(?, 8) AS locked', [lock]);
    if (row.locked !== 1) throw new OperatorError('MYSQL_URL: another process is migrating this database');
    try {
      await mysql.migrate.forceFreeMigrationsLock({ migrationSource });
      const [, migrated]: [batch: number, names: string[]] = await mysql.migrate.latest({ migrationSource });
      return migrated;
    } finally {
      await holder.raw('SELECT RELEASE_LOCK(?)', [lock]);
    }
  });
}
