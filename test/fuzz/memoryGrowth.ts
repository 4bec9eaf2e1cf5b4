import { medianOf } from '../../bench/figures/statistics.ts';

/** Caches and the heap fill up during the first requests of a process. */
const WARM_UP = 10_000;
/** Growth is compared with this limit in runs that are long enough to tell growth from a heap that fills up. */
const JUDGED_FROM = 5 * WARM_UP;
const LIMIT_BYTES = 50 * 2 ** 20;
const TENTHS = 10;

export interface Sample {
  sent: number;
  bytes: number;
}

/** The memory of a server from the end of its warm-up to the end of the run: the median of each tenth of the samples. */
export function memoryGrowth(samples: readonly Sample[], requests: number) {
  const warm = samples.filter(({ sent }) => sent >= Math.min(WARM_UP, requests / 4)).map(({ bytes }) => bytes);
  const start = (tenth: number) => Math.floor((tenth * warm.length) / TENTHS);
  const tenths = Array.from({ length: TENTHS }, (_, tenth) => warm.slice(start(tenth), start(tenth + 1)))
    .filter((part) => part.length > 0)
    .map(medianOf<number>);
  const growth = (tenths.at(-1) ?? 0) - (tenths[0] ?? 0);
  return { tenths, isTooMuch: requests >= JUDGED_FROM && growth > LIMIT_BYTES };
}
