import type { Redis } from 'ioredis';
import type { Closer } from '../closers.ts';
import type { Log } from '../telemetry/log.ts';

const MEASURE_EVERY_MS = 1_000;

export interface RedisClock {
  /** The moment so many milliseconds from now, in microseconds since 1970 on the clock of Redis; never later than that. */
  deadline(ms: number): string;
  /** Compares the clocks: after each connection, which may lead to another Redis, and when something came out late. */
  measure(): Promise<void>;
}

/**
 * Knows the time of Redis without asking it each time. The process adds only how long ago it asked, on its monotonic clock,
 * so neither machine's time of day matters. Redis said its time before the reply arrived: hence "never later".
 */
export async function openRedisClock(deps: { redis: Redis; log: Log }): Promise<{ clock: RedisClock; close: Closer }> {
  const { redis, log } = deps;
  let redisMs = 0;
  let measuredAt = 0;
  const clock: RedisClock = {
    deadline: (ms) => String(Math.floor((redisMs + performance.now() - measuredAt + ms) * 1_000)),
    async measure() {
      const [seconds = 0, microseconds = 0] = (await redis.time()).map(Number);
      measuredAt = performance.now();
      redisMs = seconds * 1_000 + microseconds / 1_000;
    },
  };
  await clock.measure();
  // Clocks drift and are set: one that was set back would let late commands pass.
  const timer = setInterval(() => {
    if (redis.status === 'ready') clock.measure().catch((err) => log.debug({ err }, 'the clock of Redis is not known'));
  }, MEASURE_EVERY_MS);
  return { clock, close: () => clearInterval(timer) };
}
