import type { ChainableCommander, Redis } from 'ioredis';
import { type DecidedEvent, unreachable } from '../events.ts';
import { couponPath, keys } from '../infra/keys.ts';

/**
 * The inline projection: what a seller offers and what a customer holds, as sorted sets by the time it happened. The members
 * of a set are unique and their score comes from the event, so that an event applied twice changes nothing.
 */
export async function projectToViews(redis: Redis, events: readonly DecidedEvent[]): Promise<void> {
  const pipeline = redis.pipeline();
  for (const event of events) projectEvent(pipeline, event);
  for (const [error] of (await pipeline.exec()) ?? []) if (error !== null) throw error;
}

function projectEvent(redis: ChainableCommander, event: DecidedEvent): ChainableCommander {
  const { coupon, occurredAt } = event;
  switch (event.type) {
    case 'CouponCreated':
      return redis.zadd(keys.sellerView(coupon.seller), occurredAt, coupon.name);
    case 'CouponGrabbed':
      return redis.zadd(keys.customerView(event.data.customer), occurredAt, couponPath(coupon.seller, coupon.name));
    default:
      return unreachable(event);
  }
}
