import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import type { Terms } from '../coupon/state.ts';
import { type CouponName, keys, partitionOf } from '../infra/keys.ts';
import { runScript } from '../infra/scripts.ts';
import type { User } from '../infra/tokens.ts';
import { Unavailable } from '../unavailable.ts';
import { releaseIfAbandoned } from './batches/batch.ts';
import { type ClaimRefusal, describeRequest, refuseByKey } from './claimIdempotencyKey.ts';
import {
  type DeadlineAndLimit,
  type DecisionDeps,
  deadlineAndLimit,
  failOn,
  IDEMPOTENCY_TTL_SECONDS,
  obstacleReplySchema,
  publishDecision,
  rawEntrySchema,
} from './decision.ts';
import { reserveRoom } from './reserveRoom.ts';
import { publishUnreadCreation } from './unreadDecisions.ts';

export interface CreateCoupon extends CouponName, Terms {
  /** Number of pieces, from 1. */
  amount: number;
  /** Pieces that one customer may hold, 1 if absent. */
  perCustomer?: number | undefined;
  /** 1 to 64 characters; absent or empty means no key. */
  idempotencyKey?: string | undefined;
}

const replySchema = z.union([
  z.tuple([z.literal('created'), rawEntrySchema]),
  z.tuple([z.literal('held')]),
  z.tuple([z.literal('repeated')]).rest(z.string()),
  z.tuple([z.literal('refused'), z.literal('duplicate-coupon')]),
  z.tuple([z.literal('reserved'), z.string()]),
  obstacleReplySchema,
]);
type CreationReply = z.infer<typeof replySchema>;
type Reserved = ['reserved', string];
const isReserved = (reply: CreationReply): reply is Reserved => reply[0] === 'reserved';

/**
 * A reservation normally lasts milliseconds. One that a dead process left behind is released by the next creator who wants the name; the
 * expiry removes it if no other creator ever does.
 */
const RESERVATION_SECONDS = '86400';

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
): Promise<'created' | 'not-a-seller' | 'other-seller' | 'duplicate-coupon' | 'too-many-coupons' | ClaimRefusal> {
  const since = performance.now();
  const refusal = refuseCreator(by, coupon.seller);
  if (refusal !== undefined) return refusal;
  const { idempotencyKey = '', ...content } = coupon;
  const refusalOfKey = await refuseByKey(deps, by, idempotencyKey, describeRequest('create', coupon, content));
  if (refusalOfKey !== undefined) return refusalOfKey;
  if ((await reserveRoom(deps, coupon.seller, [coupon.name])) === 'full') return 'too-many-coupons';
  return decideCreation(deps, coupon, uuidv7(), '', since);
}

/**
 * Creates the coupon with this id. `batch`: the batch of creations that the coupon belongs to; an empty string means none. `since`: the
 * arrival of the command in milliseconds of performance.now(), because the reservation of room may have waited for Redis.
 */
export async function decideCreation(
  deps: DecisionDeps,
  coupon: CreateCoupon,
  id: string,
  batch: string,
  since = performance.now(),
): Promise<'created' | 'duplicate-coupon'> {
  const partition = partitionOf(coupon);
  const begin = deadlineAndLimit(deps, partition, since);
  const reply = await runCreation(deps, coupon, { id, batch, reserveFor: '' }, begin);
  switch (reply[0]) {
    case 'created':
      await publishDecision(deps, partition, reply[1]);
      await deps.shardOf(partition).replicas.confirm();
      return 'created';
    case 'repeated':
      await publishUnreadCreation(deps, coupon);
      await deps.shardOf(partition).replicas.confirm();
      return 'created';
    case 'refused':
      return reply[1];
    case 'held':
      throw new Error('the script reserved a name instead of creating the coupon');
    default:
      return failOn(deps, partition, reply[0]);
  }
}

/**
 * Reserves the name of the coupon for a batch, with the checks of a creation. 'created' when the request with the same idempotency key
 * has created the coupon before.
 */
export async function reserveName(
  deps: DecisionDeps,
  coupon: CreateCoupon,
  batch: string,
  since: number,
): Promise<'held' | 'created' | 'duplicate-coupon'> {
  const partition = partitionOf(coupon);
  const begin = deadlineAndLimit(deps, partition, since);
  const reply = await runCreation(deps, coupon, { id: '', batch, reserveFor: RESERVATION_SECONDS }, begin);
  switch (reply[0]) {
    case 'held':
      return 'held';
    case 'created':
    case 'repeated':
      await publishUnreadCreation(deps, coupon);
      await deps.shardOf(partition).replicas.confirm();
      return 'created';
    case 'refused':
      return reply[1];
    default:
      return failOn(deps, partition, reply[0]);
  }
}

async function runCreation(
  deps: DecisionDeps,
  coupon: CreateCoupon,
  { id, batch, reserveFor }: { id: string; batch: string; reserveFor: string },
  begin: DeadlineAndLimit,
): Promise<Exclude<CreationReply, Reserved>> {
  const { seller, name, amount, stock, description, idempotencyKey = '' } = coupon;
  const limits = limitFields.flatMap((field) => {
    const value = coupon[field];
    return value === undefined ? [] : [field, String(value)];
  });
  const partition = partitionOf(coupon);
  const scriptKeys = [
    keys.fence(partition),
    keys.coupon(coupon),
    keys.outbox(partition),
    keys.answers(coupon),
    keys.requests(coupon),
    keys.reservation(coupon),
    keys.unloggedChanges(coupon),
  ];
  const args = [
    ...begin,
    String(IDEMPOTENCY_TTL_SECONDS),
    idempotencyKey,
    batch,
    reserveFor,
    id,
    seller,
    name,
    String(amount),
    String(stock),
    description,
    ...limits,
  ];
  const once = async () => replySchema.parse(await runScript(deps.redis, 'createCoupon', scriptKeys, args));
  const reply = await once();
  if (!isReserved(reply)) return reply;
  if (await releaseIfAbandoned(deps, coupon, reply[1])) {
    const second = await once();
    if (!isReserved(second)) return second;
  }
  throw new Unavailable('a coupon of this name is being created');
}
