import type { Redis } from 'ioredis';
import type { Closer } from '../closers.ts';
import type { MysqlAddress } from '../failover/nodes.ts';
import { type Fence, openFence } from '../fence.ts';
import type { Gate } from '../gate.ts';
import { type Lease, openLease } from '../lease.ts';
import { openReplicas, type Replicas } from '../replication/replicas.ts';
import { loadScripts } from '../scripts.ts';
import { openRedisClock, type RedisClock } from '../stores/redisClock.ts';
import { mustHavePermissions } from '../stores/redisPermissions.ts';
import { createRedisSafety, type RedisSafety } from '../stores/redisSafety.ts';
import type { Log } from '../telemetry/log.ts';
import type { DataSet } from './dataSet.ts';
import type { Master } from './masters.ts';

/** One Redis with everything that guards its decisions. A single Redis is the only shard, each master of a Redis Cluster is one. */
export interface Shard {
  name: string;
  redis: Redis;
  dataSet: DataSet;
  clock: RedisClock;
  gate: Gate;
  fence: Fence;
  replicas: Replicas;
  safety: RedisSafety;
  lease: Lease;
  /** Settles with the first attempt to reconcile it. */
  opened: Promise<void>;
}

export interface ShardSettings {
  waitReplicas: number | undefined;
  allowUnsafeRedis: boolean;
}

export interface ShardDeps extends ShardSettings {
  mysqlUrl: MysqlAddress;
  /** Resolves when the write model of the shard agrees with the event log. */
  reconciled: (shard: Omit<Shard, 'fence' | 'opened'>) => Promise<void>;
  log: Log;
}

/**
 * Guards one Redis. The gate of the shard is shut until `opened` resolves, or until a later attempt succeeds. `close` ends the attempts;
 * `release` comes when MySQL has what this process has decided there: until then the lease says that it may not have it.
 */
export function openShard(
  master: Master,
  dataSet: DataSet,
  gate: Gate,
  deps: ShardDeps,
): { shard: Shard; close: Closer; release: Closer } {
  const { name, redis, connect } = master;
  const { log } = deps;
  const { clock, close: closeClock } = openRedisClock({ redis, log });
  const safety = createRedisSafety({ ...deps, redis });
  const { replicas, close: closeReplicas } = openReplicas({
    ...{ ...deps, redis, connect, dataSet },
    isUnsafe: safety.isUnsafe,
  });
  const { lease, close: closeLease } = openLease(deps.mysqlUrl, log, dataSet.leaseRows);
  const parts = { name, redis, dataSet, clock, gate, replicas, safety, lease };
  let isPrepared = false;
  const reconciled = async () => {
    if (!isPrepared) {
      await mustHavePermissions(redis, dataSet);
      await loadScripts(redis);
    }
    isPrepared = true;
    await safety.mustBeSafe();
    await deps.reconciled(parts);
  };
  const { fence, opened, close } = openFence({ redis, dataSet, gate, reconciled, log });
  // On a Redis Cluster it may be a while until somebody looks at it.
  opened.catch(() => {});
  const release: Closer = async () => {
    await closeLease();
    await closeReplicas();
    await closeClock();
  };
  return { shard: { ...parts, fence, opened }, close, release };
}
