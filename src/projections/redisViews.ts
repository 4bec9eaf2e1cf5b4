import { setTimeout as sleep } from 'node:timers/promises';
import type { ChainableCommander, Redis } from 'ioredis';
import { type CouponEvent, unreachable } from '../events.ts';
import { keys, piecePath } from '../infra/keys.ts';
import { allEvents, type Delivery } from '../infra/outbox.ts';
import { Unavailable } from '../unavailable.ts';

// The views are sorted sets by the time of the event in microseconds: the coupons that a seller offers, and the pieces that a customer
// got. A piece that was given back stays in the set with a negative time, so that a grab that is applied after its release, by a relay
// of another process, does not bring the piece back. Queries read the positive times alone.

export type ViewProjection = (events: readonly CouponEvent[]) => Promise<void>;

/**
 * The inline projection. An event that is applied twice, or after a later event about the same piece, changes nothing. The entries
 * of one turn of the event loop share a pipeline: the replies of a round's script calls arrive together, a few grabs in each.
 * Rejects after `limitMs` where it is given: the views may be written all the same, and the relay writes them again.
 */
export function createViewProjection(redis: Redis, limitMs?: number): ViewProjection {
  let pipeline: ChainableCommander | undefined;
  let replied: Promise<[error: Error | null, reply: unknown][] | null> | undefined;
  const begin = () => {
    const begun = redis.pipeline();
    pipeline = begun;
    replied = new Promise<void>((resolve) => process.nextTick(resolve)).then(() => {
      pipeline = undefined;
      return limitMs === undefined ? begun.exec() : inTime(begun.exec(), limitMs);
    });
    return begun;
  };
  return async (events) => {
    const entries = events.flatMap((event) => viewEntryOf(event) ?? []);
    if (entries.length === 0) return;
    const shared = pipeline ?? begin();
    const first = shared.length;
    for (const { view, at, member, unlessPresent } of entries) {
      if (unlessPresent) shared.zadd(view, 'NX', at, member);
      else shared.zadd(view, at, member);
    }
    const replies = (await replied) ?? [];
    for (let i = first; i < first + entries.length; i++) if (replies[i]?.[0]) throw replies[i]?.[0];
  };
}

async function inTime<T>(work: Promise<T>, limitMs: number): Promise<T> {
  const limit = new AbortController();
  const late = sleep(limitMs, undefined, { signal: limit.signal }).then(() => {
    throw new Unavailable('a Redis does not write its views');
  });
  late.catch(() => {});
  return Promise.race([work, late]).finally(() => limit.abort());
}

export interface ViewEntry {
  view: string;
  member: string;
  /** Microseconds since 1970, negative for a piece that was given back. */
  at: number;
  /** The entry is not written if the view has the member already. */
  unlessPresent: boolean;
}

/** The views that the events of a delivery write to. */
export const viewsOf = (delivery: Delivery): string[] =>
  allEvents(delivery).flatMap((event) => viewEntryOf(event)?.view ?? []);

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
