import knex, { type Knex } from 'knex';
import { type Connection, createConnection } from 'mysql2';
import { OperatorError } from '../../operatorError.ts';
import type { Closer } from '../closers.ts';

export type Mysql = Knex;

const QUERY_TIMEOUT_MS = 10_000;
const ACQUIRE_TIMEOUT_MS = 5_000;

/** mysql://user:password@host:port/database, or mysql://user@localhost/database?socketPath=/path/of/socket. */
function connectionOf(url: string) {
  const { hostname, port, username, password, pathname, searchParams } = new URL(url);
  const database = decodeURIComponent(pathname.slice(1));
  if (database === '')
    throw new OperatorError(
      'MYSQL_URL: the name of the database is missing (mysql://user:password@host:3306/DATABASE)',
    );
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

// mysql2 waits for ever on a server that has stopped replying. A query that exceeds its time limit leaves its connection in an
// unknown state, so the connection is destroyed.
function limitQueryTime(connection: Connection): void {
  const query = connection.query.bind(connection) as (options: object, values: unknown, done: QueryDone) => unknown;
  const limited = (options: object, values: unknown, done: QueryDone) =>
    query({ timeout: QUERY_TIMEOUT_MS, ...options }, isEmpty(values) ? null : values, (error, ...result) => {
      if (error?.code === 'PROTOCOL_SEQUENCE_TIMEOUT') connection.destroy();
      done(error, ...result);
    });
  Object.assign(connection, { query: limited });
}
// The driver searches the whole statement for placeholders, even when there are no values for them.
const isEmpty = (values: unknown) => Array.isArray(values) && values.length === 0;
type QueryDone = (error: { code?: string } | null, ...result: unknown[]) => void;

/** Opens a pool. The first query makes the first connection. */
export function connectMysql(url: string, poolSize = 4): { mysql: Mysql; close: Closer } {
  const mysql = knex({
    client: 'mysql2',
    connection: connectionOf(url),
    // Error messages keep the placeholders of the query: its values would include password hashes.
    compileSqlOnError: false,
    acquireConnectionTimeout: ACQUIRE_TIMEOUT_MS,
    // knex throws every error that it prints, and the code that catches the error logs it.
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

/** One connection without a time limit on its queries, for work that reads or writes whole tables. */
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

/** Creates the database that the URL names, if it is missing. */
export async function createDatabase(url: string): Promise<void> {
  const { database, ...server } = connectionOf(url);
  const connection = createConnection(server);
  try {
    await connection.promise().query('CREATE DATABASE IF NOT EXISTS ??', [database]);
  } finally {
    connection.destroy();
  }
}
