import { setTimeout as sleep } from 'node:timers/promises';
import type { Knex } from 'knex';
import type { Closer } from './closers.ts';
import { connectMysql } from './stores/mysql.ts';
import { isLockConflict } from './stores/mysqlErrors.ts';
import type { Log } from './telemetry/log.ts';

const KEEP_EVERY_MS = 1_000;
/** The server ends the lease of a process that was silent for so long: one that is frozen must not hold up the others for ever. */
const SILENCE_LIMIT_SECONDS = 15;
const LOCK_WAIT_SECONDS = 1;

export interface Lease {
  /**
   * Holds the lease together with all who decide. Waits while somebody has it alone. When MySQL can't be reached it
   * resolves without, and takes the lease up later: a sale does not end because MySQL is away.
   */
  share(): Promise<void>;
  /**
   * Gives up the shared lease, waits until nobody else has it, and runs the work. Resolves without as soon as it is no longer
   * needed: who has done it meanwhile shares the lease for as long as it sells. Rejects without MySQL.
   */
  alone(work: () => Promise<void>, isNeeded: () => Promise<boolean>): Promise<void>;
}

/**
 * Readers and a writer over all processes: as long as a process may have grabs in memory that MySQL lacks, it shares the
 * lease; who compares Redis with MySQL takes it alone. It is a row lock, so the server itself lets go of it when a
 * process dies.
 */
export function openLease(mysqlUrl: string, log: Log): { lease: Lease; close: Closer } {
  const { mysql, close: closeMysql } = connectMysql(mysqlUrl, 1);
  let shared: Knex.Transaction | undefined;
  let wanted = false;
  let closed = false;

  /** Undefined: it was no longer needed. */
  const lock = async (
    how: 'LOCK IN SHARE MODE' | 'FOR UPDATE',
    isNeeded: () => boolean | Promise<boolean>,
  ): Promise<Knex.Transaction | undefined> => {
    while (await isNeeded()) {
      if (closed) throw new Error('the lease closes');
      const trx = await mysql.transaction({ isolationLevel: 'read committed' });
      try {
        await trx.raw(
          `SET SESSION wait_timeout = ${SILENCE_LIMIT_SECONDS}, innodb_lock_wait_timeout = ${LOCK_WAIT_SECONDS}`,
        );
        await trx.raw(`SELECT id FROM lease WHERE id = 1 ${how}`);
        return trx;
      } catch (error) {
        await trx.rollback().catch(() => {});
        if (!isLockConflict(error)) throw error;
      }
    }
    return undefined;
  };
  const release = async () => {
    const held = shared;
    shared = undefined;
    wanted = false;
    await held?.rollback().catch(() => {});
  };
  const takeUp = async () => {
    const stillWanted = () => wanted && shared === undefined;
    const trx = await lock('LOCK IN SHARE MODE', stillWanted);
    if (stillWanted()) shared = trx;
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
        log.debug({ err }, 'the lease is lost or can not be had');
        if (shared === held) shared = undefined;
        await held?.rollback().catch(() => {});
      }
    }
  };

  void keep();
  const lease: Lease = {
    async share() {
      wanted = true;
      if (shared !== undefined) return;
      await takeUp().catch((err) => log.warn({ err }, 'no lease: MySQL can not be reached'));
    },
    async alone(work, isNeeded) {
      await release();
      const trx = await lock('FOR UPDATE', isNeeded);
      try {
        // Whoever had it before may have done it. Without the lease it is not done, whatever has come to be needed since.
        if (trx !== undefined && (await isNeeded())) await work();
      } finally {
        await trx?.rollback().catch(() => {});
      }
    },
  };
  const close: Closer = async () => {
    closed = true;
    await release();
    await closeMysql();
  };
  return { lease, close };
}
