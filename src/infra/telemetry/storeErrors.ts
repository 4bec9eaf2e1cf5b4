import type { Redis } from 'ioredis';
import type { Mysql } from '../stores/mysql.ts';
import { isDuplicate, isLockConflict } from '../stores/mysqlErrors.ts';
import type { Metrics, MysqlErrorKind, RedisErrorKind } from './metrics.ts';

// Counted at the clients of the stores, so that every failure is counted once, wherever it is caught.

/** Counts the failures on this connection. It adds a closure to each command, and no promise. */
export function countRedisErrors(redis: Redis, metrics: Pick<Metrics, 'redisError'>): void {
  redis.on('error', () => metrics.redisError('connection'));
  const send = redis.sendCommand.bind(redis);
  redis.sendCommand = (command, stream) => {
    const { reject } = command;
    command.reject = (error) => {
      const kind = redisErrorKind(error);
      if (kind !== undefined) metrics.redisError(kind);
      reject(error);
    };
    return send(command, stream);
  };
}

/** Undefined when the error is no failure: after NOSCRIPT, which a new Redis replies, ioredis sends the script itself. */
function redisErrorKind({ name, message }: Error): RedisErrorKind | undefined {
  if (name === 'ReplyError') return message.startsWith('NOSCRIPT') ? undefined : 'refused';
  return message === 'Command timed out' ? 'timeout' : 'connection';
}

/** Counts the failed queries of this pool, and its failures to open a connection. */
export function countMysqlErrors(mysql: Mysql, metrics: Pick<Metrics, 'mysqlError'>): void {
  mysql.on('query-error', (error: unknown) => metrics.mysqlError(mysqlErrorKind(error)));
  mysql.client.pool.on('acquireFail', () => metrics.mysqlError('connection'));
}

function mysqlErrorKind(error: unknown): MysqlErrorKind {
  if (isDuplicate(error)) return 'duplicate';
  if (isLockConflict(error)) return 'lock-conflict';
  const { code, sqlState } = error as { code?: string; sqlState?: string };
  if (code === 'PROTOCOL_SEQUENCE_TIMEOUT') return 'timeout';
  return sqlState === undefined ? 'connection' : 'refused';
}
