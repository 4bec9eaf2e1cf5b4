import { setTimeout as sleep } from 'node:timers/promises';
import { type Connection, createConnection } from 'mysql2/promise';
import type { MysqlNode, MysqlNodes } from './nodes.ts';

// Whoever shares the lease or writes the log locks a row on the node that it uses. On Galera such a lock holds on that node alone, so
// whoever wants the row alone locks it on every node of the cluster.

const LOCK_WAIT_SECONDS = 1;
/** The other nodes end the locks of a process that is frozen or dead. */
const SILENCE_LIMIT_SECONDS = 15;
const KEEP_EVERY_MS = 1_000;
const ANSWER_LIMIT_MS = 3_000;
/** Counts as a lock conflict: whoever waits for a lock tries again, and a node that is gone for good leaves the cluster in seconds. */
const LOCK_CONFLICT = 1205;

/**
 * Runs `work` while the row is locked on every node but the one in use, where `work` itself locks the row, in a transaction that begins
 * after these locks: it sees all that was written through the other nodes. Rejects with a lock conflict when a node of the cluster has
 * the row in use, or cannot be reached. Without Galera, and with one host, nothing but `work` is done.
 */
export async function lockedOnOtherNodes<T>(
  nodes: MysqlNodes,
  table: 'lease' | 'projection_pause',
  work: () => Promise<T>,
): Promise<T> {
  if (nodes.isSingle) return work();
  const inUse = await nodes.choose();
  const connections: Connection[] = [];
  let keeping: NodeJS.Timeout | undefined;
  const open = async ({ options }: MysqlNode) => {
    const connection = await createConnection({ ...options, connectTimeout: ANSWER_LIMIT_MS });
    connection.on('error', () => {});
    connections.push(connection);
    return (sql: string) => withinLimit(connection, sql);
  };
  try {
    const size = await clusterSize(await open(inUse));
    if (size <= 1) return await work();
    let locked = 1;
    for (const node of nodes.all.filter(({ place }) => place !== inUse.place))
      if (await lock(open, node, table)) locked++;
    if (locked < size)
      throw Object.assign(new Error(`${table} is locked on ${locked} of the ${size} nodes of the cluster`), {
        errno: LOCK_CONFLICT,
      });
    keeping = setInterval(() => {
      for (const connection of connections) connection.query('SELECT 1').catch(() => {});
    }, KEEP_EVERY_MS);
    return await work();
  } finally {
    clearInterval(keeping);
    for (const connection of connections) connection.destroy();
  }
}

type Ask = (sql: string) => Promise<Record<string, unknown>[]>;

/** False for a node that cannot be asked. Rejects with a lock conflict when the row is in use there. */
async function lock(open: (node: MysqlNode) => Promise<Ask>, node: MysqlNode, table: string): Promise<boolean> {
  try {
    const ask = await open(node);
    await ask(`SET SESSION innodb_lock_wait_timeout = ${LOCK_WAIT_SECONDS}, wait_timeout = ${SILENCE_LIMIT_SECONDS}`);
    await ask('START TRANSACTION');
    await ask(`SELECT id FROM ${table} WHERE id = 1 FOR UPDATE`);
    return true;
  } catch (error) {
    if ((error as { errno?: number }).errno === LOCK_CONFLICT) throw error;
    return false;
  }
}

/** The nodes that can commit; 0 without Galera. */
async function clusterSize(ask: Ask): Promise<number> {
  const [row] = await ask("SHOW GLOBAL STATUS LIKE 'wsrep_cluster_size'");
  return Number(row?.Value ?? 0);
}

async function withinLimit(connection: Connection, sql: string): Promise<Record<string, unknown>[]> {
  const limit = new AbortController();
  const late = sleep(ANSWER_LIMIT_MS, undefined, { signal: limit.signal }).then(() => {
    throw new Error('a MySQL node does not answer');
  });
  late.catch(() => {});
  try {
    const [rows] = await Promise.race([connection.query(sql), late]);
    return rows as Record<string, unknown>[];
  } finally {
    limit.abort();
  }
}
