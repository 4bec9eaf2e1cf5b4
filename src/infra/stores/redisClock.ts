import type { Redis } from 'ioredis';
import type { Closer } from '../closers.ts';
import type { Log } from '../telemetry/log.ts';

const MEASURE_EVERY_MS = 1_000;
/** With an older measurement, nothing is said about how late it may be on the clock of Redis. */
const LATEST_FOR_MS = 3_000;
/** Two clocks drift apart by less than this between two measurements. */
const DRIFT_MS = 5;

/** All times are in microseconds since 1970 on the clock of Redis. */
export interface RedisClock {
  /** The time now. May be too early, never too late. */
  earliest(): number;
  /** The time now. May be too late, never too early unless the clock was set forward since the last measurement; it may be Infinity. */
  latest(): number;
  /** The time `ms` milliseconds from now, as an argument of a script. May be too early, never too late. */
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
 * process, so the time of day of the process does not matter. Redis reads its clock after the command was sent and before the reply
 * arrives: hence "never too late", counted from the reply, and "never too early", counted from the command. Before the first `measure`
 * nothing can be said.
 */
export function openRedisClock(deps: { redis: Redis; log: Log }): { clock: RedisClock; close: Closer } {
  const { redis, log } = deps;
  let redisMs = 0;
  let sentAt = 0;
  let repliedAt = 0;
  const earliestMs = () => redisMs + performance.now() - repliedAt;
  const clock: RedisClock = {
    earliest: () => Math.floor(earliestMs() * 1_000),
    latest() {
      const since = performance.now() - sentAt;
      return since > LATEST_FOR_MS ? Number.POSITIVE_INFINITY : Math.ceil((redisMs + since + DRIFT_MS) * 1_000);
    },
    deadline: (ms) => String(Math.floor((earliestMs() + ms) * 1_000)),
    async measure() {
      const sending = performance.now();
      const time = await readRedisTime(redis);
      sentAt = sending;
      repliedAt = performance.now();
      redisMs = time / 1_000;
    },
  };
  // Clocks drift and are adjusted: after the clock of Redis was set back, the old measurement would let late commands pass.
  const timer = setInterval(() => {
    if (redis.status === 'ready')
      clock.measure().catch((err) => log.debug({ err }, 'reading the clock of Redis failed; retrying'));
  }, MEASURE_EVERY_MS);
  return { clock, close: () => clearInterval(timer) };
}
