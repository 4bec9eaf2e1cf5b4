import { medianOf } from '../../bench/figures/statistics.ts';

/** Caches and the heap fill up during the first requests of a process. */
const WARM_UP = 10_000;
/** Growth is compared with this limit in runs that are long enough to tell growth from a heap that fills up. */
const JUDGED_FROM = 5 * WARM_UP;
const LIMIT_BYTES = 50 * 2 ** 20;
const SHARE = 0.1;

export interface Sample {
  sent: number;
  bytes: number;
}

/** The memory of a server after its warm-up and at the end of the run, each as the median of a tenth of the samples. */
export function memoryGrowth(samples: readonly Sample[], requests: number) {
  const warm = samples.filter(({ sent }) => sent >= Math.min(WARM_UP, requests / 4)).map(({ bytes }) => bytes);
  const tenth = Math.max(1, Math.ceil(warm.length * SHARE));
  const [first, last] = [medianOf(warm.slice(0, tenth)), medianOf(warm.slice(-tenth))];
  return { first, last, isTooMuch: requests >= JUDGED_FROM && last - first > LIMIT_BYTES };
}
