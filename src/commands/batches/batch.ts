import { randomUUID } from 'node:crypto';
import { type CouponName, keys } from '../../infra/keys.ts';
import { runScript } from '../../infra/scripts.ts';
import type { DecisionDeps } from '../decision.ts';

// A batch creates several coupons or none. Its coupons are in several partitions, which one script cannot write. So the batch reserves all
// names, commits its plan in one partition, and then creates the coupons one by one. Before the commit the batch creates no coupon; after
// the commit every process can create all of them from the plan.

export interface Batch {
  /** The partition that stores the plan. */
  partition: number;
  id: string;
  /** After this time the plan cannot be committed any more: microseconds since 1970 on the clock of Redis. */
  deadline: number;
}

/** The names of an uncommitted batch are released only this long after its deadline, since the clock of Redis may be set back a little. */
const RELEASE_AFTER_US = 1_000_000;
/** Any process finishes a batch this long after its deadline: before that, the process that committed the batch is at work on it. */
const OVERDUE_AFTER_US = 2_000_000;

/** The text of a batch as reservations and plans have it. */
export const formatBatch = ({ partition, id, deadline }: Batch) => `${partition} ${id} ${deadline}`;

export function parseBatch(text: string): Batch {
  const [partition, id = '', deadline] = text.split(' ');
  return { partition: Number(partition), id, deadline: Number(deadline) };
}

export const newBatch = (partition: number, deadline: string): string =>
  formatBatch({ partition, id: randomUUID(), deadline: Number(deadline) });

/** True when another process should have finished the committed batch by now. */
export const isOverdue = ({ shardOf }: Pick<DecisionDeps, 'shardOf'>, batch: string): boolean => {
  const { partition, deadline } = parseBatch(batch);
  return shardOf(partition).clock.earliest() > deadline + OVERDUE_AFTER_US;
};

/** Releases the name if this batch still holds it. */
export async function releaseName(
  { redis }: Pick<DecisionDeps, 'redis'>,
  coupon: CouponName,
  batch: string,
): Promise<void> {
  await runScript(redis, 'releaseReservation', [keys.reservation(coupon)], [batch]);
}

/**
 * Releases the name if its batch was never committed and never will be, because its process died. False while the batch may still create
 * the coupon. The time is checked before the plan: after the deadline no plan appears, and a finished batch holds no name.
 */
export async function releaseIfAbandoned(deps: DecisionDeps, coupon: CouponName, batch: string): Promise<boolean> {
  const { partition, deadline } = parseBatch(batch);
  const { clock, gate } = deps.shardOf(partition);
  if (clock.earliest() <= deadline + RELEASE_AFTER_US) return false;
  gate.mustBeOpen();
  if ((await deps.redis.hexists(keys.batches(partition), batch)) === 1) return false;
  await releaseName(deps, coupon, batch);
  return true;
}
