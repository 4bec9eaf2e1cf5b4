import type { Mysql } from '../../src/infra/stores/mysql.ts';

export type QueryDone = (error: unknown, ...result: unknown[]) => void;

export interface PoolQuery {
  sql: string;
  done: QueryDone;
  /** Sends the statement, or another one in its place, to the server. */
  send(done: QueryDone, sql?: string): void;
  /** Closes the connection at once. */
  cut(): void;
}

interface PoolConnection {
  query(options: { sql: string }, values: unknown, done: QueryDone): unknown;
  destroy(): void;
}

/** Every statement of the pool goes through `handle`, which may answer it itself. Returns what ends that. */
export function interceptQueries({ client }: Mysql, handle: (query: PoolQuery) => void): () => void {
  const acquire = client.acquireConnection;
  const intercepted = new WeakSet<PoolConnection>();
  let isOn = true;
  client.acquireConnection = async () => {
    const connection: PoolConnection = await acquire.call(client);
    if (intercepted.has(connection)) return connection;
    intercepted.add(connection);
    const query = connection.query.bind(connection);
    connection.query = (options, values, done) => {
      if (!isOn) return query(options, values, done);
      handle({
        sql: options.sql,
        done,
        send: (then, sql = options.sql) => void query({ ...options, sql }, values, then),
        cut: () => connection.destroy(),
      });
    };
    return connection;
  };
  return () => {
    isOn = false;
    client.acquireConnection = acquire;
  };
}
