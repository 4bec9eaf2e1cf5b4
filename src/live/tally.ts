import { z } from 'zod';
import type { CouponGrabbed } from '../events.ts';
import type { CouponName } from '../infra/keys.ts';
import { couponPath } from '../infra/keys.ts';
import { BUCKETS, bucketOf } from './latencyBuckets.ts';
import { minuteOf } from './saleCourse.ts';

/** Coupons in one message. Further coupons lose these counts; their `left` is corrected when the board is refreshed from Redis. */
const MAX_COUPONS = 200;

export const countedOutcomes = ['grabbed', 'sold-out', 'already-grabbed', 'unknown'] as const;
const count = z.int().min(0);
export const couponTallySchema = z.object({
  seller: z.string(),
  name: z.string(),
  /** Pieces left after the event of this version; absent when this process has published no event of the coupon. */
  left: count.optional(),
  version: count.optional(),
  /** The grabs that this process has published: first and last in microseconds since 1970, and the pieces left after each minute. */
  sale: z.object({ first: count, last: count, leftByMinute: z.array(z.tuple([count, count])) }).optional(),
  /** Attempts by their answers, in the order of `countedOutcomes`. */
  tries: z.array(count).length(countedOutcomes.length),
  /** Latency as [bucket, count], without the empty buckets. */
  took: z.array(z.tuple([count.max(BUCKETS - 1), count])),
});
export type CouponTally = z.infer<typeof couponTallySchema>;

export interface Tally {
  /** On the path of every grab, so it only increments two counters. */
  count(coupon: CouponName, outcome: string, tookMs: number): void;
  addEvents(events: readonly CouponGrabbed[]): void;
  /** The counts since the last call. */
  take(): CouponTally[];
}

interface Counts extends CouponName {
  latest: CouponGrabbed | undefined;
  firstAt: number;
  lastAt: number;
  leftByMinute: Map<number, number>;
  tries: number[];
  latencyCounts: Uint32Array;
}

/** Counts the answers of this process per coupon until it publishes them. */
export function createTally(): Tally {
  let countsByCoupon = new Map<string, Counts>();
  const countsOf = ({ seller, name }: CouponName): Counts | undefined => {
    const path = couponPath({ seller, name });
    const known = countsByCoupon.get(path);
    if (known !== undefined || countsByCoupon.size >= MAX_COUPONS) return known;
    const counts = {
      seller,
      name,
      latest: undefined,
      firstAt: Number.POSITIVE_INFINITY,
      lastAt: 0,
      leftByMinute: new Map(),
      tries: countedOutcomes.map(() => 0),
      latencyCounts: new Uint32Array(BUCKETS),
    };
    countsByCoupon.set(path, counts);
    return counts;
  };
  return {
    count(coupon, outcome, tookMs) {
      const index = (countedOutcomes as readonly string[]).indexOf(outcome);
      // `no-such-coupon` is not counted: invented names would use up the limit.
      const counts = index < 0 ? undefined : countsOf(coupon);
      if (counts === undefined) return;
      counts.tries[index] = (counts.tries[index] ?? 0) + 1;
      const bucket = bucketOf(tookMs);
      counts.latencyCounts[bucket] = (counts.latencyCounts[bucket] ?? 0) + 1;
    },
    addEvents(events) {
      // The events of a delivery are of one script call, in the order of their versions.
      const [first, last] = [events[0], events.at(-1)];
      const counts = last === undefined ? undefined : countsOf(last.coupon);
      if (first === undefined || last === undefined || counts === undefined) return;
      if (last.version > (counts.latest?.version ?? 0)) counts.latest = last;
      counts.firstAt = Math.min(counts.firstAt, first.occurredAt);
      counts.lastAt = Math.max(counts.lastAt, last.occurredAt);
      const minute = minuteOf(last.occurredAt);
      const left = counts.leftByMinute.get(minute) ?? Number.POSITIVE_INFINITY;
      counts.leftByMinute.set(minute, Math.min(left, last.data.left));
    },
    take() {
      const taken = [...countsByCoupon.values()];
      countsByCoupon = new Map();
      return taken.map(({ seller, name, latest, firstAt, lastAt, leftByMinute, tries, latencyCounts }) => ({
        seller,
        name,
        ...(latest && {
          left: latest.data.left,
          version: latest.version,
          sale: { first: firstAt, last: lastAt, leftByMinute: [...leftByMinute] },
        }),
        tries,
        took: [...latencyCounts.entries()].filter(([, times]) => times > 0),
      }));
    },
  };
}
