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
import { type DataSet, tagIn } from '../../infra/shards/dataSet.ts';
import type { Mysql } from '../../infra/stores/mysql.ts';
import type { RedisClock } from '../../infra/stores/redisClock.ts';
import type { Log } from '../../infra/telemetry/log.ts';
import type { NewerReleases } from '../../infra/telemetry/newerReleases.ts';
import { OperatorError } from '../../operatorError.ts';
import type { MysqlWriter } from '../mysqlWriter.ts';
import type { Relay } from '../relay.ts';
import { rehydrate } from './rehydrate.ts';
import { restoreViews } from './restoreViews.ts';

const WITNESS_TTL_SECONDS = 86_400;

interface ReconcileDeps {
  /** The Redis that is reconciled, and what it has. */
  redis: Redis;
  dataSet: DataSet;
  /** All of Redis: views of its coupons may lie on other masters of a Redis Cluster. */
  everywhere: Redis;
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
  const { redis, dataSet, clock, lease, writer, reporter } = deps;
  await clock.measure();
  await checkPartitions(redis, dataSet);
  if (lease.isOutdated()) {
    // The partitions that went to another Redis are reconciled there, after MySQL has what this process decided in them.
    reporter.reached('waiting');
    await writer.idle(allPartitions);
    await lease.release();
  }
  if (!(await isReconciled(redis, dataSet))) {
    // Decisions that this process got from the old Redis must be in MySQL before any process compares.
    reporter.reached('waiting');
    await writer.idle(dataSet.partitions());
    await lease.alone(
      () => reconcile(deps),
      async () => !(await isReconciled(redis, dataSet)),
    );
  }
  await lease.share();
  const { stands, replication } = await readStanding(redis, dataSet);
  if (!stands) throw new Error('Redis was emptied, restarted or promoted after reconcile');
  return replication;
}

/**
 * The marker, which reconcile writes last, holds the run id of the Redis that was reconciled, and the fences its replication id: a restart
 * or a promotion changes both, and a flush or an older file removes the marker.
 * A process of an older release holds the lease while it sells, and would never let this one reconcile. What such a process has reconciled
 * counts, unless this Redis was promoted: an older release does not notice that.
 */
async function isReconciled(redis: Redis, dataSet: DataSet): Promise<boolean> {
  const { stands, isOfOlderRelease, replication } = await readStanding(redis, dataSet);
  if (stands || !isOfOlderRelease || dataSet.marker === undefined) return stands;
  await raiseFences(redis, dataSet, replication.replid);
  return true;
}

const raiseFences = (redis: Redis, { partitions }: DataSet, replid: string) =>
  Promise.all(partitions().map((partition) => redis.set(keys.fence(partition), replid)));

/** Compares and mends. The lease lets only one process do this at a time, and no process decides meanwhile. */
async function reconcile(deps: ReconcileDeps): Promise<void> {
  const { redis, dataSet, everywhere, mysql, relay, reporter, newerReleases, log } = deps;
  const started = Date.now();
  const partitions = dataSet.partitions();
  const [runId, { replid }] = await Promise.all([readRunId(redis), readReplication(redis)]);
  // A flush during reconcile removes this key together with the coupons that were restored before it.
  const witness = keys.reconciling(tagIn(dataSet), randomUUID());
  await redis.set(witness, runId, 'EX', WITNESS_TTL_SECONDS);
  const mustHaveWitness = async () => {
    if ((await redis.exists(witness)) === 0) throw new Error('Redis was emptied during reconcile');
  };
  await checkPartitions(redis, dataSet);
  // The fences of a Redis whose marker was removed still stand, and must not let a script decide in between.
  await Promise.all(partitions.map((partition) => redis.del(keys.fence(partition))));
  reporter.reached('draining');
  const waiting = await relay.drain(partitions);
  await restoreViews(deps);
  const progress = startProgress((line) => log.info(line));
  const restored = await rehydrate({
    redis,
    dataSet,
    everywhere,
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
  const { marker } = dataSet;
  // Redis may have got other partitions meanwhile, or a fence in between.
  if (partitions.join() !== dataSet.partitions().join()) throw new Error('Redis has other partitions than before');
  await raiseFences(redis, dataSet, replid);
  if (marker !== undefined) await redis.set(marker, runId);
  await mustHaveWitness().catch(async (error) => {
    const raised = partitions.map(keys.fence);
    await Promise.all((marker === undefined ? raised : [marker, ...raised]).map((key) => redis.del(key)));
    throw error;
  });
  await redis.del(witness);
  const ms = Date.now() - started;
  reporter.finished({ ...restored, ms });
  log.info({ ...restored, ms }, 'reconciled');
}

async function checkPartitions(redis: Redis, { has }: DataSet): Promise<void> {
  if (!has(keys.partitions)) return;
  await redis.setnx(keys.partitions, PARTITIONS);
  const stored = await redis.get(keys.partitions);
  if (stored !== String(PARTITIONS)) {
    throw new OperatorError(`REDIS_URL: its data has ${stored} partitions, this program works with ${PARTITIONS}`);
  }
}
