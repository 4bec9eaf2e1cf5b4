import type { LiveCoupon } from './figures.ts';
import type { OfferedPieces } from './offeredPieces.ts';

/** Minutes with grabs that are kept for a coupon; older ones are only part of the sum. */
export const MAX_MINUTES = 60;
/** After so many minutes, every message about a grab should have arrived. */
const MINUTES_OF_MESSAGES = 2;

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
  /** A grab of this minute: its version, and the pieces left after it. */
  addGrab(minute: number, version: number, left: number): void;
  addTimes(first: number, last: number): void;
  /** `missing`: grabs that the history lacks because they are older than its projection. */
  addHistory(history: SaleHistory, missing: number): void;
  /** The pieces whose time is known. */
  counted(): number;
  /** The version of the oldest grab whose number of pieces is still open; undefined when there is none. */
  oldestOpen(): number | undefined;
  /** `grabbed`: the pieces grabbed until now. A minute seems to have more while the message about a restock before it is missing. */
  figures(grabbed: number): Omit<LiveCoupon['sale'], 'complete'>;
}

/**
 * Every number that comes in is a total and not a difference, and the highest wins. So events may arrive twice, late or never, and what
 * MySQL has can be added at any time. `before`: pieces that were grabbed before the first minute. `offered` is asked when the figures
 * are read, because a restock or release may arrive after the grabs that follow it.
 */
export function createSaleCourse(before: number, offered: Pick<OfferedPieces, 'at'>): SaleCourse {
  /** By the end of each minute. */
  const grabbedBy = new Map<number, number>();
  /** The last grab of each of the newest minutes, as far as one message says. */
  const lastGrabs = new Map<number, { version: number; left: number }>();
  let base = before;
  let firstGrabAt = Number.POSITIVE_INFINITY;
  let lastGrabAt = 0;

  const addTotal = (minute: number, grabbed: number) => {
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
  /** The totals by minute, oldest first. */
  const totals = () => {
    const all = new Map(grabbedBy);
    for (const [minute, { version, left }] of lastGrabs)
      all.set(minute, Math.max(offered.at(version) - left, all.get(minute) ?? 0));
    return [...all].sort(([a], [b]) => a - b);
  };
  return {
    addGrab(minute, version, left) {
      if (version > (lastGrabs.get(minute)?.version ?? 0)) lastGrabs.set(minute, { version, left });
      const newest = Math.max(...lastGrabs.keys());
      for (const [old, grab] of lastGrabs) {
        if (old > newest - MINUTES_OF_MESSAGES) continue;
        addTotal(old, offered.at(grab.version) - grab.left);
        lastGrabs.delete(old);
      }
    },
    addTimes,
    addHistory(history, missing) {
      base = history.before + missing;
      let grabbed = base;
      for (const { minute, grabs } of history.minutes) {
        grabbed += grabs;
        addTotal(minute, grabbed);
      }
      if (history.times !== undefined) addTimes(history.times.first, history.times.last);
    },
    counted: () => Math.max(base, ...totals().map(([, grabbed]) => grabbed)),
    oldestOpen() {
      const versions = [...lastGrabs.values()].map(({ version }) => version);
      return versions.length === 0 ? undefined : Math.min(...versions);
    },
    figures(grabbedNow) {
      let grabbed = base;
      const minutes = totals()
        .map(([minute, total]) => {
          const grabs = Math.max(0, Math.min(total, grabbedNow) - grabbed);
          grabbed += grabs;
          return { minute, grabs };
        })
        .filter(({ grabs }) => grabs > 0)
        .slice(-MAX_MINUTES);
      const wasGrabbed = lastGrabAt > 0;
      return {
        firstGrabAt: wasGrabbed ? firstGrabAt / 1_000 : null,
        lastGrabAt: wasGrabbed ? lastGrabAt / 1_000 : null,
        minutes,
      };
    },
  };
}
