import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { ConfigError } from '../config.ts';
import { allPartitions, keys, PARTITIONS } from '../infra/keys.ts';
import type { Log } from '../infra/log.ts';
import type { Mysql } from '../infra/mysql.ts';
import { rehydrate } from './rehydrate.ts';
import type { Relay } from './relay.ts';

const PAGE = 1_000;
const WITNESS_TTL_SECONDS = 86_400;

/**
 * Makes sure that Redis is not behind the log, and mends what is, before the first decision on a new connection.
 * The marker, which is written last, holds the run id of the Redis that was reconciled: a restart changes the id, and a
 * flush or an older file takes the marker away.
 */
export async function reconcile(deps: { redis: Redis; mysql: Mysql; relay: Relay; log: Log }): Promise<void> {
  const { redis, mysql, relay, log } = deps;
  const runId = await readRunId(redis);
  const fences = await Promise.all(allPartitions.map((partition) => redis.exists(keys.fence(partition))));
  if ((await redis.get(keys.marker)) === runId && !fences.includes(0)) return checkPartitions(redis);

  const started = Date.now();
  // A flush while we work takes this key away, and what was restored before it as well.
  const witness = keys.reconciling(randomUUID());
  await redis.set(witness, runId, 'EX', WITNESS_TTL_SECONDS);
  const mustHaveWitness = async () => {
    if ((await redis.exists(witness)) === 0) throw new Error('Redis was emptied during reconcile');
  };
  await checkPartitions(redis);
  await relay.drain();
  const users = await restoreUserViews(redis, mysql);
  const restored = await rehydrate({ redis, mysql, log });
  await mustHaveWitness();
  const fenceKeys = allPartitions.map(keys.fence);
  await Promise.all(fenceKeys.map((fence) => redis.set(fence, runId)));
  await redis.set(keys.marker, runId);
  await mustHaveWitness().catch(async (error) => {
    await Promise.all([keys.marker, ...fenceKeys].map((key) => redis.del(key)));
    throw error;
  });
  await redis.del(witness);
  log.info({ users, ...restored, ms: Date.now() - started }, 'reconciled');
}

async function checkPartitions(redis: Redis): Promise<void> {
  await redis.setnx(keys.partitions, PARTITIONS);
  const stored = await redis.get(keys.partitions);
  if (stored !== String(PARTITIONS)) {
    throw new ConfigError(`REDIS_URL: its data has ${stored} partitions, this program works with ${PARTITIONS}`);
  }
}

async function readRunId(redis: Redis): Promise<string> {
  const [, runId] = /^run_id:(\w+)/m.exec(await redis.info('server')) ?? [];
  if (runId === undefined) throw new Error('Redis tells no run_id');
  return runId;
}

async function restoreUserViews(redis: Redis, mysql: Mysql): Promise<number> {
  let count = 0;
  for (let after = 0; ; ) {
    const users = await mysql('users')
      .select('id', 'username', 'kind')
      .where('id', '>', after)
      .orderBy('id')
      .limit(PAGE);
    const last = users.at(-1);
    if (last === undefined) return count;
    await Promise.all(users.map(({ username, kind }) => redis.setnx(keys.userView(username.toString()), kind)));
    count += users.length;
    after = last.id;
  }
}
