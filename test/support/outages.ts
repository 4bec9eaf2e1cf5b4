import { setTimeout as sleep } from 'node:timers/promises';
import type { Knex } from 'knex';
import type { System } from '../../src/system.ts';

// Given a store that does not reply for a while. Each function returns what ends the outage.

/** Stops the Redis process: commands wait in its socket until it continues. */
export async function freezeRedis({ redis }: Pick<System, 'redis'>): Promise<() => void> {
  const pid = Number(/^process_id:(\d+)/m.exec(await redis.info('server'))?.[1]);
  process.kill(pid, 'SIGSTOP');
  return () => void process.kill(pid, 'SIGCONT');
}

/**
 * A transaction that lasts until it is rolled back. On a connection that has written the log, MySQL would end a transaction that is silent
 * for some seconds, and with it what the test has locked.
 */
export async function openTransaction(mysql: System['mysql']): Promise<Knex.Transaction> {
  const transaction = await mysql.transaction();
  await transaction.raw('SET SESSION wait_timeout = 28800');
  return transaction;
}

/** Locks the row of a coupon, or of all coupons: transactions that write it wait, so their events stay out of MySQL. */
export async function lockCoupons({ mysql }: Pick<System, 'mysql'>, name?: string): Promise<() => Promise<void>> {
  const lock = await openTransaction(mysql);
  await lock('coupons')
    .where(name === undefined ? {} : { name })
    .forUpdate();
  return async () => void (await lock.rollback());
}

/** Resolves when the gate is open, which it is after the write model was reconciled. */
export async function gateOpens({ gate }: Pick<System, 'gate'>): Promise<void> {
  const limit = Date.now() + 60_000;
  while (gate.reason() !== undefined) {
    if (Date.now() > limit) throw new Error(`the gate stays shut: ${gate.reason()}`);
    await sleep(5);
  }
}
