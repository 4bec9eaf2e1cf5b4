import type { NewestCoupon } from '../queries/readNewestCoupons.ts';
import { addTally, type BoardCoupon, grabbedOf, liveCoupon, newCoupon, setState, updateStatus } from './boardCoupon.ts';
import type { LiveFigures, LiveSnapshot, RehearsalProgress, SystemFigures } from './figures.ts';
import type { SaleHistory } from './saleCourse.ts';
import type { CouponTally } from './tally.ts';

/** A board has the newest coupons of its seller. Older coupons have no live figures. */
export const MAX_COUPONS = 100;
/** Tallies of coupons that the board does not have yet wait for its next refresh; further ones are dropped. */
const MAX_PENDING = 200;
/** A running rehearsal reports five times a second; after this silence its process is assumed dead. */
const REHEARSAL_SILENCE_MS = 5_000;

/**
 * The live figures of one seller. Each event is built once and sent to all listeners of the seller. `now` is in microseconds since 1970
 * on the clock of Redis.
 */
export interface Board {
  seller: string;
  /** Takes over the state that was read from Redis; counts are kept. */
  refresh(state: { coupons: readonly NewestCoupon[]; total: number }): void;
  /** The pieces grabbed of each coupon whose history must be read, by the coupon's id. */
  incomplete(): Map<string, number>;
  /**
   * Takes over what was read from MySQL. `grabbed`: the result of `incomplete` before the reading. `isFinal`: the outbox was empty in
   * between, so MySQL had all these grabs.
   */
  addHistories(histories: Map<string, SaleHistory>, grabbed: Map<string, number>, isFinal: boolean): void;
  add(tally: CouponTally): void;
  setRehearsal(progress: RehearsalProgress): void;
  /** The changes since the last call as a `figures` event; undefined when there are none. */
  takeChanges(system: SystemFigures, now: number): string | undefined;
  /** All figures as a `snapshot` event. */
  snapshot(system: SystemFigures, now: number): string;
}

const eventText = (name: string, data: object) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;

export function createBoard(seller: string, mayRehearse: boolean): Board {
  const countedSince = Date.now();
  let couponsByName = new Map<string, BoardCoupon>();
  let pending: CouponTally[] = [];
  let total = 0;
  let totalChanged = false;
  let rehearsal: RehearsalProgress | null = null;
  let rehearsalChanged = false;
  let rehearsalReportedAt = 0;
  let lastSentSystem = '';

  const figures = (system: SystemFigures, coupons: BoardCoupon[], now: number): LiveFigures => ({
    at: Date.now(),
    clock: now / 1_000,
    ...system,
    rehearsal,
    total,
    coupons: coupons.map((coupon) => liveCoupon(coupon, now)),
  });
  const endSilentRehearsal = () => {
    if (!rehearsal?.running || performance.now() - rehearsalReportedAt < REHEARSAL_SILENCE_MS) return;
    rehearsal = { ...rehearsal, running: false };
    rehearsalChanged = true;
  };

  return {
    seller,
    refresh({ coupons, total: newTotal }) {
      const before = couponsByName;
      totalChanged ||= total !== newTotal;
      total = newTotal;
      couponsByName = new Map(
        coupons.map((state) => {
          const known = before.get(state.name);
          if (known === undefined) return [state.name, newCoupon(state)];
          // A message was lost: what this board knew before this refresh should have its time by now.
          if (known.course.counted() < grabbedOf(known)) known.isComplete = false;
          setState(known, state);
          return [state.name, known];
        }),
      );
      for (const tally of pending) {
        const coupon = couponsByName.get(tally.name);
        if (coupon !== undefined) addTally(coupon, tally);
      }
      pending = [];
    },
    incomplete: () =>
      new Map(
        [...couponsByName.values()].filter(({ isComplete }) => !isComplete).map((one) => [one.id, grabbedOf(one)]),
      ),
    addHistories(histories, grabbed, isFinal) {
      for (const coupon of couponsByName.values()) {
        const history = histories.get(coupon.id);
        if (history === undefined) continue;
        const inHistory = history.minutes.reduce((sum, { grabs }) => sum + grabs, history.before);
        const missing = Math.max(0, (grabbed.get(coupon.id) ?? 0) - inHistory);
        coupon.course.addHistory(history, isFinal ? missing : 0);
        coupon.isComplete = isFinal;
        coupon.changed = true;
      }
    },
    add(tally) {
      const coupon = couponsByName.get(tally.name);
      if (coupon !== undefined) addTally(coupon, tally);
      else if (pending.length < MAX_PENDING) pending.push(tally);
    },
    setRehearsal(progress) {
      rehearsal = progress;
      rehearsalChanged = true;
      rehearsalReportedAt = performance.now();
    },
    takeChanges(system, now) {
      endSilentRehearsal();
      for (const coupon of couponsByName.values()) updateStatus(coupon, now);
      const changed = [...couponsByName.values()].filter((coupon) => coupon.changed);
      const currentSystem = JSON.stringify(system);
      if (changed.length === 0 && !rehearsalChanged && !totalChanged && currentSystem === lastSentSystem)
        return undefined;
      lastSentSystem = currentSystem;
      rehearsalChanged = false;
      totalChanged = false;
      const text = eventText('figures', figures(system, changed, now));
      for (const coupon of changed) coupon.changed = false;
      return text;
    },
    snapshot: (system, now) =>
      eventText('snapshot', {
        ...figures(system, [...couponsByName.values()], now),
        seller,
        countedSince,
        mayRehearse,
      } satisfies LiveSnapshot),
  };
}
