import { setTimeout as sleep } from 'node:timers/promises';
import { type Connection, createConnection, escape as quoted } from 'mysql2/promise';
import type { Closer } from '../closers.ts';
import type { MysqlNode, MysqlNodes } from './nodes.ts';

// Whoever shares the lease or writes the log locks a row on the node that it uses. On Galera such a lock, and a named lock, holds on that
// node alone, so whoever wants the row or the name alone locks it on every node of the cluster.

const LOCK_WAIT_SECONDS = 1;
/** The other nodes end the locks of a process that is frozen or dead. */
const SILENCE_LIMIT_SECONDS = 15;
const KEEP_EVERY_MS = 1_000;
const ANSWER_LIMIT_MS = 3_000;
/** Two processes that lock the nodes in another order would meet again and again if both tried again at once. */
const LONGEST_PAUSE_MS = 500;
/** Counts as a lock conflict: whoever waits for a lock tries again, and a node that is gone for good leaves the cluster in seconds. */
const LOCK_CONFLICT = 1205;

/** What is locked on each of the other nodes. */
export type NodeLock =
  /** These rows of the lease. */
  | { leases: readonly number[] }
  | 'projection_pause'
  /** A named lock, for work that needs no row, or changes the tables. */
  | { name: string }
  /** The lease of this subscription. */
  | { subscription: string };

/**
 * Runs `work` while the rows are locked on every node but the one in use, where `work` itself locks the row, in a transaction that begins
 * after these locks: it sees all that was written through the other nodes. Rejects with a lock conflict when a node of the cluster has
 * the row in use, or cannot be reached. Without Galera, and with one host, nothing but `work` is done.
 */
export async function lockedOnOtherNodes<T>(nodes: MysqlNodes, wanted: NodeLock, work: () => Promise<T>): Promise<T> {
  const release = await lockOtherNodes(nodes, wanted);
  try {
    return await work();
  } finally {
    await release();
  }
}

/** Locks as `lockedOnOtherNodes` does, until the result is called. Tries again after a lock conflict, for so long. */
export async function lockOtherNodes(nodes: MysqlNodes, wanted: NodeLock, { forMs = 0 } = {}): Promise<Closer> {
  if (nodes.isSingle) return () => {};
  for (const limit = performance.now() + forMs; ; )
    try {
      return await lockOnce(nodes, wanted);
    } catch (error) {
      if ((error as { errno?: number }).errno !== LOCK_CONFLICT) throw error;
      await sleep(Math.random() * LONGEST_PAUSE_MS);
      if (performance.now() > limit) throw error;
    }
}

async function lockOnce(nodes: MysqlNodes, wanted: NodeLock): Promise<Closer> {
  const inUse = await nodes.choose();
  const connections: Connection[] = [];
  let keeping: NodeJS.Timeout | undefined;
  const release = () => {
    clearInterval(keeping);
    for (const connection of connections) connection.destroy();
  };
  const open = async ({ options }: MysqlNode) => {
    const connection = await createConnection({ ...options, connectTimeout: ANSWER_LIMIT_MS });
    connection.on('error', () => {});
    connections.push(connection);
    return (sql: string) => withinLimit(connection, sql);
  };
  try {
    const size = await clusterSize(await open(inUse));
    let locked = 1;
    if (size > 1)
      for (const node of nodes.all.filter(({ place }) => place !== inUse.place))
        if (await lock(open, node, wanted)) locked++;
    if (locked < size) throw conflict(`locked on ${locked} of the ${size} nodes of the cluster`, wanted);
    keeping = setInterval(() => {
      for (const connection of connections) connection.query('SELECT 1').catch(() => {});
    }, KEEP_EVERY_MS);
    return release;
  } catch (error) {
    release();
    throw error;
  }
}

const conflict = (why: string, wanted: NodeLock) =>
  Object.assign(new Error(`${typeof wanted === 'string' ? wanted : Object.entries(wanted)[0]?.join(' ')} is ${why}`), {
    errno: LOCK_CONFLICT,
  });

type Ask = (sql: string) => Promise<Record<string, unknown>[]>;

function rowsOf(wanted: Exclude<NodeLock, { name: string }>): string {
  if (typeof wanted === 'string') return `SELECT id FROM ${wanted} WHERE id = 1 FOR UPDATE`;
  if ('leases' in wanted) return `SELECT id FROM lease WHERE id IN (${wanted.leases.join()}) ORDER BY id FOR UPDATE`;
  return `SELECT name FROM subscription_leases WHERE name = ${quoted(wanted.subscription)} FOR UPDATE`;
}

/** False for a node that cannot be asked. Rejects with a lock conflict when the lock is held there. */
async function lock(open: (node: MysqlNode) => Promise<Ask>, node: MysqlNode, wanted: NodeLock): Promise<boolean> {
  try {
    const ask = await open(node);
    await ask(`SET SESSION innodb_lock_wait_timeout = ${LOCK_WAIT_SECONDS}, wait_timeout = ${SILENCE_LIMIT_SECONDS}`);
    if (typeof wanted === 'object' && 'name' in wanted) {
      const [row] = await ask(`SELECT GET_LOCK(${quoted(wanted.name)}, ${LOCK_WAIT_SECONDS}) AS locked`);
      if (Number(row?.locked) !== 1) throw conflict('held on another node', wanted);
      return true;
    }
    await ask('START TRANSACTION');
    await ask(rowsOf(wanted));
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
