import { NewerRelease } from '../../newerRelease.ts';
import type { Log } from './log.ts';

const LINES_A_MINUTE = 20;
/** Longer than the relay and a subscription take between two attempts. */
const COUNTED_MS = 10_000;
const MAX_COUNTED = 10_000;

/** What this process has met and leaves to a process of a newer release. */
export interface NewerReleases {
  /**
   * Counts what was met again, and logs it the first time, at most twenty times a minute; `place` names the entry or the reader. Any other
   * error has no effect.
   */
  note(place: string, error: unknown): void;
  /** The number of places that were met within the last seconds. */
  count(): number;
}

export function createNewerReleases(log: Log): NewerReleases {
  const met = new Map<string, number>();
  const forget = () => {
    const since = performance.now() - COUNTED_MS;
    // The oldest first: a Map keeps the order of insertion.
    for (const [place, at] of met) {
      if (at >= since && met.size <= MAX_COUNTED) return;
      met.delete(place);
    }
  };
  let lines = 0;
  let minute = 0;
  const mayLog = () => {
    const now = Math.floor(performance.now() / 60_000);
    if (now !== minute) [minute, lines] = [now, 0];
    return lines++ < LINES_A_MINUTE;
  };
  return {
    note(place, error) {
      if (!(error instanceof NewerRelease)) return;
      const isKnown = met.delete(place);
      met.set(place, performance.now());
      forget();
      if (!isKnown && mayLog()) log.error({ err: error, place }, 'left to a process of a newer release');
    },
    count() {
      forget();
      return met.size;
    },
  };
}
