import { setTimeout as sleep } from 'node:timers/promises';
import type { Knex } from 'knex';
import type { Closer } from './closers.ts';
import { type MysqlAddress, nodesOf } from './failover/nodes.ts';
import { lockedOnOtherNodes } from './failover/otherNodes.ts';
import { connectMysql } from './stores/mysql.ts';
import { isLockConflict } from './stores/mysqlErrors.ts';
import type { Log } from './telemetry/log.ts';

const KEEP_EVERY_MS = 1_000;
/** MySQL ends the lease of a process that was silent for this long: a frozen process must not block the others for ever. */
const SILENCE_LIMIT_SECONDS = 15;
const LOCK_WAIT_SECONDS = 1;

export interface Lease {
  /** Whether this process shares other rows than those that it should: the Redis has other partitions than before. */
  isOutdated(): boolean;
  /** Releases the shared lease. */
  release(): Promise<void>;
  /**
   * Takes the lease shared, together with every process that decides. Waits while a process holds it alone. When MySQL cannot be
   * reached, this resolves without the lease and retries in the background: a sale does not end because MySQL is down.
   */
  share(): Promise<void>;
  /**
   * Releases the shared lease, takes the lease exclusively once no other process holds it, and runs the work. Resolves without
   * running the work as soon as `isNeeded` says no: a process that did the work shares the lease for as long as it sells, so waiting
   * longer would be in vain. Rejects when MySQL cannot be reached.
   */
  alone(work: () => Promise<void>, isNeeded: () => Promise<boolean>): Promise<void>;
}

/**
 * A readers-writer lock over all processes. A process shares the lease while its memory may hold grabs that MySQL lacks; reconcile,
 * which compares Redis with MySQL, takes the lease alone. It is a lock of these rows in MySQL, so MySQL releases it when a process dies.
 */
export function openLease(
  mysqlUrl: MysqlAddress,
  log: Log,
  rowsOf: () => readonly number[] = () => [1],
): { lease: Lease; close: Closer } {
  const { nodes, close: closeNodes } = nodesOf(mysqlUrl);
  const { mysql, close: closeMysql } = connectMysql(nodes, 1);
  let shared: Knex.Transaction | undefined;
  let sharedRows = '';
  let wanted = false;
  let closed = false;

  /** Undefined when the lock is no longer needed. */
  const lock = async (
    mode: 'LOCK IN SHARE MODE' | 'FOR UPDATE',
    rows: string,
    isNeeded: () => boolean | Promise<boolean>,
  ): Promise<Knex.Transaction | undefined> => {
    while (await isNeeded()) {
      if (closed) throw new Error('the lease is closed');
      const trx = await mysql.transaction({ isolationLevel: 'read committed' });
      try {
        await trx.raw(
          `SET SESSION wait_timeout = ${SILENCE_LIMIT_SECONDS}, innodb_lock_wait_timeout = ${LOCK_WAIT_SECONDS}`,
        );
        await trx.raw(`SELECT id FROM lease WHERE id IN (${rows}) ORDER BY id ${mode}`);
        return trx;
      } catch (error) {
        await trx.rollback().catch(() => {});
        if (!isLockConflict(error)) throw error;
      }
    }
    return undefined;
  };
  const aloneHere: Lease['alone'] = async (work, isNeeded) => {
    const trx = await lock('FOR UPDATE', idsOf(rowsOf()), isNeeded);
    try {
      // The previous holder may have done the work. Without the lease the work never runs, even if it is needed again by now.
      if (trx !== undefined && (await isNeeded())) await work();
    } finally {
      await trx?.rollback().catch(() => {});
    }
  };
  const release = async () => {
    const held = shared;
    shared = undefined;
    wanted = false;
    await held?.rollback().catch(() => {});
  };
  const takeUp = async () => {
    const stillWanted = () => wanted && shared === undefined;
    const rows = idsOf(rowsOf());
    const trx = rows === '' ? undefined : await lock('LOCK IN SHARE MODE', rows, stillWanted);
    if (stillWanted()) [shared, sharedRows] = [trx, rows];
    else await trx?.rollback();
  };
  const keep = async () => {
    while (!closed) {
      await sleep(KEEP_EVERY_MS, undefined, { ref: false });
      const held = shared;
      try {
        if (held !== undefined) await held.raw('SELECT 1');
        else if (wanted) await takeUp();
      } catch (err) {
        log.debug({ err }, 'holding or taking the shared lease failed; retrying');
        if (shared === held) shared = undefined;
        await held?.rollback().catch(() => {});
      }
    }
  };

  void keep();
  const lease: Lease = {
    isOutdated: () => shared !== undefined && sharedRows !== idsOf(rowsOf()),
    release,
    async share() {
      wanted = true;
      if (shared !== undefined) return;
      await takeUp().catch((err) =>
        log.warn({ err }, 'taking the shared lease failed; selling without it and retrying'),
      );
    },
    async alone(work, isNeeded) {
      await release();
      // A master of a Redis Cluster may have no partition: then nobody decides there.
      if (rowsOf().length === 0) return (await isNeeded()) ? work() : undefined;
      let locked = nodes.isSingle;
      const here = () => {
        locked = true;
        return aloneHere(work, isNeeded);
      };
      if (locked) return here();
      while (!locked && (await isNeeded()))
        await lockedOnOtherNodes(nodes, { leases: rowsOf() }, here).catch((error) => {
          if (locked || !isLockConflict(error)) throw error;
        });
    },
  };
  const close: Closer = async () => {
    closed = true;
    await release();
    await closeMysql();
    await closeNodes();
  };
  return { lease, close };
}

const idsOf = (rows: readonly number[]) => [...rows].sort((one, other) => one - other).join();
