import type { Redis } from 'ioredis';
import { OperatorError } from '../../operatorError.ts';
import type { Log } from '../telemetry/log.ts';

/** Settings under which Redis keeps what it has acknowledged, and forgets nothing to make room (invariant 2). */
const required = {
  appendonly: 'yes',
  appendfsync: 'always',
  'no-appendfsync-on-rewrite': 'no',
  'maxmemory-policy': 'noeviction',
} as const;

export interface RedisSafety {
  /** Rejects when this Redis might lose or evict acknowledged grabs. Asked on every new connection: it may be another Redis. */
  mustBeSafe(): Promise<void>;
  /** True when the last one asked was not safe, and ALLOW_UNSAFE_REDIS let it pass. */
  isUnsafe(): boolean;
}

export function createRedisSafety(deps: { redis: Redis; allowUnsafeRedis: boolean; log: Log }): RedisSafety {
  const { redis, allowUnsafeRedis, log } = deps;
  let unsafe = false;
  return {
    isUnsafe: () => unsafe,
    async mustBeSafe() {
      const risks = await findRisks(redis);
      unsafe = risks.length > 0;
      if (!unsafe) return;
      const message = `REDIS_URL: this Redis may lose or evict acknowledged grabs: ${risks.join('; ')}`;
      if (!allowUnsafeRedis) throw new OperatorError(`${message} (ALLOW_UNSAFE_REDIS=1 starts all the same)`);
      log.warn(`${message}. ALLOW_UNSAFE_REDIS=1: a 201 is no promise`);
    },
  };
}

/** A phrase for each reason; empty when Redis keeps what it acknowledges. */
async function findRisks(redis: Redis): Promise<string[]> {
  const risks: string[] = [];
  if (/^role:(?!master)/m.test(await redis.info('replication'))) risks.push('it is a replica');
  for (const [name, wanted] of Object.entries(required)) {
    const value = await readSetting(redis, name);
    if (value === undefined) risks.push(`${name} can't be read (CONFIG GET is refused), must be ${wanted}`);
    else if (value !== wanted) risks.push(`${name} is ${value}, must be ${wanted}`);
  }
  return risks;
}

/** Undefined where Redis does not tell: managed servers often refuse CONFIG, and what nobody can read, nobody can promise. */
async function readSetting(redis: Redis, name: string): Promise<string | undefined> {
  try {
    const [, value] = (await redis.config('GET', name)) as [string?, string?];
    return value;
  } catch (error) {
    if ((error as Error).name === 'ReplyError') return undefined;
    throw error;
  }
}
