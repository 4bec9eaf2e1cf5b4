import type { Redis } from 'ioredis';
import type { Closer } from '../closers.ts';
import type { Log } from '../telemetry/log.ts';

const MEASURE_EVERY_MS = 1_000;

export interface RedisClock {
  /** The time `ms` milliseconds from now, in microseconds since 1970 on the clock of Redis. May be too early, never too late. */
  deadline(ms: number): string;
  /** Measures the clock again: after each connection, which may lead to another Redis, and when a script replied `late`. */
  measure(): Promise<void>;
}

/** Microseconds since 1970 on the clock of Redis. */
export async function readRedisTime(redis: Redis): Promise<number> {
  const [seconds = 0, microseconds = 0] = (await redis.time()).map(Number);
  return seconds * 1_000_000 + microseconds;
}

/**
 * Computes the time of Redis without a round trip. It adds the time since the last measurement, on the monotonic clock of the
 * process, so the time of day of the process does not matter. Redis reads its clock before the reply arrives: hence "never too late".
 */
export async function openRedisClock(deps: { redis: Redis; log: Log }): Promise<{ clock: RedisClock; close: Closer }> {
  const { redis, log } = deps;
  let redisMs = 0;
  let measuredAt = 0;
  const clock: RedisClock = {
    deadline: (ms) => String(Math.floor((redisMs + performance.now() - measuredAt + ms) * 1_000)),
    async measure() {
      const time = await readRedisTime(redis);
      measuredAt = performance.now();
      redisMs = time / 1_000;
    },
  };
  await clock.measure();
  // Clocks drift and are adjusted: after the clock of Redis was set back, the old measurement would let late commands pass.
  const timer = setInterval(() => {
    if (redis.status === 'ready')
      clock.measure().catch((err) => log.debug({ err }, 'reading the clock of Redis failed; retrying'));
  }, MEASURE_EVERY_MS);
  return { clock, close: () => clearInterval(timer) };
}
