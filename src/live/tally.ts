import { z } from 'zod';
import type { CouponGrabbed } from '../events.ts';
import type { CouponName } from '../infra/keys.ts';
import { couponPath } from '../infra/keys.ts';
import { BUCKETS, bucketOf } from './latencyBuckets.ts';

/** Coupons in one message. Of a sale of more at once, the rest are right again when a board looks at Redis. */
const MAX_COUPONS = 200;

export const countedOutcomes = ['grabbed', 'sold-out', 'already-grabbed', 'unknown'] as const;
const count = z.int().min(0);
export const talliedCouponSchema = z.object({
  seller: z.string(),
  name: z.string(),
  /** Pieces left after the event of this version; absent when this process saw none. */
  left: count.optional(),
  version: count.optional(),
  /** In the order of `countedOutcomes`. */
  tries: z.array(count).length(countedOutcomes.length),
  /** [bucket, count] of those that aren't 0. */
  took: z.array(z.tuple([count.max(BUCKETS - 1), count])),
});
export type TalliedCoupon = z.infer<typeof talliedCouponSchema>;

export interface Tally {
  /** The one call that a grab pays for. */
  count(coupon: CouponName, outcome: string, tookMs: number): void;
  sawGrabs(events: readonly CouponGrabbed[]): void;
  /** What has happened since it was last taken. */
  take(): TalliedCoupon[];
}

interface Counted extends CouponName {
  latest: CouponGrabbed | undefined;
  tries: number[];
  took: Uint32Array;
}

/** What this process has answered, coupon by coupon, until it tells the others. */
export function createTally(): Tally {
  let coupons = new Map<string, Counted>();
  const find = ({ seller, name }: CouponName): Counted | undefined => {
    const path = couponPath({ seller, name });
    const known = coupons.get(path);
    if (known !== undefined || coupons.size >= MAX_COUPONS) return known;
    const counted = {
      seller,
      name,
      latest: undefined,
      tries: countedOutcomes.map(() => 0),
      took: new Uint32Array(BUCKETS),
    };
    coupons.set(path, counted);
    return counted;
  };
  return {
    count(coupon, outcome, tookMs) {
      const place = (countedOutcomes as readonly string[]).indexOf(outcome);
      // What is no coupon has no board, and anybody can make up names.
      const counted = place < 0 ? undefined : find(coupon);
      if (counted === undefined) return;
      counted.tries[place] = (counted.tries[place] ?? 0) + 1;
      const bucket = bucketOf(tookMs);
      counted.took[bucket] = (counted.took[bucket] ?? 0) + 1;
    },
    sawGrabs(events) {
      const last = events.at(-1);
      const counted = last === undefined ? undefined : find(last.coupon);
      if (last !== undefined && counted !== undefined && last.version > (counted.latest?.version ?? 0))
        counted.latest = last;
    },
    take() {
      const taken = [...coupons.values()];
      coupons = new Map();
      return taken.map(({ seller, name, latest, tries, took }) => ({
        seller,
        name,
        ...(latest === undefined ? {} : { left: latest.data.left, version: latest.version }),
        tries,
        took: [...took.entries()].filter(([, times]) => times > 0),
      }));
    },
  };
}
