import { readdirSync } from 'node:fs';
import { keys, PARTITIONS } from '../infra/keys.ts';
import { connectOnce } from '../infra/stores/mysql.ts';
import { isTableUnknown } from '../infra/stores/mysqlErrors.ts';
import { parseMysqlUrl } from '../infra/stores/mysqlUrl.ts';
import { openRedis } from '../infra/stores/redis.ts';
import { createLog } from '../infra/telemetry/log.ts';
import { OperatorError } from '../operatorError.ts';
import { runOn } from '../projections/log/readLog.ts';
import type { RunSql } from '../projections/log/sql.ts';

// These checks read the stores and change nothing.

const UNKNOWN_DATABASE = 1049;
const errno = (error: unknown) => (error as { errno?: number }).errno;

/** Throws OperatorError unless the database has exactly the tables of this version. */
export async function mustHaveTables(mysqlUrl: string): Promise<void> {
  const applied = await onConnection(mysqlUrl, async (run) => {
    const rows = await run('SELECT name FROM knex_migrations').catch((error) => {
      if (isTableUnknown(error)) return [];
      throw error;
    });
    return rows.map(({ name }) => String(name));
  });
  const known = readdirSync(new URL('../../migrations/', import.meta.url))
    .map((file) => file.replace(/\.ts$/, ''))
    .sort();
  const missing = known.filter((name) => !applied.includes(name));
  const newer = applied.filter((name) => !known.includes(name));
  const { database } = parseMysqlUrl(mysqlUrl);
  if (applied.length === 0)
    throw new OperatorError(`MYSQL_URL: the database ${database} has no tables of seckill: start the server once`);
  if (missing.length > 0)
    throw new OperatorError(
      `MYSQL_URL: the tables are of an older version (${missing.join(', ')} is missing): run \`npm run migrate\` first`,
    );
  if (newer.length > 0)
    throw new OperatorError(`MYSQL_URL: the tables are of a newer version, which has ${newer.join(', ')}`);
}

/** Throws OperatorError if the log has an event: checked before an import migrates the tables. */
export async function mustHaveEmptyLog(mysqlUrl: string): Promise<void> {
  const rows = await onConnection(mysqlUrl, (run) =>
    run('SELECT position FROM event_log LIMIT 1').catch((error) => {
      if (isTableUnknown(error)) return [];
      throw error;
    }),
  );
  if (rows.length > 0)
    throw new OperatorError('event_log is not empty: an export can only be imported into an empty database');
}

async function onConnection<T>(mysqlUrl: string, work: (run: RunSql) => Promise<T>): Promise<T> {
  const { connection, close } = await connectOnce(mysqlUrl).catch((error) => {
    if (error instanceof OperatorError) throw error;
    const { database } = parseMysqlUrl(mysqlUrl);
    if (errno(error) === UNKNOWN_DATABASE)
      throw new OperatorError(`MYSQL_URL: there is no database ${database}: start the server once`);
    throw new OperatorError(`MYSQL_URL: cannot reach MySQL: ${error.message || error.code}`);
  });
  try {
    return await work(runOn(connection));
  } finally {
    await close();
  }
}

/** Throws OperatorError unless a server has built the write model in this Redis. */
export async function mustHaveWriteModel(redisUrl: string): Promise<void> {
  const { redis, close } = await openRedis(redisUrl, createLog('silent'));
  try {
    const [partitions, fence] = await Promise.all([redis.get(keys.partitions), redis.get(keys.fence(0))]);
    if (partitions == null || fence == null)
      throw new OperatorError(
        'REDIS_URL: Redis has not been built yet: start the server once, and wait until it has built Redis from the log',
      );
    if (partitions !== String(PARTITIONS))
      throw new OperatorError(
        `REDIS_URL: its data has ${partitions} partitions, this program works with ${PARTITIONS}`,
      );
  } finally {
    await close();
  }
}
