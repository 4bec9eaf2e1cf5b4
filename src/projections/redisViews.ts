import type { Redis } from 'ioredis';
import { type CouponEvent, unreachable } from '../events.ts';
import { couponPath, keys } from '../infra/keys.ts';

/**
 * The inline projection: what a seller offers and what a customer holds, as sorted sets by the time it happened. The members
 * of a set are unique and their score comes from the event, so that an event applied twice changes nothing.
 */
export async function projectToViews(redis: Redis, events: readonly CouponEvent[]): Promise<void> {
  const pipeline = redis.pipeline();
  for (const { view, at, member } of events.flatMap(viewEntriesOf)) pipeline.zadd(view, at, member);
  for (const [error] of (await pipeline.exec()) ?? []) if (error !== null) throw error;
}

/** Which views an event is in, and as what; `at`: microseconds since 1970. Rehydrate writes them many at a time. */
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
