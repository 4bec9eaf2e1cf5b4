import { z } from 'zod';
import { type CouponCreated, type CouponGrabbed, type DecidedEvent, unreachable } from '../events.ts';
import { groupBy } from '../infra/groupBy.ts';
import type { CouponName } from '../infra/keys.ts';
import { couponPath } from '../infra/keys.ts';
import { BUCKETS, bucketOf } from './latencyBuckets.ts';
import { minuteOf } from './saleCourse.ts';

/** Coupons in one message. Further coupons lose these counts; their `left` is corrected when the board is refreshed from Redis. */
const MAX_COUPONS = 200;
/** Changes of one coupon in one message. Further ones are lost as well. */
const MAX_CHANGES = 2_000;

export const countedOutcomes = [
  'grabbed',
  'sold-out',
  'already-grabbed',
  'unknown',
  'not-started',
  'paused',
  'ended',
  'closed',
] as const;
const count = z.int().min(0);
/** What one event changes of a coupon, apart from the pieces left. */
const couponChangeSchema = z.object({
  version: count,
  /** Pieces that a restock or a release adds. */
  added: count.optional(),
  /** All pieces after it. */
  amount: count.optional(),
  phase: z.enum(['open', 'paused', 'closed']).optional(),
  /** Times are in microseconds since 1970. */
  terms: z.object({ stock: count, startsAt: count.optional(), endsAt: count.optional() }).optional(),
});
export type CouponChange = z.infer<typeof couponChangeSchema>;
export const couponTallySchema = z.object({
  seller: z.string(),
  name: z.string(),
  /** Pieces left after the event of this version; absent when this process has published no event of the coupon. */
  left: count.optional(),
  version: count.optional(),
  /** The grabs that this process has published: first and last in microseconds since 1970, and the last of each minute. */
  sale: z
    .object({
      first: count,
      last: count,
      /** Minute, version, pieces left after it. */
      lastGrabs: z.array(z.tuple([count, count, count])),
    })
    .optional(),
  changes: z.array(couponChangeSchema),
  /** Attempts by their answers, in the order of `countedOutcomes`. */
  tries: z.array(count).length(countedOutcomes.length),
  /** Latency as [bucket, count], without the empty buckets. */
  took: z.array(z.tuple([count.max(BUCKETS - 1), count])),
});
export type CouponTally = z.infer<typeof couponTallySchema>;

export interface Tally {
  /** On the path of every grab, so it only increments two counters. */
  count(coupon: CouponName, outcome: string, tookMs: number): void;
  /** Events of one script call, those of a coupon in the order of their versions. */
  addEvents(events: readonly DecidedEvent[]): void;
  /** The counts since the last call. */
  take(): CouponTally[];
}

interface Counts extends CouponName {
  latest: { version: number; left: number } | undefined;
  firstAt: number;
  lastAt: number;
  lastGrabs: Map<number, { version: number; left: number }>;
  changes: CouponChange[];
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
      lastGrabs: new Map(),
      changes: [],
      tries: countedOutcomes.map(() => 0),
      latencyCounts: new Uint32Array(BUCKETS),
    };
    countsByCoupon.set(path, counts);
    return counts;
  };
  const addOfCoupon = (events: readonly DecidedEvent[]) => {
    const [first, last] = [events[0], events.at(-1)];
    // A board reads a new coupon from Redis.
    if (first === undefined || last === undefined || last.type === 'CouponCreated') return;
    const counts = countsOf(last.coupon);
    if (counts === undefined) return;
    const { version, occurredAt, data } = last;
    if (version > (counts.latest?.version ?? 0)) counts.latest = { version, left: data.left };
    if (last.type !== 'CouponGrabbed') {
      const change = changeOf(last);
      if (change !== undefined && counts.changes.length < MAX_CHANGES) counts.changes.push({ version, ...change });
      return;
    }
    counts.firstAt = Math.min(counts.firstAt, first.occurredAt);
    counts.lastAt = Math.max(counts.lastAt, occurredAt);
    const minute = minuteOf(occurredAt);
    if (version > (counts.lastGrabs.get(minute)?.version ?? 0))
      counts.lastGrabs.set(minute, { version, left: data.left });
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
      for (const ofCoupon of groupBy(events, ({ coupon }) => coupon.id).values()) addOfCoupon(ofCoupon);
    },
    take() {
      const taken = [...countsByCoupon.values()];
      countsByCoupon = new Map();
      return taken.map(({ seller, name, latest, firstAt, lastAt, lastGrabs, changes, tries, latencyCounts }) => ({
        seller,
        name,
        ...latest,
        ...(lastGrabs.size > 0 && {
          sale: {
            first: firstAt,
            last: lastAt,
            lastGrabs: [...lastGrabs].map(([minute, { version, left }]): [number, number, number] => [
              minute,
              version,
              left,
            ]),
          },
        }),
        changes,
        tries,
        took: [...latencyCounts.entries()].filter(([, times]) => times > 0),
      }));
    },
  };
}

/** Undefined for events about a piece that change neither the pieces offered nor the coupon. */
function changeOf(
  event: Exclude<DecidedEvent, CouponGrabbed | CouponCreated>,
): Omit<CouponChange, 'version'> | undefined {
  switch (event.type) {
    case 'GrabReleased':
      return { added: 1 };
    case 'CouponRestocked':
      return { added: event.data.added, amount: event.data.amount };
    case 'CouponPaused':
      return { phase: 'paused' };
    case 'CouponResumed':
      return { phase: 'open' };
    case 'CouponClosed':
      return { phase: 'closed' };
    case 'TermsChanged': {
      const { stock, startsAt, endsAt } = event.data;
      return { terms: { stock, startsAt, endsAt } };
    }
    case 'CouponRedeemed':
    case 'RedemptionUndone':
      return undefined;
    default:
      return unreachable(event);
  }
}
