import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { type CouponName, keys, partitionOf } from '../infra/keys.ts';
import { runScript } from '../infra/scripts.ts';
import type { User } from '../infra/tokens.ts';
import {
  type DecisionDeps,
  deadlineAndLimit,
  failOn,
  obstacleReplySchema,
  publishDecision,
  rawEntrySchema,
} from './decision.ts';

export interface CreateCoupon extends CouponName {
  /** Number of pieces, from 1. */
  amount: number;
  /** Face value, from 0. */
  stock: number;
  description: string;
}

const replySchema = z.union([
  z.tuple([z.literal('created'), rawEntrySchema]),
  z.tuple([z.literal('duplicate')]),
  obstacleReplySchema,
]);

/** Why this user may not create coupons for that seller; undefined when they may. */
export function refuseCreator(by: User, seller: string) {
  if (by.kind !== 'seller') return 'not-a-seller';
  return by.sub === seller ? undefined : 'other-seller';
}

/** The seller `by` offers a new coupon. Throws when the outcome is unknown or nothing was decided. */
export async function createCoupon(
  deps: DecisionDeps,
  by: User,
  { seller, name, amount, stock, description }: CreateCoupon,
): Promise<'created' | 'not-a-seller' | 'other-seller' | 'duplicate-coupon'> {
  const refusal = refuseCreator(by, seller);
  if (refusal !== undefined) return refusal;

  const begin = deadlineAndLimit(deps);
  const coupon = { seller, name };
  const partition = partitionOf(coupon);
  const reply = await runScript(
    deps.redis,
    'createCoupon',
    [keys.fence(partition), keys.coupon(coupon), keys.outbox(partition)],
    [...begin, uuidv7(), seller, name, String(amount), String(stock), description],
  );
  const [status, entry] = replySchema.parse(reply);
  switch (status) {
    case 'created':
      await publishDecision(deps, partition, entry);
      return 'created';
    case 'duplicate':
      return 'duplicate-coupon';
    default:
      return failOn(deps, status);
  }
}
