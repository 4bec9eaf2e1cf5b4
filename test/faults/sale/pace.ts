import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from './random.ts';

/** Longer than the longest pause, so that every client has ended its pause. */
const RUSH_MS = 120;

/** How long clients pause between two grabs. */
export interface Pace {
  /** Ends all pauses for a moment; resolves in the middle of it, with a request under way on every connection. */
  rush(): Promise<void>;
  pauseMs(): number;
}

export function createPace(random: Random): Pace {
  let rushUntil = 0;
  return {
    async rush() {
      rushUntil = performance.now() + RUSH_MS + 50;
      await sleep(RUSH_MS);
    },
    pauseMs: () => (performance.now() < rushUntil ? 0 : random.int(20, 90)),
  };
}
