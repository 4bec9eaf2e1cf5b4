import type { Redis } from 'ioredis';
import { OperatorError } from '../../operatorError.ts';
import { type ReplicationInfo, readReplication } from '../replication/replicationInfo.ts';
import { readReplicaSettings, readSetting } from '../replication/serverSettings.ts';
import type { Log } from '../telemetry/log.ts';

/** With these settings Redis keeps every write that it has acknowledged, and evicts nothing (invariant 2 in docs/ARCHITECTURE.md). */
export const safeSettings = {
  appendonly: 'yes',
  appendfsync: 'always',
  'no-appendfsync-on-rewrite': 'no',
  'maxmemory-policy': 'noeviction',
} as const;

/** A replica that confirms a write must keep it, and nobody else may write there. */
export const safeReplicaSettings = { ...safeSettings, 'replica-read-only': 'yes' } as const;

/** Settings of a server of Redis Cluster, and what follows from any other value. */
export const clusterSettings = [
  {
    name: 'cluster-require-full-coverage',
    wanted: 'no',
    why: 'when one shard is down, all the others stop as well',
  },
  {
    name: 'cluster-allow-reads-when-down',
    wanted: 'no',
    why: 'a server that was cut off from the others answers lists with what it had',
  },
] as const;

/** What follows when a master needs fewer replicas for a write than an answer waits for. */
export const WRITES_ALONE = 'a master that was cut off from its replicas goes on writing what it will lose';

export interface RedisSafety {
  /** Rejects when Redis might lose or evict acknowledged grabs. Called on every new connection, which may lead to another Redis. */
  mustBeSafe(): Promise<void>;
  /** True when the last check found Redis unsafe, and ALLOW_UNSAFE_REDIS accepted it. */
  isUnsafe(): boolean;
}

export function createRedisSafety(deps: {
  redis: Redis;
  waitReplicas: number | undefined;
  allowUnsafeRedis: boolean;
  log: Log;
}): RedisSafety {
  const { redis, waitReplicas, allowUnsafeRedis, log } = deps;
  let unsafe = false;
  const warned = new Set<string>();
  const warnOnce = (warning: string) => {
    if (warned.has(warning)) return;
    warned.add(warning);
    log.warn(`REDIS_URL: ${warning}`);
  };
  return {
    isUnsafe: () => unsafe,
    async mustBeSafe() {
      const { isMaster, replicas } = await readReplication(redis);
      // The next connection may lead to the Redis that took over.
      if (!isMaster) redis.stream?.destroy();
      const risks = isMaster ? await findRisks(redis, replicas, waitReplicas, warnOnce) : ['it is a replica'];
      unsafe = risks.length > 0;
      for (const warning of isMaster ? await findWarnings(redis, replicas.length, waitReplicas) : []) warnOnce(warning);
      if (!unsafe) return;
      const message = `REDIS_URL: this Redis may lose or evict acknowledged grabs: ${risks.join('; ')}`;
      if (!allowUnsafeRedis) throw new OperatorError(`${message} (ALLOW_UNSAFE_REDIS=1 starts anyway)`);
      log.warn(`${message}; going on because of ALLOW_UNSAFE_REDIS=1`);
    },
  };
}

/** One phrase for each risk; empty when Redis keeps every acknowledged write. */
async function findRisks(
  redis: Redis,
  replicas: ReplicationInfo['replicas'],
  waitReplicas: number | undefined,
  warn: (warning: string) => void,
): Promise<string[]> {
  const risks: string[] = [];
  if (replicas.length > 0 && waitReplicas === 0)
    risks.push('it has replicas, and REDIS_WAIT_REPLICAS is 0, so that a failover may lose what was answered');
  for (const [name, wanted] of Object.entries(safeSettings)) {
    const value = await readSetting(redis, name);
    if (value === undefined) risks.push(`${name} cannot be read (CONFIG GET is refused), must be ${wanted}`);
    else if (value !== wanted) risks.push(`${name} is ${value}, must be ${wanted}`);
  }
  for (const { address, settings } of await readReplicaSettings(redis, replicas, Object.keys(safeReplicaSettings)))
    if (settings === undefined) warn(`the settings of the replica ${address} cannot be read from here`);
    else
      for (const [name, wanted] of Object.entries(safeReplicaSettings))
        if (settings[name] !== wanted)
          risks.push(`${name} of the replica ${address} is ${settings[name]}, must be ${wanted}`);
  return risks;
}

/** What loses nothing that was answered, and should be mended. */
async function findWarnings(redis: Redis, replicas: number, waitReplicas = 1): Promise<string[]> {
  const warnings: string[] = [];
  if (replicas > 0) {
    const value = await readSetting(redis, 'min-replicas-to-write');
    if (Number(value) < waitReplicas)
      warnings.push(`min-replicas-to-write is ${value}, should be ${waitReplicas}: ${WRITES_ALONE}`);
  }
  if (!(await redis.info('cluster')).includes('cluster_enabled:1')) return warnings;
  for (const { name, wanted, why } of clusterSettings) {
    const value = await readSetting(redis, name);
    if (value !== undefined && value !== wanted) warnings.push(`${name} is ${value}, should be ${wanted}: ${why}`);
  }
  return warnings;
}
