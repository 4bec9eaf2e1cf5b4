import { setTimeout as sleep } from 'node:timers/promises';
import { abortWith } from '../infra/abortWith.ts';
import type { MysqlNodes } from '../infra/failover/nodes.ts';
import { lockedOnOtherNodes } from '../infra/failover/otherNodes.ts';
import type { Mysql } from '../infra/stores/mysql.ts';
import { isLockConflict } from '../infra/stores/mysqlErrors.ts';
import type { Log } from '../infra/telemetry/log.ts';

// One process at a time works for a subscription: the one that has locked the row. MySQL releases the lock when the process dies, and
// also when it is silent, so that the next process takes over from a frozen one within 5 s. On Galera the row is locked on every node, and
// the other nodes release it after 15 s of silence.

const KEEP_EVERY_MS = 1_000;
const SILENCE_LIMIT_SECONDS = 3;
const LOCK_WAIT_SECONDS = 1;
const RETRY_MS = 1_000;
/** Uses a table and reads no row. */
const ALIVE = 'SELECT name FROM subscription_leases LIMIT 0';

/** The lock, while the work runs. */
export interface Held {
  /** Aborts when the lock is lost, or the process stops. */
  signal: AbortSignal;
  /**
   * Rejects when the lock is lost. A process that was frozen finds out here before it delivers anything. `maxAgeMs`: how long ago a
   * confirmation may have begun that is used again.
   */
  confirm(maxAgeMs?: number): Promise<void>;
}

interface Lease {
  /** A pool of one connection to the node in use. */
  mysql: Mysql;
  nodes: MysqlNodes;
  name: string;
  signal: AbortSignal;
  log: Log;
}

/** Runs `work` each time that this process gets the lock, until the signal aborts. */
export async function workUnderLease(
  { mysql, nodes, name, signal, log }: Lease,
  work: (held: Held) => Promise<void>,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await mysql.transaction(
        async (trx) => {
          await trx.raw(
            `SET SESSION wait_timeout = ${SILENCE_LIMIT_SECONDS}, innodb_lock_wait_timeout = ${LOCK_WAIT_SECONDS}`,
          );
          const [rows] = await trx.raw('SELECT name FROM subscription_leases WHERE name = ? FOR UPDATE', [name]);
          if (rows.length === 0) throw new Error(`the subscription ${name} has no lease`);
          // The node in use first: as a rule all processes use the same one, and those that wait for its lock need no other connection.
          await lockedOnOtherNodes(nodes, { subscription: name }, async () => {
            const lost = abortWith(signal);
            const held = { signal: lost.signal, confirm: createConfirm(() => confirm(trx, lost)) };
            const keeping = keep(held);
            try {
              await work(held);
            } finally {
              lost.abort();
              await keeping;
            }
          });
        },
        { isolationLevel: 'read committed' },
      );
    } catch (err) {
      if (isLockConflict(err)) continue;
      if (signal.aborted) return;
      log.warn({ err, subscription: name }, 'subscription interrupted; retrying');
      await sleep(RETRY_MS, undefined, { signal }).catch(() => {});
    }
  }
}

function createConfirm(confirmNow: () => Promise<void>): Held['confirm'] {
  let last = { beganAt: Number.NEGATIVE_INFINITY, done: Promise.resolve() };
  return (maxAgeMs) => {
    const now = performance.now();
    if (maxAgeMs === undefined || now - last.beganAt > maxAgeMs) last = { beganAt: now, done: confirmNow() };
    return last.done;
  };
}

/** Also fails when MySQL does not answer in the time in which another process may have got the lock. */
async function confirm(trx: Mysql, lost: { abort(): void }): Promise<void> {
  const limit = new AbortController();
  const late = sleep(SILENCE_LIMIT_SECONDS * 1_000, undefined, { signal: limit.signal }).then(() => {
    throw new Error('MySQL does not answer, so the lease may be lost');
  });
  try {
    // A node of Galera without a majority would answer `SELECT 1`, while another process gets the lock on the other nodes.
    await Promise.race([trx.raw(ALIVE), late]);
  } catch (error) {
    lost.abort();
    throw error;
  } finally {
    limit.abort();
    late.catch(() => {});
  }
}

async function keep({ signal, confirm }: Held): Promise<void> {
  while (!signal.aborted) {
    await sleep(KEEP_EVERY_MS, undefined, { signal }).catch(() => {});
    // The failure has aborted the signal, and the work ends with it.
    if (!signal.aborted) await confirm().catch(() => {});
  }
}
