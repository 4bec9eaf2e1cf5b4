import type { Mysql } from '../infra/stores/mysql.ts';

const MAX_ERROR_CHARS = 500;

export interface Checkpoint {
  /** Events up to this position are delivered or skipped. */
  position: number;
  /** Deliveries that failed since the last one that succeeded. */
  failures: number;
}

/** Creates what a subscription needs in the tables. A new subscription begins with the first event of the log. */
export async function createCheckpoint(mysql: Mysql, name: string): Promise<void> {
  for (const table of ['subscriptions', 'subscription_leases']) {
    const row = table === 'subscriptions' ? { name, position: 0 } : { name };
    const [found] = await mysql(table).where({ name });
    // Another process may insert the row meanwhile.
    if (found === undefined) await mysql(table).insert(row).onConflict('name').merge(['name']);
  }
}

export async function loadCheckpoint(mysql: Mysql, name: string): Promise<Checkpoint> {
  const [row] = await mysql('subscriptions').where({ name }).select('position', 'failures');
  if (row === undefined) throw new Error(`the subscription ${name} has no checkpoint`);
  return { position: Number(row.position), failures: Number(row.failures) };
}

/** Moves the checkpoint, unless an operator or another process has moved it since it was loaded. */
export async function saveCheckpoint(mysql: Mysql, name: string, from: number, to: number): Promise<void> {
  await mysql('subscriptions').where({ name, position: from }).update({ position: to, failures: 0, error: null });
}

export async function saveFailure(mysql: Mysql, name: string, from: Checkpoint, error: string): Promise<void> {
  await mysql('subscriptions')
    .where({ name, ...from })
    .update({ failures: from.failures + 1, error: error.slice(0, MAX_ERROR_CHARS) });
}
