import type { Redis } from 'ioredis';
import { type CouponEvent, unreachable } from '../events.ts';
import { keys, piecePath } from '../infra/keys.ts';

// The views are sorted sets by the time of the event in microseconds: the coupons that a seller offers, and the pieces that a customer
// got. A piece that was given back stays in the set with a negative time, so that a grab that is applied after its release, by a relay
// of another process, does not bring the piece back. Queries read the positive times alone.

/** The inline projection. An event that is applied twice, or after a later event about the same piece, changes nothing. */
export async function projectToViews(redis: Redis, events: readonly CouponEvent[]): Promise<void> {
  const pipeline = redis.pipeline();
  for (const event of events) {
    const entry = viewEntryOf(event);
    if (entry === undefined) continue;
    if (entry.unlessPresent) pipeline.zadd(entry.view, 'NX', entry.at, entry.member);
    else pipeline.zadd(entry.view, entry.at, entry.member);
  }
  if (pipeline.length === 0) return;
  for (const [error] of (await pipeline.exec()) ?? []) if (error !== null) throw error;
}

export interface ViewEntry {
  view: string;
  member: string;
  /** Microseconds since 1970, negative for a piece that was given back. */
  at: number;
  /** The entry is not written if the view has the member already. */
  unlessPresent: boolean;
}

/** The view entry that an event writes; undefined for an event that changes no view. */
export function viewEntryOf(event: CouponEvent): ViewEntry | undefined {
  const { coupon, occurredAt: at } = event;
  switch (event.type) {
    case 'CouponCreated':
      return { view: keys.sellerView(coupon.seller), member: coupon.name, at, unlessPresent: false };
    case 'CouponGrabbed': {
      const { customer, code } = event.data;
      return { view: keys.customerView(customer), member: piecePath(coupon, code), at, unlessPresent: true };
    }
    case 'GrabReleased': {
      const { customer, code } = event.data;
      return { view: keys.customerView(customer), member: piecePath(coupon, code), at: -at, unlessPresent: false };
    }
    case 'CouponRedeemed':
    case 'RedemptionUndone':
    case 'CouponRestocked':
    case 'CouponPaused':
    case 'CouponResumed':
    case 'CouponClosed':
    case 'TermsChanged':
    case 'PiecesRecounted':
      return undefined;
    default:
      return unreachable(event);
  }
}
