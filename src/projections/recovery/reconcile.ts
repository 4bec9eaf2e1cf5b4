import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { allPartitions, keys, PARTITIONS } from '../../infra/keys.ts';
import type { Lease } from '../../infra/lease.ts';
import { startProgress } from '../../infra/progress.ts';
import {
  type ReplicationInfo,
  readReplication,
  readRunId,
  readStanding,
} from '../../infra/replication/replicationInfo.ts';
import type { Mysql } from '../../infra/stores/mysql.ts';
import type { RedisClock } from '../../infra/stores/redisClock.ts';
import type { Log } from '../../infra/telemetry/log.ts';
import type { NewerReleases } from '../../infra/telemetry/newerReleases.ts';
import { OperatorError } from '../../operatorError.ts';
import type { MysqlWriter } from '../mysqlWriter.ts';
import type { Relay } from '../relay.ts';
import { rehydrate } from './rehydrate.ts';

const WITNESS_TTL_SECONDS = 86_400;

interface ReconcileDeps {
  redis: Redis;
  mysql: Mysql;
  clock: RedisClock;
  lease: Lease;
  writer: MysqlWriter;
  relay: Relay;
  reporter: ReconcileReporter;
  newerReleases: NewerReleases;
  log: Log;
}

/** Receives what an attempt does. */
export interface ReconcileReporter {
  /** `done` of `of` events are in Redis, of all coupons. */
  reached(step: 'waiting' | 'draining' | 'rebuilding', done?: number, of?: number): void;
  finished(result: { coupons: number; rebuilt: number; ms: number }): void;
}

/**
 * Makes sure that Redis is not behind the log, before the first decision on a new connection, and mends the coupons that are. When
 * this resolves, the process shares the lease and the marker stands. Resolves to what the reconciled Redis says of its replication. A
 * rejection means that the caller tries again.
 */
export async function ensureReconciled(deps: ReconcileDeps): Promise<ReplicationInfo> {
  const { redis, clock, lease, writer, reporter } = deps;
  await clock.measure();
  await checkPartitions(redis);
  if (!(await isReconciled(redis))) {
    // Decisions that this process got from the old Redis must be in MySQL before any process compares.
    reporter.reached('waiting');
    await writer.idle();
    await lease.alone(
      () => reconcile(deps),
      async () => !(await isReconciled(redis)),
    );
  }
  await lease.share();
  const { stands, replication } = await readStanding(redis);
  if (!stands) throw new Error('Redis was emptied, restarted or promoted after reconcile');
  return replication;
}

/**
 * The marker, which reconcile writes last, holds the run id of the Redis that was reconciled, and the fences its replication id: a restart
 * or a promotion changes both, and a flush or an older file removes the marker.
 * A process of an older release holds the lease while it sells, and would never let this one reconcile. What such a process has reconciled
 * counts, unless this Redis was promoted: an older release does not notice that.
 */
async function isReconciled(redis: Redis): Promise<boolean> {
  const { stands, isOfOlderRelease, replication } = await readStanding(redis);
  if (stands || !isOfOlderRelease) return stands;
  await raiseFences(redis, replication.replid);
  return true;
}

const raiseFences = (redis: Redis, replid: string) =>
  Promise.all(allPartitions.map((partition) => redis.set(keys.fence(partition), replid)));

/** Compares and mends. The lease lets only one process do this at a time, and no process decides meanwhile. */
async function reconcile({ redis, mysql, relay, reporter, newerReleases, log }: ReconcileDeps): Promise<void> {
  const started = Date.now();
  const [runId, { replid }] = await Promise.all([readRunId(redis), readReplication(redis)]);
  // A flush during reconcile removes this key together with the coupons that were restored before it.
  const witness = keys.reconciling(randomUUID());
  await redis.set(witness, runId, 'EX', WITNESS_TTL_SECONDS);
  const mustHaveWitness = async () => {
    if ((await redis.exists(witness)) === 0) throw new Error('Redis was emptied during reconcile');
  };
  await checkPartitions(redis);
  // The fences of a Redis whose marker was removed still stand, and must not let a script decide in between.
  await Promise.all(allPartitions.map((partition) => redis.del(keys.fence(partition))));
  reporter.reached('draining');
  const waiting = await relay.drain();
  const progress = startProgress((line) => log.info(line));
  const restored = await rehydrate({
    redis,
    mysql,
    log,
    waiting,
    onProgress(done, of, events) {
      reporter.reached('rebuilding', done, of);
      progress.show({ label: 'rehydrating Redis from the event log', done, of, events });
    },
  })
    .catch((error) => {
      newerReleases.note('reconcile', error);
      throw error;
    })
    .finally(progress.stop);
  await mustHaveWitness();
  await raiseFences(redis, replid);
  await redis.set(keys.marker, runId);
  await mustHaveWitness().catch(async (error) => {
    await Promise.all([keys.marker, ...allPartitions.map(keys.fence)].map((key) => redis.del(key)));
    throw error;
  });
  await redis.del(witness);
  const ms = Date.now() - started;
  reporter.finished({ ...restored, ms });
  log.info({ ...restored, ms }, 'reconciled');
}

async function checkPartitions(redis: Redis): Promise<void> {
  await redis.setnx(keys.partitions, PARTITIONS);
  const stored = await redis.get(keys.partitions);
  if (stored !== String(PARTITIONS)) {
    throw new OperatorError(`REDIS_URL: its data has ${stored} partitions, this program works with ${PARTITIONS}`);
  }
}
