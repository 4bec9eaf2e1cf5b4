import type { Redis } from 'ioredis';
import { OperatorError } from '../../operatorError.ts';
import { openClusterMasters } from '../shards/clusterMasters.ts';
import { causeOf, connectRedis } from '../shards/connectRedis.ts';
import { type OpenedMasters, onlyMaster } from '../shards/masters.ts';
import type { Log } from '../telemetry/log.ts';
import { parseRedisUrl, type RedisAddress } from './redisUrl.ts';
import { encodingHint } from './urlParameters.ts';

/**
 * The first connection, to one Redis or to the masters of a Redis Cluster. Throws OperatorError with the cause, where later connections
 * are retried for ever.
 */
export async function openRedis(url: string, log: Log): Promise<OpenedMasters> {
  const { seeds, ...address } = parseRedisUrl(url);
  if (seeds !== undefined) return openClusterMasters({ ...address, seeds }, log);
  const connect = () => connectRedis(address, log);
  const { redis, close } = await connectOnce(connect, address, url);
  return { masters: onlyMaster(redis, connect), redis, close };
}

async function connectOnce(
  connect: () => ReturnType<typeof connectRedis>,
  { sentinels, tls }: RedisAddress,
  url: string,
) {
  // While nothing listens yet, the cause is in the error that is thrown, once.
  const { redis, lastError, close } = connect();
  try {
    // While no sentinel answers, the client tells why and goes on asking.
    const failed = new Promise<never>((_, reject) => sentinels && redis.once('error', reject));
    await Promise.race([redis.connect(), failed]);
    await redis.ping();
  } catch (error) {
    await close();
    const cause = causeOf(lastError() ?? (error as Error), tls !== undefined);
    throw new OperatorError(`REDIS_URL: cannot reach Redis: ${cause}${encodingHint(url)}`);
  }
  return { redis: redis as Redis, close };
}
