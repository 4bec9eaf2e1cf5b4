import type { Redis } from 'ioredis';
import { OperatorError } from '../../operatorError.ts';
import { readReplication } from '../replication/replicationInfo.ts';
import type { Log } from '../telemetry/log.ts';

/** With these settings Redis keeps every write that it has acknowledged, and evicts nothing (invariant 2 in docs/ARCHITECTURE.md). */
export const safeSettings = {
  appendonly: 'yes',
  appendfsync: 'always',
  'no-appendfsync-on-rewrite': 'no',
  'maxmemory-policy': 'noeviction',
} as const;

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
  return {
    isUnsafe: () => unsafe,
    async mustBeSafe() {
      const risks = await findRisks(redis, waitReplicas);
      unsafe = risks.length > 0;
      if (!unsafe) return;
      const message = `REDIS_URL: this Redis may lose or evict acknowledged grabs: ${risks.join('; ')}`;
      if (!allowUnsafeRedis) throw new OperatorError(`${message} (ALLOW_UNSAFE_REDIS=1 starts anyway)`);
      log.warn(`${message}; going on because of ALLOW_UNSAFE_REDIS=1`);
    },
  };
}

/** One phrase for each risk; empty when Redis keeps every acknowledged write. */
async function findRisks(redis: Redis, waitReplicas: number | undefined): Promise<string[]> {
  const risks: string[] = [];
  const { isMaster, replicas } = await readReplication(redis);
  if (!isMaster) {
    // The next connection may lead to the Redis that took over.
    redis.stream?.destroy();
    return ['it is a replica'];
  }
  if (replicas.length > 0 && waitReplicas === 0)
    risks.push('it has replicas, and REDIS_WAIT_REPLICAS is 0, so that a failover may lose what was answered');
  for (const [name, wanted] of Object.entries(safeSettings)) {
    const value = await readSetting(redis, name);
    if (value === undefined) risks.push(`${name} cannot be read (CONFIG GET is refused), must be ${wanted}`);
    else if (value !== wanted) risks.push(`${name} is ${value}, must be ${wanted}`);
  }
  return risks;
}

/** Undefined when Redis refuses CONFIG, as managed servers often do. An unknown setting counts as unsafe. */
export async function readSetting(redis: Redis, name: string): Promise<string | undefined> {
  try {
    const [, value] = (await redis.config('GET', name)) as [string?, string?];
    return value;
  } catch (error) {
    if ((error as Error).name === 'ReplyError') return undefined;
    throw error;
  }
}
