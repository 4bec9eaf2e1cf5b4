import { promisify } from 'node:util';
import knex, { type Knex } from 'knex';
import { type Connection, createConnection } from 'mysql2';
import type { Closer } from '../closers.ts';
import { type MysqlAddress, type MysqlNodes, nodesOf } from '../failover/nodes.ts';
import { prepareSession } from './mysqlSession.ts';
import type { MysqlOptions } from './mysqlUrl.ts';

export type Mysql = Knex;

const QUERY_TIMEOUT_MS = 10_000;
const ACQUIRE_TIMEOUT_MS = 5_000;
/** Shorter than the silence after which MySQL closes a connection that has written the log (src/projections/log/pause.ts). */
const IDLE_TIMEOUT_MS = 3_000;

const connectionOf = (options: MysqlOptions) => ({
  ...options,
  charset: 'utf8mb4',
  connectTimeout: ACQUIRE_TIMEOUT_MS,
  supportBigNumbers: true,
});

// mysql2 waits for ever on a server that has stopped replying. A query that exceeds its time limit leaves its connection in an
// unknown state, so the connection is destroyed. So is one whose transaction could not begin or end: a node of Galera that refuses COMMIT
// leaves the transaction open, knex gives the connection back to the pool, and the next BEGIN would commit it.
function limitQueryTime(connection: Connection, nodes: MysqlNodes): void {
  const query = connection.query.bind(connection) as (options: object, values: unknown, done: QueryDone) => unknown;
  const limited = (options: { sql: string }, values: unknown, done: QueryDone) =>
    query({ timeout: QUERY_TIMEOUT_MS, ...options }, isEmpty(values) ? null : values, (error, ...result) => {
      if (error?.code === 'PROTOCOL_SEQUENCE_TIMEOUT' || (error && EDGE.test(options.sql))) connection.destroy();
      if (error) nodes.suspect(error);
      done(error, ...result);
    });
  Object.assign(connection, { query: limited });
}
// The driver searches the whole statement for placeholders, even when there are no values for them.
const isEmpty = (values: unknown) => Array.isArray(values) && values.length === 0;
/** The statements with which knex begins and ends a transaction. */
const EDGE = /^(SET TRANSACTION|BEGIN|COMMIT|ROLLBACK)\b/;
type QueryDone = (error: { code?: string } | null, ...result: unknown[]) => void;

/** Opens a pool. The first query makes the first connection. */
export function connectMysql(address: MysqlAddress, poolSize = 4): { mysql: Mysql; close: Closer } {
  const { nodes, close: closeNodes } = nodesOf(address);
  const mysql = knex({
    client: 'mysql2',
    connection: settingsOf(nodes),
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
        limitQueryTime(connection, nodes);
        if (nodes.remember(connection)) prepareSession(connection, (error) => done(error, connection));
        else done(new Error('the process moved to another MySQL host meanwhile'), connection);
      },
    },
  });
  if (!nodes.isSingle) mysql.client.pool.on('createFail', (_id: number, error: unknown) => nodes.suspect(error));
  const close = async () => {
    await mysql.destroy();
    await closeNodes();
  };
  return { mysql, close };
}

/** Of several hosts, knex asks for the one in use before each new connection, and gives up idle connections to another one. */
function settingsOf(nodes: MysqlNodes) {
  if (nodes.isSingle) return connectionOf(nodes.first);
  return async () => {
    const node = await nodes.choose();
    return { ...connectionOf(node.options), expirationChecker: () => !nodes.isInUse(node) };
  };
}

/** One connection without a time limit on its queries, for work that reads or writes whole tables. */
export async function connectOnce(address: MysqlAddress): Promise<{ connection: Connection; close: Closer }> {
  const { nodes, close: closeNodes } = nodesOf(address);
  // A connection to the nodes of the process is cut when the process moves; a tool stays on the host that it began with.
  const { options } = await nodes.choose().finally(closeNodes);
  const connection = createConnection(connectionOf(options));
  try {
    nodes.remember(connection);
    await promisify(prepareSession)(connection);
  } catch (error) {
    connection.destroy();
    throw error;
  }
  return { connection, close: () => connection.destroy() };
}

/** Creates the database that the URL names, if it is missing. */
export async function createDatabase(url: string): Promise<void> {
  const { nodes, close } = nodesOf(url);
  const { options } = await nodes.choose().finally(close);
  const { database, ...server } = connectionOf(options);
  const connection = createConnection(server);
  try {
    await connection.promise().query('CREATE DATABASE IF NOT EXISTS ??', [database]);
  } finally {
    connection.destroy();
  }
}
