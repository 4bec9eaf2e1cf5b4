import { randomBytes } from 'node:crypto';
import { createConnection } from 'mysql2/promise';
import { readConfig, type ServerConfig } from '../../src/config.ts';
import { type Closer, openAll } from '../../src/infra/closers.ts';
import { openDataDir } from '../../src/infra/local/dataDir.ts';
import { openLocalRedis } from '../../src/infra/local/localRedis.ts';
import { createDataDir } from './dataDirs.ts';

/** An empty database on the MariaDB of the test run. */
export async function createDatabase(): Promise<string> {
  const { TEST_MYSQL_URL } = process.env;
  if (TEST_MYSQL_URL === undefined)
    throw new Error('TEST_MYSQL_URL is missing: this test needs the MariaDB of `npm test`');
  const url = new URL(TEST_MYSQL_URL);
  const connection = await createConnection({ socketPath: url.searchParams.get('socketPath') ?? '', user: 'root' });
  const database = `test_${randomBytes(6).toString('hex')}`;
  await connection.query(`CREATE DATABASE ${database}`);
  await connection.end();
  url.pathname = `/${database}`;
  return url.href;
}

/** `TEST_REDIS=cluster npm test -- http/contract`: the same tests on a Redis Cluster of their own, or by sentinels. */
async function ofWantedKind(single: string, remember: (close: Closer) => void): Promise<string> {
  const kind = process.env.TEST_REDIS;
  if (kind === undefined) return single;
  if (kind === 'cluster') {
    const { openRedisCluster } = await import('./redisCluster.ts');
    const { cluster, close } = await openRedisCluster();
    remember(close);
    return cluster.url;
  }
  if (kind !== 'sentinel') throw new Error(`TEST_REDIS is cluster or sentinel, and not ${kind}`);
  const { openRedisGroup } = await import('./redisGroup.ts');
  const { group, close } = await openRedisGroup();
  remember(close);
  return group.url;
}

/** An empty Redis of its own and an empty database, as settings of a server; `more` are added to them. */
export const openTestStores = (more: NodeJS.ProcessEnv = {}) =>
  openAll(async (remember) => {
    const { dataDir, close } = await openDataDir(createDataDir());
    remember(close);
    const redis = await openLocalRedis(dataDir, 'redis-server');
    remember(redis.close);
    const given = {
      PORT: '0',
      WORKERS: '1',
      REDIS_URL: await ofWantedKind(redis.url, remember),
      MYSQL_URL: await createDatabase(),
      JWT_SECRET: 'a secret of the tests that is long enough to be taken',
      LOG_LEVEL: process.env.LOG_LEVEL ?? 'silent',
      // The lowest cost that argon2 allows, since the tests are not about the strength of the hash.
      ARGON2_MEMORY_KIB: '8',
      ARGON2_PASSES: '1',
      ...more,
    };
    return { config: readConfig(given) as ServerConfig, environment: given, redis };
  });
