import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { type CouponName, keys, partitionOf } from '../infra/keys.ts';
import { runScript } from '../infra/scripts.ts';
import type { User } from '../infra/tokens.ts';
import { claimIdempotencyKey, describeRequest } from './claimIdempotencyKey.ts';
import {
  type DecisionDeps,
  deadlineAndLimit,
  failOn,
  IDEMPOTENCY_TTL_SECONDS,
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
  /** Microseconds since 1970 on the clock of Redis; absent means no limit. */
  startsAt?: number | undefined;
  endsAt?: number | undefined;
  validFrom?: number | undefined;
  validUntil?: number | undefined;
  /** Pieces that one customer may hold, 1 if absent. */
  perCustomer?: number | undefined;
  /** 1 to 64 characters; absent or empty means no key. */
  idempotencyKey?: string | undefined;
}

const replySchema = z.union([
  z.tuple([z.literal('created'), rawEntrySchema]),
  z.tuple([z.literal('repeated')]).rest(z.string()),
  z.tuple([z.literal('refused'), z.literal('duplicate-coupon')]),
  obstacleReplySchema,
]);

/** The limits as the fields of the coupon in Redis. `perCustomer` is stored only when it is not 1. */
const limitFields = ['startsAt', 'endsAt', 'validFrom', 'validUntil', 'perCustomer'] as const;

/** Why this user may not create coupons for that seller; undefined when they may. */
export function refuseCreator(by: User, seller: string) {
  if (by.kind !== 'seller') return 'not-a-seller';
  return by.sub === seller ? undefined : 'other-seller';
}

/** The seller `by` offers a new coupon. Throws when the outcome is unknown or nothing was decided. */
export async function createCoupon(
  deps: DecisionDeps,
  by: User,
  coupon: CreateCoupon,
): Promise<'created' | 'not-a-seller' | 'other-seller' | 'duplicate-coupon' | 'key-of-another-request'> {
  const refusal = refuseCreator(by, coupon.seller);
  if (refusal !== undefined) return refusal;
  const { idempotencyKey = '', ...content } = coupon;
  if (!(await claimIdempotencyKey(deps, by.sub, idempotencyKey, describeRequest('create', coupon, content))))
    return 'key-of-another-request';
  return decideCreation(deps, coupon, uuidv7(), '');
}

/** `batch`: the batch of creations that this one belongs to; an empty string means none. */
export async function decideCreation(
  deps: DecisionDeps,
  coupon: CreateCoupon,
  id: string,
  batch: string,
): Promise<'created' | 'duplicate-coupon'> {
  const begin = deadlineAndLimit(deps);
  const { seller, name, amount, stock, description, idempotencyKey = '' } = coupon;
  const limits = limitFields.flatMap((field) => {
    const value = coupon[field];
    return value === undefined ? [] : [field, String(value)];
  });
  const partition = partitionOf(coupon);
  const reply = await runScript(
    deps.redis,
    'createCoupon',
    [
      keys.fence(partition),
      keys.coupon(coupon),
      keys.outbox(partition),
      keys.answers(coupon),
      keys.requests(coupon),
      keys.reservation(coupon),
    ],
    [
      ...begin,
      String(IDEMPOTENCY_TTL_SECONDS),
      idempotencyKey,
      batch,
      id,
      seller,
      name,
      String(amount),
      String(stock),
      description,
      ...limits,
    ],
  );
  const [status, detail] = replySchema.parse(reply);
  switch (status) {
    case 'created':
      await publishDecision(deps, partition, detail);
      return 'created';
    case 'repeated':
      return 'created';
    case 'refused':
      return detail;
    default:
      return failOn(deps, status);
  }
}
