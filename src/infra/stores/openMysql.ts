import { createHash, randomUUID } from 'node:crypto';
import { readdirSync } from 'node:fs';
import type { Knex } from 'knex';
import { OperatorError } from '../../operatorError.ts';
import type { Closer } from '../closers.ts';
import { type MysqlAddress, type MysqlNodes, nodesOf } from '../failover/nodes.ts';
import { lockOtherNodes } from '../failover/otherNodes.ts';
import { safeMessage } from '../telemetry/safeError.ts';
import { createTriggers, findLogGuard, type LogGuard } from './eventLogGuard.ts';
import { connectMysql, type Mysql } from './mysql.ts';
import { isDenied, isLockConflict, isTableUnknown, refusedByServer } from './mysqlErrors.ts';
import { mustHavePrivileges, serverGrants } from './mysqlGrants.ts';
import { parseMysqlUrl } from './mysqlUrl.ts';
import type { Migrations } from './stepBack.ts';
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

/** Longer than a cluster takes to go on without a node that is lost. */
const LOCK_OTHERS_FOR_MS = 20_000;

export interface Migrated {
  /** The names of the migrations that this took. */
  migrated: string[];
  /** What keeps the user of the URL from changing event_log. */
  guard: LogGuard;
}

/**
 * Opens a pool, brings the tables up to date, and tries what the server needs. With `ownerUrl`, the user of that URL changes the tables, and gives the user of `url` its privileges: so it is with the private
 * MariaDB. `nodes`: those of `url` that the process shares. Throws OperatorError with the setting's name when MySQL cannot be reached or refuses what is needed.
 */
export async function openMysql(
  url: string,
  ownerUrl?: string,
  nodes?: MysqlNodes,
): Promise<Migrated & { mysql: Mysql; close: Closer }> {
  const byOwner = ownerUrl === undefined ? undefined : await migrateTables(ownerUrl, url);
  return using(url, nodes ?? url, async (mysql, close, nodesInUse) => {
    const migrated = byOwner?.migrated ?? (await migrate(mysql, nodesInUse));
    await mustHavePrivileges(mysql);
    await tryToWrite(mysql);
    return { mysql, migrated, guard: await findLogGuard(mysql), close };
  });
}

/**
 * Brings the tables up to date, creates the triggers of event_log that an earlier run was not allowed to create, and gives the user of
 * `serverUrl` what the server needs. Throws OperatorError as `openMysql` does.
 */
export function migrateTables(url: string, serverUrl?: string): Promise<Migrated> {
  return using(url, url, async (mysql, close, nodes) => {
    const migrated = await migrate(mysql, nodes);
    await createTriggersAlone(mysql, nodes);
    if (serverUrl !== undefined) await grantTo(mysql, serverUrl);
    const guard = await findLogGuard(mysql);
    await close();
    return { migrated, guard };
  });
}

/** Opens a pool for `work`. When the work fails, the pool is closed. */
async function using<T>(
  url: string,
  address: MysqlAddress,
  work: (mysql: Mysql, close: Closer, nodes: MysqlNodes) => Promise<T>,
): Promise<T> {
  const { nodes, close: closeNodes } = nodesOf(address);
  const { mysql, close: closePool } = await reachMysql(url, undefined, nodes).catch(async (error) => {
    await closeNodes();
    throw error;
  });
  const close = async () => {
    await closePool();
    await closeNodes();
  };
  try {
    return await work(mysql, close, nodes);
  } catch (error) {
    await close();
    const refused = refusedByServer(error);
    throw refused === undefined ? error : new OperatorError(`MYSQL_URL: ${refused}`);
  }
}

/** Opens a pool as the tables are. Throws OperatorError when MySQL cannot be reached. */
export async function reachMysql(
  url: string,
  poolSize?: number,
  address: MysqlAddress = url,
): Promise<{ mysql: Mysql; close: Closer }> {
  const { mysql, close } = connectMysql(address, poolSize);
  try {
    await mysql.raw('SELECT 1');
  } catch (error) {
    await close();
    if (error instanceof OperatorError) throw error;
    throw new OperatorError(`MYSQL_URL: cannot reach MySQL: ${causeOf(error as Error, url)}${encodingHint(url)}`);
  }
  return { mysql, close };
}

/** Creates the user that the URL names, without a password: only the owner of DATA_DIR reaches the socket. */
async function grantTo(owner: Mysql, url: string): Promise<void> {
  const { user, database } = parseMysqlUrl(url);
  const account = `${user}@localhost`;
  await owner.transaction(async (trx) => {
    for (const statement of [`CREATE USER IF NOT EXISTS ${account}`, ...serverGrants(database, account)])
      await trx.raw(statement);
  });
}

