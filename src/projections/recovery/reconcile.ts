import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { allPartitions, keys, PARTITIONS } from '../../infra/keys.ts';
import type { Lease } from '../../infra/lease.ts';
import { startProgress } from '../../infra/progress.ts';
import type { Mysql } from '../../infra/stores/mysql.ts';
import type { RedisClock } from '../../infra/stores/redisClock.ts';
import type { Log } from '../../infra/telemetry/log.ts';
import { OperatorError } from '../../operatorError.ts';
import type { MysqlProjection } from '../mysqlWriter.ts';
import type { Relay } from '../relay.ts';
import { rehydrate } from './rehydrate.ts';

const WITNESS_TTL_SECONDS = 86_400;

interface ReconcileDeps {
  redis: Redis;
  mysql: Mysql;
  clock: RedisClock;
  lease: Lease;
  projection: MysqlProjection;
  relay: Relay;
  log: Log;
}

/**
 * Makes sure that Redis is not behind the log, and mends what is, before the first decision on a new connection. When this
 * resolves, the process shares the lease and the marker stands. Rejects, to be tried again, when anything is at fault.
 */
export async function ensureReconciled(deps: ReconcileDeps): Promise<void> {
  const { redis, clock, lease, projection } = deps;
  await clock.measure();
  await checkPartitions(redis);
  if (!(await isReconciled(redis))) {
    // What this process was told by a Redis that is no more has to be in MySQL before anybody compares.
    await projection.idle();
    await lease.alone(
      () => reconcile(deps),
      async () => !(await isReconciled(redis)),
    );
  }
  await lease.share();
  if (!(await isReconciled(redis))) throw new Error('Redis was emptied or restarted after reconcile');
}

/**
 * The marker, which is written last, holds the run id of the Redis that was reconciled: a restart changes the id, and a
 * flush or an older file takes the marker away.
 */
async function isReconciled(redis: Redis): Promise<boolean> {
  const [runId, marker, ...fences] = await Promise.all([
    readRunId(redis),
    redis.get(keys.marker),
    ...allPartitions.map((partition) => redis.exists(keys.fence(partition))),
  ]);
  return marker === runId && !fences.includes(0);
}

/** Compares and mends. Only one process does this at a time, and none decides meanwhile. */
async function reconcile({ redis, mysql, relay, log }: ReconcileDeps): Promise<void> {
  const started = Date.now();
  const runId = await readRunId(redis);
  // A flush while we work takes this key away, and what was restored before it as well.
  const witness = keys.reconciling(randomUUID());
  await redis.set(witness, runId, 'EX', WITNESS_TTL_SECONDS);
  const mustHaveWitness = async () => {
    if ((await redis.exists(witness)) === 0) throw new Error('Redis was emptied during reconcile');
  };
  await checkPartitions(redis);
  // After a restart they are still there, and must not let anybody decide in between.
  await Promise.all(allPartitions.map((partition) => redis.del(keys.fence(partition))));
  await relay.drain();
  const progress = startProgress((line) => log.info(line));
  const restored = await rehydrate({
    redis,
    mysql,
    log,
    onProgress: (done, of, events) => progress.show({ what: 'rehydrating Redis from the event log', done, of, events }),
  }).finally(progress.stop);
  await mustHaveWitness();
  const fenceKeys = allPartitions.map(keys.fence);
  await Promise.all(fenceKeys.map((fence) => redis.set(fence, runId)));
  await redis.set(keys.marker, runId);
  await mustHaveWitness().catch(async (error) => {
    await Promise.all([keys.marker, ...fenceKeys].map((key) => redis.del(key)));
    throw error;
  });
  await redis.del(witness);
  log.info({ ...restored, ms: Date.now() - started }, 'reconciled');
}

async function checkPartitions(redis: Redis): Promise<void> {
  await redis.setnx(keys.partitions, PARTITIONS);
  const stored = await redis.get(keys.partitions);
  if (stored !== String(PARTITIONS)) {
    throw new OperatorError(`REDIS_URL: its data has ${stored} partitions, this program works with ${PARTITIONS}`);
  }
}

async function readRunId(redis: Redis): Promise<string> {
  const [, runId] = /^run_id:(\w+)/m.exec(await redis.info('server')) ?? [];
  if (runId === undefined) throw new Error('Redis tells no run_id');
  return runId;
}
