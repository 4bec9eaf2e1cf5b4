// How long grabs take, as counts in fixed buckets: the counts of many processes add up, which percentiles do not.

/** Each bucket ends a tenth above the one before it, so a percentile is at most a tenth too high. */
const RATIO = 1.1;
const FIRST_MS = 0.1;
/** The last one ends beyond a minute; what takes longer than any deadline is in it as well. */
export const BUCKETS = 140;

const perStep = 1 / Math.log(RATIO);

export function bucketOf(ms: number): number {
  if (ms <= FIRST_MS) return 0;
  return Math.min(BUCKETS - 1, Math.ceil(Math.log(ms / FIRST_MS) * perStep));
}

const endOf = (bucket: number) => FIRST_MS * RATIO ** bucket;

/** Milliseconds in which this share of the counted was done; undefined of none. */
export function percentileOf(counts: readonly Uint32Array[], share: number): number | undefined {
  const countIn = (bucket: number) => counts.reduce((sum, one) => sum + (one[bucket] ?? 0), 0);
  let total = 0;
  for (let bucket = 0; bucket < BUCKETS; bucket++) total += countIn(bucket);
  if (total === 0) return undefined;
  let seen = 0;
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    seen += countIn(bucket);
    if (seen >= total * share) return Math.round(endOf(bucket) * 100) / 100;
  }
  return undefined;
}