/** The driver's own words, which name neither the setting nor the way out, but never the password. */
function causeOf({ code = '', message }: Error & { code?: string }, url: string): string {
  if (code === 'ER_BAD_DB_ERROR') return `${message}. Create it first: CREATE DATABASE ...`;
  // A user that is created with REQUIRE SSL gets the same words as one with a wrong password.
  if (code === 'ER_ACCESS_DENIED_ERROR' && isInTheClear(url))
    return `${message} (without TLS; does it require ssl-mode?)`;
  return message || code;
}

/** Writes in a transaction as the projection does, and rolls it back: a server may be reachable and still refuse every write. */
async function tryToWrite(mysql: Mysql): Promise<void> {
  const row = { jti: `trial-${randomUUID()}`, expires_at: 0 };
  const trx = await mysql.transaction({ isolationLevel: 'read committed' });
  try {
    await trx('revoked_tokens').insert(row);
    await trx('revoked_tokens').where({ jti: row.jti }).delete();
  } finally {
    await trx.rollback();
  }
}

const isInTheClear = (url: string) => {
  const { socketPath, ssl } = parseMysqlUrl(url);
  return socketPath === undefined && ssl === undefined;
};

/** Brings the tables up to date unless they are. So a user who may not change tables can start a server of the same version. */
async function migrate(mysql: Mysql, nodes: MysqlNodes): Promise<string[]> {
  try {
    return (await isMigrated(mysql)) ? [] : await migrateAlone(mysql, nodes);
  } catch (error) {
    // knex wraps an error about its lock, which then has no number.
    const said = safeMessage(error as Error);
    if (!isDenied(error) && !/command denied/.test(said)) throw error;
    throw new OperatorError(
      `MYSQL_URL: the tables are not up to date, or its user may not see that: ${said}; ` +
        'run `npm run migrate` as a user who may change tables (docs/OPERATIONS.md)',
    );
  }
}

/** A newer release may have migrated further: a process of this one that ends during the upgrade must be able to start again. */
async function isMigrated(mysql: Mysql): Promise<boolean> {
  const { applied, known } = await findMigrations(mysql);
  return known.every((name) => applied.includes(name));
}

/** The migrations that the database has, and those of this version. */
export async function findMigrations(mysql: Mysql): Promise<{ applied: string[]; known: string[] }> {
  const rows: { name: string }[] = await mysql('knex_migrations')
    .select('name')
    .catch((error) => {
      if (isTableUnknown(error)) return [];
      throw error;
    });
  const { names: known } = await findKnownMigrations();
  return { applied: rows.map(({ name }) => name).sort(), known: [...known] };
}

/** What a step back needs to know about the migrations of this version. */
export const findKnownMigrations = async (): Promise<Migrations> => ({
  source: migrationSource,
  names: (await migrationSource.getMigrations([])).map(migrationSource.getMigrationName),
  alone,
});

const migrateAlone = (mysql: Mysql, nodes: MysqlNodes): Promise<string[]> =>
  alone(mysql, nodes, async () => {
    await mysql.migrate.forceFreeMigrationsLock({ migrationSource });
    const [, migrated]: [batch: number, names: string[]] = await mysql.migrate.latest({ migrationSource });
    return migrated;
  });

/** A user who may not create triggers leaves them as they are: the tables may be up to date, and the user a limited one. */
const createTriggersAlone = (mysql: Mysql, nodes: MysqlNodes) =>
  alone(mysql, nodes, () => createTriggers(mysql)).catch((error) => {
    if (!isDenied(error)) throw error;
  });

/**
 * Runs the work while no other process migrates this database. The lock of knex is a row in a table, and the row of a process that
 * died would stay for ever. So a named lock of MySQL, which ends with its connection, guards a migration, and its holder first frees
 * the lock of knex. On Galera the lock is taken on every node.
 */
function alone<T>(mysql: Mysql, nodes: MysqlNodes, work: () => Promise<T>): Promise<T> {
  const isMigrating = (why = '') => new OperatorError(`MYSQL_URL: another process is migrating this database${why}`);
  return mysql.transaction(async (holder) => {
    const [[{ name }]] = await holder.raw('SELECT DATABASE() AS name');
    const lock = migrationLockOf(name);
    const release = await lockOtherNodes(nodes, { name: lock }, { forMs: LOCK_OTHERS_FOR_MS }).catch((error) => {
      throw isLockConflict(error) ? isMigrating(`: ${error.message}`) : error;
    });
    try {
      const [[row]] = await holder.raw('SELECT GET_LOCK(?, 8) AS locked', [lock]);
      if (row.locked !== 1) throw isMigrating();
      try {
        return await work();
      } finally {
        await holder.raw('SELECT RELEASE_LOCK(?)', [lock]);
      }
    } finally {
      await release();
    }
  });
}
