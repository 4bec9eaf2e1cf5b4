import { type SaleStatus, statusOf } from '../coupon/state.ts';
import type { NewestCoupon } from '../queries/readNewestCoupons.ts';
import type { LiveCoupon } from './figures.ts';
import { BUCKETS, percentileOf } from './latencyBuckets.ts';
import { createOfferedPieces, type OfferedPieces } from './offeredPieces.ts';
import { createSaleCourse, type SaleCourse } from './saleCourse.ts';
import { type CouponChange, type CouponTally, countedOutcomes } from './tally.ts';

/** Percentiles cover the current window and the one before it. */
const WINDOW_MS = 10_000;

/** One coupon of a board. */
export interface BoardCoupon extends NewestCoupon {
  offered: OfferedPieces;
  course: SaleCourse;
  /** False while MySQL may have grabs that the course lacks. */
  isComplete: boolean;
  /** The version of the event that each of these fields is from, because events can arrive in another order. */
  changedBy: Record<'amount' | 'phase' | 'terms', number>;
  /** The status that was last streamed. */
  status: SaleStatus | undefined;
  tries: number[];
  /** Counts of the current window and of the one before. Allocated at the first attempt: most coupons have none. */
  latencyCounts: [Uint32Array, Uint32Array] | undefined;
  windowStartedAt: number;
  changed: boolean;
}

/** Every piece that was offered and is not left was grabbed. A recount gives the pieces back that no customer got. */
export const grabbedOf = ({ offered, version, left }: Pick<BoardCoupon, 'offered' | 'version' | 'left'>) =>
  Math.max(0, offered.at(version) - left);
const offeredIn = ({ amount, released }: NewestCoupon) => amount + released;

export function newCoupon(state: NewestCoupon): BoardCoupon {
  const offered = createOfferedPieces(state.version, offeredIn(state));
  const grabbed = grabbedOf({ ...state, offered });
  return {
    ...state,
    offered,
    course: createSaleCourse(grabbed, offered),
    isComplete: grabbed === 0,
    changedBy: changedBy(state.version),
    status: undefined,
    tries: countedOutcomes.map(() => 0),
    latencyCounts: undefined,
    windowStartedAt: 0,
    changed: true,
  };
}
const changedBy = (version: number) => ({ amount: version, phase: version, terms: version });

/** Takes over what was read from Redis, unless an event that is newer has arrived since. */
export function setState(coupon: BoardCoupon, state: NewestCoupon): void {
  if (state.version < coupon.version) return;
  coupon.offered.setSum(state.version, offeredIn(state));
  coupon.offered.forgetBefore(coupon.course.oldestOpen() ?? state.version);
  const isDifferent = Object.entries(state).some(([field, value]) => coupon[field as keyof NewestCoupon] !== value);
  Object.assign(coupon, state, { changedBy: changedBy(state.version) });
  coupon.changed ||= isDifferent;
}

function addChange(coupon: BoardCoupon, { version, added, amount, phase, terms }: CouponChange): void {
  if (added !== undefined) coupon.offered.add(version, added);
  const isNewer = (field: keyof BoardCoupon['changedBy']) => {
    if (version <= coupon.changedBy[field]) return false;
    coupon.changedBy[field] = version;
    return true;
  };
  if (amount !== undefined && isNewer('amount')) coupon.amount = amount;
  if (phase !== undefined && isNewer('phase')) coupon.phase = phase;
  if (terms !== undefined && isNewer('terms'))
    Object.assign(coupon, { stock: terms.stock, startsAt: terms.startsAt, endsAt: terms.endsAt });
}

export function addTally(coupon: BoardCoupon, { left, version, sale, changes, tries, took }: CouponTally): void {
  coupon.changed = true;
  for (const change of changes) addChange(coupon, change);
  if (sale !== undefined) {
    coupon.course.addTimes(sale.first, sale.last);
    for (const [minute, grab, leftThen] of sale.lastGrabs) coupon.course.addGrab(minute, grab, leftThen);
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

/** The coupon needs to be streamed again when the clock of Redis passes a limit of its sale. `now` is in microseconds since 1970. */
export function updateStatus(coupon: BoardCoupon, now: number): void {
  const status = statusOf(coupon, now);
  if (status === coupon.status) return;
  coupon.status = status;
  coupon.changed = true;
}

const toMs = (microseconds: number | undefined) => (microseconds === undefined ? null : microseconds / 1_000);

/** `now`: microseconds since 1970 on the clock of Redis. */
export function liveCoupon(coupon: BoardCoupon, now: number): LiveCoupon {
  const { name, amount, stock, left, redeemed, perCustomer, phase, tries, latencyCounts, course, isComplete } = coupon;
  const [grabbed = 0, soldOut = 0, alreadyGrabbed = 0, unknown = 0, notStarted = 0, paused = 0, ended = 0, closed = 0] =
    tries;
  const p50 = latencyCounts && percentileOf(latencyCounts, 0.5);
  const p99 = latencyCounts && percentileOf(latencyCounts, 0.99);
  const latency = p50 === undefined || p99 === undefined ? null : { p50, p99 };
  return {
    name,
    amount,
    stock,
    left,
    grabbed: grabbedOf(coupon),
    released: Math.max(0, coupon.offered.at(coupon.version) - amount),
    redeemed,
    perCustomer,
    phase,
    status: statusOf(coupon, now),
    startsAt: toMs(coupon.startsAt),
    endsAt: toMs(coupon.endsAt),
    sale: { ...course.figures(grabbedOf(coupon)), complete: isComplete },
    tries: { grabbed, soldOut, alreadyGrabbed, unknown, notStarted, paused, ended, closed },
    latency,
  };
}
