import type { LiveCoupon } from './figures.ts';

/** Minutes with grabs that are kept for a coupon; older ones are only part of the sum. */
export const MAX_MINUTES = 60;

export const minuteOf = (microseconds: number) => Math.floor(microseconds / 60_000_000);

/** What MySQL knows of the course of a coupon's sale. */
export interface SaleHistory {
  /** The newest minutes with grabs, oldest first, in minutes since 1970. */
  minutes: { minute: number; grabs: number }[];
  /** Grabs before these minutes. */
  before: number;
  /** First and last grab in microseconds since 1970; absent without a grab. */
  times?: { first: number; last: number };
}

/** When the pieces of one coupon were grabbed. Times are microseconds since 1970 on the clock of Redis. */
export interface SaleCourse {
  /** `grabbed`: the pieces grabbed by the end of this minute, as far as one event tells. */
  addMinute(minute: number, grabbed: number): void;
  addTimes(first: number, last: number): void;
  /** `missing`: grabs that the history lacks because they are older than its projection. */
  addHistory(history: SaleHistory, missing: number): void;
  /** The pieces whose time is known. */
  counted(): number;
  figures(): Omit<LiveCoupon['sale'], 'complete'>;
}

/**
 * Every number that comes in is a total and not a difference, and the highest wins. So events may arrive twice, late or never, and what
 * MySQL has can be added at any time. `before`: pieces that were grabbed before the first minute.
 */
export function createSaleCourse(before: number): SaleCourse {
  const grabbedBy = new Map<number, number>();
  let base = before;
  let firstGrabAt = Number.POSITIVE_INFINITY;
  let lastGrabAt = 0;

  const addMinute = (minute: number, grabbed: number) => {
    grabbedBy.set(minute, Math.max(grabbed, grabbedBy.get(minute) ?? 0));
    if (grabbedBy.size <= MAX_MINUTES) return;
    const oldest = Math.min(...grabbedBy.keys());
    base = Math.max(base, grabbedBy.get(oldest) ?? 0);
    grabbedBy.delete(oldest);
  };
  const addTimes = (first: number, last: number) => {
    firstGrabAt = Math.min(firstGrabAt, first);
    lastGrabAt = Math.max(lastGrabAt, last);
  };
  return {
    addMinute,
    addTimes,
    addHistory(history, missing) {
      base = history.before + missing;
      let grabbed = base;
      for (const { minute, grabs } of history.minutes) {
        grabbed += grabs;
        addMinute(minute, grabbed);
      }
      if (history.times !== undefined) addTimes(history.times.first, history.times.last);
    },
    counted: () => Math.max(base, ...grabbedBy.values()),
    figures() {
      let grabbed = base;
      const minutes = [...grabbedBy]
        .sort(([a], [b]) => a - b)
        .map(([minute, total]) => {
          const grabs = Math.max(0, total - grabbed);
          grabbed += grabs;
          return { minute, grabs };
        })
        .filter(({ grabs }) => grabs > 0);
      const wasGrabbed = lastGrabAt > 0;
      return {
        firstGrabAt: wasGrabbed ? firstGrabAt / 1_000 : null,
        lastGrabAt: wasGrabbed ? lastGrabAt / 1_000 : null,
        minutes,
      };
    },
  };
}
