import type { CouponState } from '../queries/readNewestCoupons.ts';
import type { LiveCoupon, LiveFigures, LiveSnapshot, RehearsalProgress, SystemFigures } from './figures.ts';
import { BUCKETS, percentileOf } from './latencyBuckets.ts';
import type { TalliedCoupon } from './tally.ts';

/** Of one seller, the newest. Older ones are in the lists, without live figures. */
export const MAX_COUPONS = 100;
/** Told of coupons that the board does not know yet, until it is refreshed. */
const MAX_HELD = 200;
/** Percentiles are of the last one to two of these in which somebody tried. */
const WINDOW_MS = 10_000;
/** One that runs is told of five times a second. */
const REHEARSAL_SILENCE_MS = 5_000;

interface Shown extends CouponState {
  tries: number[];
  /** This window and the one before. Absent while nobody has tried: most coupons of a board are quiet. */
  took: [Uint32Array, Uint32Array] | undefined;
  windowSince: number;
  changed: boolean;
}

/** What the listeners of one seller see. Its texts are made once and sent to all of them. */
export interface Board {
  seller: string;
  /** Takes what Redis says, which is never wrong; counts stay. */
  refresh(coupons: readonly CouponState[]): void;
  hear(tallied: TalliedCoupon): void;
  hearRehearsal(progress: RehearsalProgress): void;
  /** As one event of the stream; undefined when nothing has changed since it was last asked. */
  takeChanges(system: SystemFigures): string | undefined;
  whole(system: SystemFigures): string;
}

const eventText = (name: string, data: object) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;

export function createBoard(seller: string, mayRehearse: boolean): Board {
  const countedSince = Date.now();
  let shown = new Map<string, Shown>();
  let held: TalliedCoupon[] = [];
  let rehearsal: RehearsalProgress | null = null;
  let rehearsalChanged = false;
  let rehearsalHeardAt = 0;
  let told = '';

  const figures = (system: SystemFigures, coupons: Shown[]): LiveFigures => ({
    at: Date.now(),
    ...system,
    rehearsal,
    coupons: coupons.map(liveCoupon),
  });
  // Its process may have died without a word.
  const endSilentRehearsal = () => {
    if (!rehearsal?.running || performance.now() - rehearsalHeardAt < REHEARSAL_SILENCE_MS) return;
    rehearsal = { ...rehearsal, running: false };
    rehearsalChanged = true;
  };
  const hear = (coupon: Shown, { left, version, tries, took }: TalliedCoupon) => {
    coupon.changed = true;
    // Deliveries may come again, and late: the highest version has the last word.
    if (left !== undefined && version !== undefined && version > coupon.version)
      Object.assign(coupon, { left, version });
    coupon.tries = coupon.tries.map((sum, place) => sum + (tries[place] ?? 0));
    if (took.length === 0) return;
    const window = windowOf(coupon, performance.now());
    for (const [bucket, times] of took) window[bucket] = (window[bucket] ?? 0) + times;
  };

  return {
    seller,
    refresh(coupons) {
      const before = shown;
      shown = new Map(
        coupons.map((state) => {
          const known = before.get(state.name);
          if (known === undefined) return [state.name, newlyShown(state)];
          if (state.version > known.version || state.amount !== known.amount)
            Object.assign(known, state, { changed: true });
          return [state.name, known];
        }),
      );
      for (const tallied of held) {
        const coupon = shown.get(tallied.name);
        if (coupon !== undefined) hear(coupon, tallied);
      }
      held = [];
    },
    hear(tallied) {
      const coupon = shown.get(tallied.name);
      if (coupon !== undefined) hear(coupon, tallied);
      else if (held.length < MAX_HELD) held.push(tallied);
    },
    hearRehearsal(progress) {
      rehearsal = progress;
      rehearsalChanged = true;
      rehearsalHeardAt = performance.now();
    },
    takeChanges(system) {
      endSilentRehearsal();
      const changed = [...shown.values()].filter((coupon) => coupon.changed);
      const systemNow = JSON.stringify(system);
      if (changed.length === 0 && !rehearsalChanged && systemNow === told) return undefined;
      told = systemNow;
      rehearsalChanged = false;
      const text = eventText('figures', figures(system, changed));
      for (const coupon of changed) coupon.changed = false;
      return text;
    },
    whole: (system) =>
      eventText('snapshot', {
        ...figures(system, [...shown.values()]),
        seller,
        countedSince,
        mayRehearse,
      } satisfies LiveSnapshot),
  };
}

const newlyShown = (state: CouponState): Shown => ({
  ...state,
  tries: [0, 0, 0, 0],
  took: undefined,
  windowSince: 0,
  changed: true,
});

/** Where what arrives now is counted. What is too old goes when something new comes, so that a sale's figures stay on the screen. */
function windowOf(coupon: Shown, now: number): Uint32Array {
  coupon.took ??= [new Uint32Array(BUCKETS), new Uint32Array(BUCKETS)];
  const age = now - coupon.windowSince;
  if (age > WINDOW_MS) {
    const [current] = coupon.took;
    const before = age > 2 * WINDOW_MS ? new Uint32Array(BUCKETS) : current;
    coupon.took = [new Uint32Array(BUCKETS), before];
    coupon.windowSince = now;
  }
  return coupon.took[0];
}

function liveCoupon({ name, amount, stock, left, tries, took }: Shown): LiveCoupon {
  const [grabbed = 0, soldOut = 0, alreadyGrabbed = 0, unknown = 0] = tries;
  const p50 = took && percentileOf(took, 0.5);
  const p99 = took && percentileOf(took, 0.99);
  const latency = p50 === undefined || p99 === undefined ? null : { p50, p99 };
  return { name, amount, stock, left, tries: { grabbed, soldOut, alreadyGrabbed, unknown }, latency };
}
