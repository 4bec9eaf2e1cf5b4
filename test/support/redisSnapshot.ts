import type { Redis } from 'ioredis';
import * as assert from 'uvu/assert';

// Compares Redis before and after a rebuild, key by key.

export type Snapshot = Awaited<ReturnType<typeof snapshotOf>>;

/**
 * Keys that do not follow from the log: marks of the reconcile, the outbox, refusals, the requests that keys are bound to, log-ins, and
 * counts and reservations for limits.
 */
const NOT_REBUILT =
  /fence|marker|claims-renamed|outbox|acks|reconciling|:answers:|seckill:(idempotency|idempotency-counts|limit|known-addresses|room):/;

const AT_ONCE = 200;

/** All other keys with their values and their time to live. */
export async function snapshotOf(redis: Redis) {
  const found = (await redis.keys('seckill:*')).filter((key) => !NOT_REBUILT.test(key)).sort();
  const read = async (key: string) => {
    const type = await redis.type(key);
    if (type === 'hash') return Object.entries(await redis.hgetall(key)).sort();
    if (type === 'zset') return redis.zrange(key, 0, '-1', 'WITHSCORES');
    return type === 'set' ? (await redis.smembers(key)).sort() : redis.get(key);
  };
  const entries: unknown[][] = [];
  // Thousands of commands at once would wait longer than a command may take.
  for (let i = 0; i < found.length; i += AT_ONCE) {
    const keys = found.slice(i, i + AT_ONCE);
    entries.push(...(await Promise.all(keys.map(async (key) => [key, await read(key), await redis.ttl(key)]))));
  }
  return entries;
}

/** Asserts that Redis is as before. The failure shows only the keys that differ. */
export async function assertSameAs(redis: Redis, before: Snapshot): Promise<void> {
  const lines = (entries: Snapshot) => new Set(entries.map((entry) => JSON.stringify(entry)));
  const [had, has] = [lines(before), lines(await snapshotOf(redis))];
  assert.equal(
    { lost: [...had].filter((line) => !has.has(line)), new: [...has].filter((line) => !had.has(line)) },
    { lost: [], new: [] },
  );
}
