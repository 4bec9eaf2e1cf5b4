import type { Redis } from 'ioredis';
import { type CouponEvent, unreachable } from '../events.ts';
import { couponPath, keys } from '../infra/keys.ts';

/**
 * The inline projection: the coupons that a seller offers and those that a customer holds, as sorted sets by the time of the event.
 * The members of a set are unique and their scores come from the event, so an event that is applied twice changes nothing.
 */
export async function projectToViews(redis: Redis, events: readonly CouponEvent[]): Promise<void> {
  const pipeline = redis.pipeline();
  for (const { view, at, member } of events.flatMap(viewEntriesOf)) pipeline.zadd(view, at, member);
  for (const [error] of (await pipeline.exec()) ?? []) if (error !== null) throw error;
}

/** The view entries that an event makes; `at` in microseconds since 1970. Rehydrate writes many of them at a time. */
export function viewEntriesOf(event: CouponEvent): { view: string; member: string; at: number }[] {
  const { coupon, occurredAt: at } = event;
  switch (event.type) {
    case 'CouponCreated':
      return [{ view: keys.sellerView(coupon.seller), member: coupon.name, at }];
    case 'CouponGrabbed':
      return [{ view: keys.customerView(event.data.customer), member: couponPath(coupon), at }];
    case 'PiecesRecounted':
      return [];
    default:
      return unreachable(event);
  }
}
