import type { CouponState } from '../queries/readNewestCoupons.ts';
import type { LiveCoupon, LiveFigures, LiveSnapshot, RehearsalProgress, SystemFigures } from './figures.ts';
import { BUCKETS, percentileOf } from './latencyBuckets.ts';
import type { CouponTally } from './tally.ts';

/** A board has the newest coupons of its seller. Older coupons have no live figures. */
export const MAX_COUPONS = 100;
/** Tallies of coupons that the board does not have yet wait for its next refresh; further ones are dropped. */
const MAX_PENDING = 200;
/** Percentiles cover the current window and the one before it. */
const WINDOW_MS = 10_000;
/** A running rehearsal reports five times a second; after this silence its process is assumed dead. */
const REHEARSAL_SILENCE_MS = 5_000;

interface BoardCoupon extends CouponState {
  tries: number[];
  /** Counts of the current window and of the one before. Allocated at the first attempt: most coupons have none. */
  latencyCounts: [Uint32Array, Uint32Array] | undefined;
  windowStartedAt: number;
  changed: boolean;
}

/** The live figures of one seller. Each event is built once and sent to all listeners of the seller. */
export interface Board {
  seller: string;
  /** Takes over the state that was read from Redis; counts are kept. */
  refresh(coupons: readonly CouponState[]): void;
  add(tally: CouponTally): void;
  setRehearsal(progress: RehearsalProgress): void;
  /** The changes since the last call as a `figures` event; undefined when there are none. */
  takeChanges(system: SystemFigures): string | undefined;
  /** All figures as a `snapshot` event. */
  snapshot(system: SystemFigures): string;
}

const eventText = (name: string, data: object) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;

export function createBoard(seller: string, mayRehearse: boolean): Board {
  const countedSince = Date.now();
  let couponsByName = new Map<string, BoardCoupon>();
  let pending: CouponTally[] = [];
  let rehearsal: RehearsalProgress | null = null;
  let rehearsalChanged = false;
  let rehearsalReportedAt = 0;
  let lastSentSystem = '';

  const figures = (system: SystemFigures, coupons: BoardCoupon[]): LiveFigures => ({
    at: Date.now(),
    ...system,
    rehearsal,
    coupons: coupons.map(liveCoupon),
  });
  const endSilentRehearsal = () => {
    if (!rehearsal?.running || performance.now() - rehearsalReportedAt < REHEARSAL_SILENCE_MS) return;
    rehearsal = { ...rehearsal, running: false };
    rehearsalChanged = true;
  };
  const addTo = (coupon: BoardCoupon, { left, version, tries, took }: CouponTally) => {
    coupon.changed = true;
    // Events can arrive twice and late, so only a higher version replaces `left`.
    if (left !== undefined && version !== undefined && version > coupon.version)
      Object.assign(coupon, { left, version });
    coupon.tries = coupon.tries.map((sum, index) => sum + (tries[index] ?? 0));
    if (took.length === 0) return;
    const window = currentWindow(coupon, performance.now());
    for (const [bucket, count] of took) window[bucket] = (window[bucket] ?? 0) + count;
  };

  return {
    seller,
    refresh(coupons) {
      const before = couponsByName;
      couponsByName = new Map(
        coupons.map((state) => {
          const known = before.get(state.name);
          if (known === undefined) return [state.name, newCoupon(state)];
          if (state.version > known.version || state.amount !== known.amount)
            Object.assign(known, state, { changed: true });
          return [state.name, known];
        }),
      );
      for (const tally of pending) {
        const coupon = couponsByName.get(tally.name);
        if (coupon !== undefined) addTo(coupon, tally);
      }
      pending = [];
    },
    add(tally) {
      const coupon = couponsByName.get(tally.name);
      if (coupon !== undefined) addTo(coupon, tally);
      else if (pending.length < MAX_PENDING) pending.push(tally);
    },
    setRehearsal(progress) {
      rehearsal = progress;
      rehearsalChanged = true;
      rehearsalReportedAt = performance.now();
    },
    takeChanges(system) {
      endSilentRehearsal();
      const changed = [...couponsByName.values()].filter((coupon) => coupon.changed);
      const currentSystem = JSON.stringify(system);
      if (changed.length === 0 && !rehearsalChanged && currentSystem === lastSentSystem) return undefined;
      lastSentSystem = currentSystem;
      rehearsalChanged = false;
      const text = eventText('figures', figures(system, changed));
      for (const coupon of changed) coupon.changed = false;
      return text;
    },
    snapshot: (system) =>
      eventText('snapshot', {
        ...figures(system, [...couponsByName.values()]),
        seller,
        countedSince,
        mayRehearse,
      } satisfies LiveSnapshot),
  };
}

const newCoupon = (state: CouponState): BoardCoupon => ({
  ...state,
  tries: [0, 0, 0, 0],
  latencyCounts: undefined,
  windowStartedAt: 0,
  changed: true,
});

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

function liveCoupon({ name, amount, stock, left, tries, latencyCounts }: BoardCoupon): LiveCoupon {
  const [grabbed = 0, soldOut = 0, alreadyGrabbed = 0, unknown = 0] = tries;
  const p50 = latencyCounts && percentileOf(latencyCounts, 0.5);
  const p99 = latencyCounts && percentileOf(latencyCounts, 0.99);
  const latency = p50 === undefined || p99 === undefined ? null : { p50, p99 };
  return { name, amount, stock, left, tries: { grabbed, soldOut, alreadyGrabbed, unknown }, latency };
}
