import type { CouponState } from '../queries/readNewestCoupons.ts';
import type { LiveCoupon } from './figures.ts';
import { BUCKETS, percentileOf } from './latencyBuckets.ts';
import { createSaleCourse, type SaleCourse } from './saleCourse.ts';
import type { CouponTally } from './tally.ts';

/** Percentiles cover the current window and the one before it. */
const WINDOW_MS = 10_000;

/** One coupon of a board. */
export interface BoardCoupon extends CouponState {
  course: SaleCourse;
  /** False while MySQL may have grabs that the course lacks. */
  isComplete: boolean;
  tries: number[];
  /** Counts of the current window and of the one before. Allocated at the first attempt: most coupons have none. */
  latencyCounts: [Uint32Array, Uint32Array] | undefined;
  windowStartedAt: number;
  changed: boolean;
}

/** Every version that takes a piece away is a grab, and a recount gives the pieces back that nobody got. */
export const grabbedOf = ({ amount, left }: CouponState) => amount - left;

export const newCoupon = (state: CouponState): BoardCoupon => ({
  ...state,
  course: createSaleCourse(grabbedOf(state)),
  isComplete: grabbedOf(state) === 0,
  tries: [0, 0, 0, 0],
  latencyCounts: undefined,
  windowStartedAt: 0,
  changed: true,
});

export function addTally(coupon: BoardCoupon, { left, version, sale, tries, took }: CouponTally): void {
  coupon.changed = true;
  if (sale !== undefined) {
    coupon.course.addTimes(sale.first, sale.last);
    for (const [minute, leftThen] of sale.leftByMinute) coupon.course.addMinute(minute, coupon.amount - leftThen);
  }
  // Events can arrive twice and late, so only a higher version replaces `left`.
  if (left !== undefined && version !== undefined && version > coupon.version) Object.assign(coupon, { left, version });
  coupon.tries = coupon.tries.map((sum, index) => sum + (tries[index] ?? 0));
  if (took.length === 0) return;
  const window = currentWindow(coupon, performance.now());
  for (const [bucket, count] of took) window[bucket] = (window[bucket] ?? 0) + count;
}

/** The window to count in. Old counts are dropped only when a new attempt arrives, so the figures of a finished sale stay visible. */
function currentWindow(coupon: BoardCoupon, now: number): Uint32Array {
  coupon.latencyCounts ??= [new Uint32Array(BUCKETS), new Uint32Array(BUCKETS)];
  const age = now - coupon.windowStartedAt;
  if (age > WINDOW_MS) {
    const [current] = coupon.latencyCounts;
    const previous = age > 2 * WINDOW_MS ? new Uint32Array(BUCKETS) : current;
    coupon.latencyCounts = [new Uint32Array(BUCKETS), previous];
    coupon.windowStartedAt = now;
  }
  return coupon.latencyCounts[0];
}

export function liveCoupon(coupon: BoardCoupon): LiveCoupon {
  const { name, amount, stock, left, tries, latencyCounts, course, isComplete } = coupon;
  const [grabbed = 0, soldOut = 0, alreadyGrabbed = 0, unknown = 0] = tries;
  const p50 = latencyCounts && percentileOf(latencyCounts, 0.5);
  const p99 = latencyCounts && percentileOf(latencyCounts, 0.99);
  const latency = p50 === undefined || p99 === undefined ? null : { p50, p99 };
  return {
    name,
    amount,
    stock,
    left,
    grabbed: grabbedOf(coupon),
    sale: { ...course.figures(), complete: isComplete },
    tries: { grabbed, soldOut, alreadyGrabbed, unknown },
    latency,
  };
}
