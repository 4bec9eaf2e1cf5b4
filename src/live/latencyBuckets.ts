// The latency of grabs as counts in fixed buckets: the counts of several processes can be added, percentiles cannot.

/** Each bucket ends 10 % above the one before it, so a percentile is at most 10 % too high. */
const RATIO = 1.1;
const FIRST_MS = 0.1;
/** The last bucket ends at 57 s and also takes everything slower. */
export const BUCKETS = 140;

const bucketsPerUnit = 1 / Math.log(RATIO);

export function bucketOf(ms: number): number {
  if (ms <= FIRST_MS) return 0;
  return Math.min(BUCKETS - 1, Math.ceil(Math.log(ms / FIRST_MS) * bucketsPerUnit));
}

const upperBoundOf = (bucket: number) => FIRST_MS * RATIO ** bucket;

/** The latency in milliseconds that this share of the grabs did not exceed; undefined when none were counted. */
export function percentileOf(counts: readonly Uint32Array[], share: number): number | undefined {
  const countIn = (bucket: number) => counts.reduce((sum, one) => sum + (one[bucket] ?? 0), 0);
  let total = 0;
  for (let bucket = 0; bucket < BUCKETS; bucket++) total += countIn(bucket);
  if (total === 0) return undefined;
  let seen = 0;
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    seen += countIn(bucket);
    if (seen >= total * share) return Math.round(upperBoundOf(bucket) * 100) / 100;
  }
  return undefined;
}
