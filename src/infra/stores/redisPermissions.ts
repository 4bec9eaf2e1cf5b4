import { createHash, randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { OperatorError } from '../../operatorError.ts';
import { keys, liveChannel } from '../keys.ts';
import { type DataSet, tagIn } from '../shards/dataSet.ts';

const SCRIPT = "return cjson.encode({redis.call('TIME')[1], tonumber('1'), #redis.call('INFO', 'replication')})";
const SCRIPT_SHA = createHash('sha1').update(SCRIPT).digest('hex');

/**
 * Every command that the system sends or that its scripts call, with arguments that only touch the keys of a trial, in an order that
 * lets each succeed. A test holds the table against the source.
 */
const trials = (a: string, b: string, channel: string): readonly (readonly [command: string, ...args: string[]])[] => [
  ['PING'],
  ['TIME'],
  ['INFO', 'server'],
  ['INFO', 'replication'],
  ['SET', a, '1', 'EX', '60'],
  ['GET', a],
  ['SETNX', a, '2'],
  ['EXISTS', a],
  ['INCR', a],
  ['INCRBY', a, '1'],
  ['PTTL', a],
  ['EXPIRE', a, '60'],
  ['RENAME', a, b],
  ['PERSIST', b],
  ['DEL', b],
  ['HSET', a, 'field', '1'],
  ['HGET', a, 'field'],
  ['HMGET', a, 'field'],
  ['HGETALL', a],
  ['HKEYS', a],
  ['HVALS', a],
  ['HINCRBY', a, 'field', '1'],
  ['HLEN', a],
  ['HSCAN', a, '0', 'COUNT', '1'],
  ['HEXISTS', a, 'field'],
  ['HDEL', a, 'field'],
  ['UNLINK', a],
  ['ZADD', a, '1', 'member'],
  ['ZRANGE', a, '0', '-1'],
  ['ZREVRANGE', a, '0', '-1'],
  ['ZRANGEBYSCORE', a, '(0', '+inf'],
  ['ZSCORE', a, 'member'],
  ['ZCARD', a],
  ['ZREM', a, 'member'],
  ['ZREMRANGEBYRANK', a, '0', '-9'],
  ['UNLINK', a],
  ['SADD', a, 'member'],
  ['SCARD', a],
  ['SSCAN', a, '0', 'COUNT', '1'],
  ['SREM', a, 'member'],
  ['XADD', a, '1-1', 'field', 'value'],
  ['XLEN', a],
  ['XRANGE', a, '-', '+', 'COUNT', '1'],
  ['XREVRANGE', a, '+', '-', 'COUNT', '1'],
  ['XDEL', a, '1-1'],
  ['UNLINK', a],
  ['SCAN', '0', 'MATCH', a, 'COUNT', '1'],
  ['SCRIPT', 'LOAD', SCRIPT],
  ['EVALSHA', SCRIPT_SHA, '0'],
  ['EVAL', SCRIPT, '0'],
  ['PUBLISH', channel, 'trial'],
  ['PUBSUB', 'NUMSUB', channel],
  ['WAIT', '0', '1'],
  ['MULTI'],
  ['EXEC'],
];

/** Sent on connections of their own, or inside ioredis; and CONFIG GET, whose refusal `redisSafety.ts` reports. */
const otherCommands = ['SUBSCRIBE', 'UNSUBSCRIBE', 'SELECT', 'HELLO', 'CONFIG'] as const;
/** The commands that are sent to a Redis Cluster alone. */
export const clusterCommands = ['CLUSTER'] as const;
export const clusterRules = '+cluster|info +cluster|slots';

export const usedCommands: readonly string[] = [
  ...new Set([...trials('', '', '').map(([command]) => command), ...otherCommands]),
];

/** The rules of an ACL user that suffices, for `ACL SETUSER`: what docs/OPERATIONS.md shows. */
export const aclRules = [
  'resetchannels',
  '~seckill:*',
  '&seckill:*',
  ...[...usedCommands].sort().map((command) => (command === 'CONFIG' ? '+config|get' : `+${command.toLowerCase()}`)),
].join(' ');

/**
 * Tries everything that the system needs, one script included, and resolves to what is missing: a limited user would otherwise be
 * found out by the first grab.
 */
export async function findMissingPermissions(redis: Redis, dataSet: DataSet): Promise<string[]> {
  const run = randomUUID();
  const channel = liveChannel(redis.options.db ?? 0);
  const tag = tagIn(dataSet);
  const table = trials(keys.trial(tag, run, 'a'), keys.trial(tag, run, 'b'), channel);
  const pipeline = redis.pipeline();
  for (const [command, ...args] of table) pipeline.call(command, ...args);
  const replies = (await pipeline.exec()) ?? [];
  const errors: [command: string, error: Error][] = replies.flatMap(([error], place) =>
    error === null ? [] : [[table[place]?.[0] ?? '', error]],
  );
  await subscribeOnce(redis, channel).catch((error) => errors.push(['SUBSCRIBE', error]));
  return [...new Set(errors.flatMap(([command, error]) => missingPermission(command, error) ?? []))];
}

/** Throws OperatorError with what is missing. */
export async function mustHavePermissions(redis: Redis, dataSet: DataSet): Promise<void> {
  const missing = await findMissingPermissions(redis, dataSet);
  if (missing.length > 0)
    throw new OperatorError(
      `REDIS_URL: its user lacks permissions: ${missing.join(', ')} (docs/OPERATIONS.md shows an ACL that suffices)`,
    );
}

async function subscribeOnce(redis: Redis, channel: string): Promise<void> {
  const subscriber = redis.duplicate({ retryStrategy: () => null });
  subscriber.on('error', () => {});
  try {
    await subscriber.connect();
    await subscriber.subscribe(channel);
  } finally {
    subscriber.disconnect();
  }
}

/** The permission that an error is about; undefined for an error that is about something else. */
function missingPermission(command: string, { message }: Error): string | undefined {
  if (/^ERR unknown (sub)?command/i.test(message)) return `${command} (unknown to this server)`;
  if (/not allowed from script/i.test(message)) return 'INFO in scripts';
  if (!message.startsWith('NOPERM') && !/cjson/.test(message)) return undefined;
  if (/cjson/.test(message)) return 'the Lua library cjson';
  if (/access.* channel/i.test(message)) return 'channels seckill:*';
  if (/access.* key/i.test(message)) return 'keys seckill:*';
  return command;
}
