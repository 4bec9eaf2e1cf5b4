import type { Redis } from 'ioredis';
import type { Closer } from '../../../src/infra/closers.ts';
import { openRedis } from '../../../src/infra/stores/redis.ts';
import { createLog } from '../../../src/infra/telemetry/log.ts';
import { readStates } from '../../support/clusterNodes.ts';
import { openRedisCluster, type RedisCluster } from '../../support/redisCluster.ts';

/** A Redis Cluster in the place of the one Redis. */
export interface ClusterStore {
  cluster: RedisCluster;
  withRedis<T>(work: (redis: Redis) => Promise<T>): Promise<T>;
  /** Removes all keys, once the cluster is whole. */
  empty(): Promise<void>;
}

export async function openClusterStore(): Promise<{ store: ClusterStore; close: Closer }> {
  const { cluster, close } = await openRedisCluster({ minReplicas: 1 });
  const log = createLog('silent');
  const store: ClusterStore = {
    cluster,
    async withRedis(work) {
      const { redis, close: closeRedis } = await openRedis(cluster.url, log);
      return work(redis).finally(closeRedis);
    },
    async empty() {
      for (const node of cluster.nodes) node.thaw();
      await cluster.whole();
      for (const { node, isMaster } of await readStates(cluster.nodes)) if (isMaster) await node.send('FLUSHALL');
    },
  };
  return { store, close };
}
