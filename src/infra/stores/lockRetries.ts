import { setTimeout as sleep } from 'node:timers/promises';
import { isLockConflict } from './mysqlErrors.ts';

const MAX_LOCK_RETRIES = 20;

/** `work` is one transaction, which is repeated as a whole after a deadlock or a lock wait timeout. */
export async function withLockRetries<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      // knex has rolled back by now: after a lock wait timeout the server itself would keep half of the transaction.
      if (!isLockConflict(error) || attempt === MAX_LOCK_RETRIES) throw error;
    }
    await sleep(Math.random() * 10 * attempt);
  }
}
