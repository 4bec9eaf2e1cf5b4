import { randomInt } from 'node:crypto';

/** With a counter of each of 65,536 buckets, a window needs 256 KiB, however many subjects there are. */
const BUCKETS = 2 ** 16;
/** Subjects that are counted for themselves; further ones are not, so that made-up subjects cannot fill the memory. */
const MAX_SUBJECTS = 100_000;

/** Counts one more event of the subject. Zero: it is within the limit; otherwise the seconds until the next window. */
export type WindowCounter = (subject: string) => number;

/**
 * A limit for each subject and fixed window, in the memory of this process. Every request is counted, so this is synchronous and makes no
 * object. The first half of the limit is counted for a bucket of subjects, because a map with an entry for each customer of a crowd takes
 * longer. The second half is counted for the subject itself. So no subject has more than its limit, and a subject that shares its bucket
 * with a flood has at least the second half. `limit` 0: none. `now` is a monotonic time in milliseconds.
 */
export function createWindowCounter(limit: number, windowMs: number, now = () => performance.now()): WindowCounter {
  if (limit === 0) return () => 0;
  const ofBucket = Math.floor(limit / 2);
  const inBuckets = new Uint32Array(BUCKETS);
  const ofSubjects = new Map<string, number>();
  let began = now();
  let seed = randomInt(2 ** 32);
  return (subject) => {
    const at = now();
    if (at - began >= windowMs) {
      inBuckets.fill(0);
      ofSubjects.clear();
      began = at;
      // Subjects that share a bucket do so for one window, and no client can choose with which others.
      seed = randomInt(2 ** 32);
    }
    const bucket = bucketOf(subject, seed);
    const inBucket = inBuckets[bucket] as number;
    if (inBucket < ofBucket) {
      inBuckets[bucket] = inBucket + 1;
      return 0;
    }
    const count = ofSubjects.get(subject) ?? 0;
    if (count >= limit - ofBucket) return Math.max(1, Math.ceil((began + windowMs - at) / 1_000));
    if (count > 0 || ofSubjects.size < MAX_SUBJECTS) ofSubjects.set(subject, count + 1);
    return 0;
  };
}

function bucketOf(subject: string, seed: number): number {
  let hash = seed;
  for (let i = 0; i < subject.length; i++) {
    hash = Math.imul(hash ^ subject.charCodeAt(i), 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  return (hash ^ (hash >>> 16)) & (BUCKETS - 1);
}
