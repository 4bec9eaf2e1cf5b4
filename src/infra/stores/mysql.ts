import { promisify } from 'node:util';
import knex, { type Knex } from 'knex';
import { type Connection, createConnection } from 'mysql2';
import type { Closer } from '../closers.ts';
import { prepareSession } from './mysqlSession.ts';
import { parseMysqlUrl } from './mysqlUrl.ts';

export type Mysql = Knex;

const QUERY_TIMEOUT_MS = 10_000;
const ACQUIRE_TIMEOUT_MS = 5_000;
/** Shorter than the silence after which MySQL closes a connection that has written the log (src/projections/log/pause.ts). */
const IDLE_TIMEOUT_MS = 3_000;

const connectionOf = (url: string) => ({
  ...parseMysqlUrl(url),
  charset: 'utf8mb4',
  connectTimeout: ACQUIRE_TIMEOUT_MS,
  supportBigNumbers: true,
});

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
      idleTimeoutMillis: IDLE_TIMEOUT_MS,
      afterCreate(connection: Connection, done: (error: unknown, connection: Connection) => void) {
        limitQueryTime(connection);
        prepareSession(connection, (error) => done(error, connection));
      },
    },
  });
  return { mysql, close: () => mysql.destroy() };
}

/** One connection without a time limit on its queries, for work that reads or writes whole tables. */
export async function connectOnce(url: string): Promise<{ connection: Connection; close: Closer }> {
  const connection = createConnection(connectionOf(url));
  try {
    await promisify(prepareSession)(connection);
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
