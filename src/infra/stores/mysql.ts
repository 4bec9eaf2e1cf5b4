import { readdirSync } from 'node:fs';
import knex, { type Knex } from 'knex';
import { type Connection, createConnection } from 'mysql2';
import { OperatorError } from '../../operatorError.ts';
import type { Closer } from '../closers.ts';
import { isTriggerRefused } from './mysqlErrors.ts';

export type Mysql = Knex;

const QUERY_TIMEOUT_MS = 10_000;
const ACQUIRE_TIMEOUT_MS = 5_000;

const migrationsFolder = new URL('../../../migrations/', import.meta.url);
const migrationSource: Knex.MigrationSource<string> = {
  getMigrations: async () => readdirSync(migrationsFolder).sort(),
  getMigrationName: (file) => file.replace(/\.ts$/, ''),
  getMigration: (file) => import(new URL(file, migrationsFolder).href),
};

/** mysql://user:password@host:port/database, or mysql://user@localhost/database?socketPath=/path/of/socket. */
function connectionOf(url: string) {
  const { hostname, port, username, password, pathname, searchParams } = new URL(url);
  const database = decodeURIComponent(pathname.slice(1));
  if (database === '')
    throw new OperatorError('MYSQL_URL: names no database (mysql://user:password@host:3306/DATABASE)');
  const socketPath = searchParams.get('socketPath');
  return {
    ...(socketPath === null ? { host: hostname, port: Number(port || 3306) } : { socketPath }),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    database,
    charset: 'utf8mb4',
    connectTimeout: ACQUIRE_TIMEOUT_MS,
    supportBigNumbers: true,
  };
}

// mysql2 waits for ever on a server that has stopped answering. A query that takes longer than this leaves its connection
// in an unknown state, so the connection goes with it.
function limitQueryTime(connection: Connection): void {
  const query = connection.query.bind(connection) as (options: object, values: unknown, done: QueryDone) => unknown;
  const limited = (options: object, values: unknown, done: QueryDone) =>
    query({ timeout: QUERY_TIMEOUT_MS, ...options }, isEmpty(values) ? null : values, (error, ...result) => {
      if (error?.code === 'PROTOCOL_SEQUENCE_TIMEOUT') connection.destroy();
      done(error, ...result);
    });
  Object.assign(connection, { query: limited });
}
// The driver looks for placeholders in the whole statement, even where there is nothing to put into them.
const isEmpty = (values: unknown) => Array.isArray(values) && values.length === 0;
type QueryDone = (error: { code?: string } | null, ...result: unknown[]) => void;

/** Opens a pool. No connection is made before the first query. */
export function connectMysql(url: string, poolSize = 4): { mysql: Mysql; close: Closer } {
  const mysql = knex({
    client: 'mysql2',
    connection: connectionOf(url),
    // The message of a failed query would repeat what is written, password hashes included; it keeps its question marks.
    compileSqlOnError: false,
    acquireConnectionTimeout: ACQUIRE_TIMEOUT_MS,
    // Whatever it would print, it also throws; who catches that decides what is said.
    log: { warn() {}, error() {}, debug() {}, deprecate() {} },
    pool: {
      min: 0,
      max: poolSize,
      afterCreate(connection: Connection, done: (error: unknown, connection: Connection) => void) {
        limitQueryTime(connection);
        connection.query(
          { sql: "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', innodb_lock_wait_timeout = 5" },
          [],
          (error: unknown) => done(error, connection),
        );
      },
    },
  });
  return { mysql, close: () => mysql.destroy() };
}

/** One connection without a limit on how long a query takes, for work that reads or writes everything. */
export async function connectOnce(url: string): Promise<{ connection: Connection; close: Closer }> {
  const connection = createConnection(connectionOf(url));
  try {
    await connection.promise().query("SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'");
  } catch (error) {
    connection.destroy();
    throw error;
  }
  return { connection, close: () => connection.destroy() };
}

/** Makes the database that the URL names, where it was dropped. */
export async function createDatabase(url: string): Promise<void> {
  const { database, ...server } = connectionOf(url);
  const connection = createConnection(server);
  try {
    await connection.promise().query('CREATE DATABASE IF NOT EXISTS ??', [database]);
  } finally {
    connection.destroy();
  }
}

/**
 * Opens a pool and brings the tables up to date; `migrated` names the migrations that this took. Fails with the setting's name
 * when MySQL can't be reached.
 */
export async function openMysql(url: string): Promise<{ mysql: Mysql; migrated: string[]; close: Closer }> {
  const opened = connectMysql(url);
  try {
    await opened.mysql.raw('SELECT 1');
  } catch (error) {
    await opened.close();
    throw new OperatorError(
      `MYSQL_URL: can't reach MySQL: ${(error as Error).message || (error as { code?: string }).code}`,
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
 * Brings the tables up to date, one process at a time. knex keeps its own lock in a table, where the lock of a process that
 * died would stay for ever; a named lock of the server ends with its connection, so under that one, knex's can be freed.
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
