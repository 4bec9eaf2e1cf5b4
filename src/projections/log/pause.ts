import type { Knex } from 'knex';
import type { MysqlNodes } from '../../infra/failover/nodes.ts';
import { lockedOnOtherNodes } from '../../infra/failover/otherNodes.ts';
import type { Mysql } from '../../infra/stores/mysql.ts';
import { lastPosition } from './readLog.ts';
import type { RunSql } from './sql.ts';

// The pause is a lock on the one row of projection_pause: every transaction that writes the log takes it shared, a replay takes it
// alone. Grabs do not wait for it: while a replay holds the pause, their events stay in the outbox.

/** Runs statements on any connection of a pool. */
export const runOnPool =
  (mysql: Knex): RunSql =>
  async (statement) =>
    (await mysql.raw(statement))[0];

/** MySQL ends the transaction of a process that is frozen in it: it would hold up every subscriber and the rows of its coupons. */
const SILENCE_LIMIT_SECONDS = 5;

/**
 * A transaction that writes the log and its projections. It begins after a pause that is held now has ended, and a replay gets the
 * pause only after the transaction has ended.
 */
export function projectionTransaction<T>(
  mysql: Mysql,
  work: (trx: Knex.Transaction, run: RunSql) => Promise<T>,
): Promise<T> {
  return mysql.transaction(
    async (trx) => {
      const run = runOnPool(trx);
      await run(`SET SESSION wait_timeout = ${SILENCE_LIMIT_SECONDS}`);
      await run('SELECT id FROM projection_pause WHERE id = 1 LOCK IN SHARE MODE');
      return work(trx, run);
    },
    { isolationLevel: 'read committed' },
  );
}

/**
 * Waits until the projection transactions of all processes have ended, and keeps new ones waiting during `work`. The lock ends with
 * its connection, so `holder` must run nothing else meanwhile. During `work` the log is complete up to its highest position:
 * positions are assigned before the COMMIT, and no transaction that has one is still open.
 */
export async function withPause<T>(holder: RunSql, work: () => Promise<T>): Promise<T> {
  await holder('START TRANSACTION');
  try {
    await holder('SELECT id FROM projection_pause WHERE id = 1 FOR UPDATE');
    const result = await work();
    // Fails if the connection was lost, and the pause with it.
    await holder('COMMIT');
    return result;
  } catch (error) {
    await holder('ROLLBACK').catch(() => {});
    throw error;
  }
}

/** As `withPause`, also for the processes that use another node of Galera. Rejects with a lock conflict as `lockedOnOtherNodes` does. */
export const withPauseOnAllNodes = <T>(nodes: MysqlNodes, holder: RunSql, work: () => Promise<T>): Promise<T> =>
  lockedOnOtherNodes(nodes, 'projection_pause', () => withPause(holder, work));

/**
 * The highest position of the log, read during a pause that lasts for this one query: the log is complete up to it. Rejects with a
 * lock conflict when an open transaction, or a replay, does not end within a second.
 */
export const completePosition = (mysql: Mysql): Promise<number> =>
  mysql.transaction(
    async (trx) => {
      const run = runOnPool(trx);
      await run('SET SESSION innodb_lock_wait_timeout = 1');
      await run('SELECT id FROM projection_pause WHERE id = 1 FOR UPDATE');
      return lastPosition(run);
    },
    { isolationLevel: 'read committed' },
  );
