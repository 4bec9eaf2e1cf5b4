import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { keys } from '../infra/keys.ts';
import { type DataSet, tagIn } from '../infra/shards/dataSet.ts';
import type { Mysql } from '../infra/stores/mysql.ts';

const REDIS_ROUNDS = 100;
const MYSQL_ROUNDS = 20;

/** Milliseconds: the median, and the slowest but one in a hundred. */
export interface Times {
  median: number;
  slow: number;
}
export interface RedisSpeed {
  roundTrip: Times;
  /** The same with a write, which Redis syncs to its disk before it replies. */
  write: Times;
}
export interface MysqlSpeed {
  roundTrip: Times;
  /** COMMIT of a transaction that has written. Undefined where the tables are missing or the user may not write. */
  commit: Times | undefined;
}

/** Writes a trial key, which is deleted, and expires after a minute in any case. */
export async function measureRedis(redis: Redis, dataSet: DataSet): Promise<RedisSpeed> {
  const key = keys.trial(tagIn(dataSet), randomUUID(), 'speed');
  const roundTrip = await timesOf(REDIS_ROUNDS, () => redis.ping());
  const write = await timesOf(REDIS_ROUNDS, () => redis.set(key, 'x', 'EX', 60));
  await redis.del(key);
  return { roundTrip, write };
}

/** Each transaction inserts a row and deletes it again before its COMMIT: the table is the same afterwards. */
export async function measureMysql(mysql: Mysql): Promise<MysqlSpeed> {
  const roundTrip = await timesOf(MYSQL_ROUNDS, () => mysql.raw('SELECT 1'));
  return { roundTrip, commit: await measureCommit(mysql).catch(() => undefined) };
}

async function measureCommit(mysql: Mysql): Promise<Times> {
  const commits: number[] = [];
  for (let round = 0; round < MYSQL_ROUNDS; round++) {
    const trx = await mysql.transaction();
    try {
      const row = { jti: `trial-${randomUUID()}`, expires_at: 0 };
      await trx('revoked_tokens').insert(row);
      await trx('revoked_tokens').where({ jti: row.jti }).delete();
    } catch (error) {
      await trx.rollback();
      throw error;
    }
    const started = performance.now();
    await trx.commit();
    commits.push(performance.now() - started);
  }
  return summary(commits);
}

async function timesOf(rounds: number, work: () => Promise<unknown>): Promise<Times> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const started = performance.now();
    await work();
    times.push(performance.now() - started);
  }
  return summary(times);
}

export function summary(times: readonly number[]): Times {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { median: at(0.5), slow: at(0.99) };
}
