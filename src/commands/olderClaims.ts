import type { Redis } from 'ioredis';
import { keys } from '../infra/keys.ts';
import { readRedisTime } from '../infra/stores/redisClock.ts';

/** Processes of the older release may work beside this one for a day, and their last claims last for another. */
const WINDOW_MS = 2 * 86_400_000;

/** The claims of idempotency keys that processes of the first releases wrote, under other names (decision 31). */
export interface OlderClaims {
  /** False when there can be none: this release has worked on the data set for long enough, or from its beginning. */
  mayExist(): boolean;
}

/** For a Redis Cluster, which the first releases could not use. */
export const NO_OLDER_CLAIMS: OlderClaims = { mayExist: () => false };

/** Notes in Redis when a process that writes the new names first started. Runs before the number of partitions is written. */
export async function findOlderClaims(redis: Redis): Promise<OlderClaims> {
  const now = (await readRedisTime(redis)) / 1_000;
  const isNew = (await redis.exists(keys.partitions)) === 0;
  await redis.set(keys.claimsRenamed, isNew ? '0' : String(Math.floor(now)), 'NX');
  const since = Number(await redis.get(keys.claimsRenamed));
  const until = performance.now() + (since + WINDOW_MS - now);
  return { mayExist: () => performance.now() < until };
}
