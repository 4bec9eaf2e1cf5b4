import { Unavailable } from '../unavailable.ts';

/** The weight of the newest duration in the moving average: a burst corrects the estimate within some twenty hashes. */
const NEWEST_WEIGHT = 0.1;

export interface HashLine {
  /** Runs the work when its turn comes; throws Unavailable at once while the line is full. */
  run<T>(work: () => Promise<T>): Promise<T>;
}

/**
 * Runs password hashes first come, first served: at most `threads` at a time, with at most `maxWaiting` behind them.
 * `expectedMs` is the duration of one hash until the first ones are measured with `now`, in milliseconds.
 */
export function createHashLine({
  threads,
  maxWaiting,
  expectedMs,
  now = () => performance.now(),
}: {
  threads: number;
  maxWaiting: number;
  expectedMs: number;
  now?: () => number;
}): HashLine {
  const waiting: (() => void)[] = [];
  let running = 0;
  let meanMs = expectedMs;

  const secondsToDrain = () => Math.max(1, Math.ceil(((waiting.length + running) * meanMs) / threads / 1_000));
  const ownTurn = () => new Promise<void>((resolve) => waiting.push(resolve));

  return {
    async run(work) {
      // A finished hash passes its place on to the first that waits, so `running` stays as it is and no newcomer overtakes.
      if (running < threads) running++;
      else if (waiting.length < maxWaiting) await ownTurn();
      else throw new Unavailable('too many log-ins at once', secondsToDrain());
      const started = now();
      try {
        return await work();
      } finally {
        meanMs += NEWEST_WEIGHT * (now() - started - meanMs);
        const next = waiting.shift();
        if (next === undefined) running--;
        else next();
      }
    },
  };
}
