import type { Redis } from 'ioredis';
import type { Mysql } from '../stores/mysql.ts';
import { isDuplicate, isLockConflict } from '../stores/mysqlErrors.ts';
import type { Metrics, MysqlErrorKind, RedisErrorKind } from './metrics.ts';

// Counted at the clients, so that no failure is missed by who catches it, and none is counted twice.

/** Counts what goes wrong on this connection. A command costs one closure more, and no promise. */
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

/** Undefined: no failure. A script that a new Redis has not heard of yet is sent again in full. */
function redisErrorKind({ name, message }: Error): RedisErrorKind | undefined {
  if (name === 'ReplyError') return message.startsWith('NOSCRIPT') ? undefined : 'refused';
  return message === 'Command timed out' ? 'timeout' : 'connection';
}

/** Counts what goes wrong in queries of this pool, and where it gets no connection for one. */
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
