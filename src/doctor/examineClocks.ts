import type { Redis } from 'ioredis';
import type { Mysql } from '../infra/stores/mysql.ts';
import { readRedisTime } from '../infra/stores/redisClock.ts';
import { type Finding, note, type Problem, unsafe } from './finding.ts';

const TRIES = 5;
const NOTED_MS = 1_000;
const UNSAFE_MS = 30_000;

/** How far the clock of a store is ahead of the clock of this machine. The true value is off by `uncertaintyMs` at most. */
export interface Skew {
  aheadMs: number;
  uncertaintyMs: number;
}

/** Each store is optional, because one of them may not be reachable. `now`: milliseconds since 1970 on this machine. */
export async function examineClocks(
  { redis, mysql }: { redis: Redis | undefined; mysql: Mysql | undefined },
  now: () => number = Date.now,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const add = (name: string, skew: Skew, problem: Problem | undefined) =>
    findings.push({ area: 'clocks', name, value: describe(skew), problem });
  if (redis !== undefined) {
    const skew = await measureSkew(async () => (await readRedisTime(redis)) / 1_000, now);
    add('Redis', skew, problemOfRedis(skew));
  }
  if (mysql !== undefined) {
    const skew = await measureSkew(async () => {
      const [[{ micros }]] = await mysql.raw(
        "SELECT TIMESTAMPDIFF(MICROSECOND, TIMESTAMP'1970-01-01 00:00:00', UTC_TIMESTAMP(6)) AS micros",
      );
      return Number(micros) / 1_000;
    }, now);
    add('MySQL', skew, problemOfMysql(skew));
  }
  return findings;
}

/** Of several measurements, the one with the shortest round trip is the most exact. */
async function measureSkew(readClock: () => Promise<number>, now: () => number): Promise<Skew> {
  let best: Skew = { aheadMs: 0, uncertaintyMs: Number.POSITIVE_INFINITY };
  for (let round = 0; round < TRIES; round++) {
    const [sentAt, started] = [now(), performance.now()];
    const time = await readClock();
    const uncertaintyMs = (performance.now() - started) / 2;
    if (uncertaintyMs < best.uncertaintyMs) best = { aheadMs: time - sentAt - uncertaintyMs, uncertaintyMs };
  }
  return best;
}

const describe = ({ aheadMs, uncertaintyMs }: Skew) =>
  `${Math.abs(Math.round(aheadMs))} ms ${aheadMs < 0 ? 'behind' : 'ahead of'} this machine (± ${Math.ceil(uncertaintyMs)} ms)`;

const MEND = 'let NTP (chrony, systemd-timesyncd) set all clocks';
const isBeyond = ({ aheadMs, uncertaintyMs }: Skew, limit: number) => Math.abs(aheadMs) - uncertaintyMs > limit;

function problemOfRedis(skew: Skew): Problem | undefined {
  const why = 'sales open and end by the clock of Redis, tokens expire by the clock of this machine';
  if (isBeyond(skew, UNSAFE_MS)) return unsafe(why, MEND);
  return isBeyond(skew, NOTED_MS) ? note(why, MEND) : undefined;
}

function problemOfMysql(skew: Skew): Problem | undefined {
  return isBeyond(skew, NOTED_MS) ? note('the times of registrations differ from those of events', MEND) : undefined;
}
