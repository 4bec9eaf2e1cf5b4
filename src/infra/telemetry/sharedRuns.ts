import { setTimeout as sleep } from 'node:timers/promises';

/** The pause after a run, as a multiple of its duration: runs then take at most a tenth of the time, however many callers there are. */
const PAUSE_FACTOR = 9;
/** A run that waited for a store or another process took long without work. */
const PAUSE_MAX_MS = 100;

/**
 * Callers during a run, or during the pause after it, share the next run. Each gets the result of a run that began after its call, so a
 * shared result is never older than the question.
 */
export function shareRuns<T>(run: () => Promise<T>): () => Promise<T> {
  let next: Promise<T> | undefined;
  let pauseEnds: Promise<unknown> = Promise.resolve();
  const runAndPause = () => {
    next = undefined;
    const began = performance.now();
    const result = run();
    const pause = () => {
      const ms = Math.min(PAUSE_MAX_MS, PAUSE_FACTOR * (performance.now() - began));
      return sleep(ms, undefined, { ref: false });
    };
    pauseEnds = result.then(pause, pause);
    return result;
  };
  return () => {
    next ??= pauseEnds.then(runAndPause);
    return next;
  };
}
