import { Redis } from 'ioredis';
import type { Closer } from '../closers.ts';
import { parseRedisUrl, type RedisAddress } from '../stores/redisUrl.ts';
import type { Log } from '../telemetry/log.ts';

/** How long a command may take. A grab that Redis reaches later decides nothing, since its client has got 503 by then. */
export const COMMAND_TIMEOUT_MS = 3_000;
/** A connection that is silent for this long is taken for dead and replaced, even if TCP still considers it open. */
const SOCKET_TIMEOUT_MS = 5_000;
/**
 * A connection that only listens sends a PING this often. Proxies and firewalls cut connections that are silent for long, often without
 * a word to either side, and a process that misses the message of a log-out goes on accepting its token.
 */
const PING_EVERY_MS = 5_000;

// A command is sent once. When its reply is lost, its outcome is unknown, and a second attempt would answer a winner
// "already grabbed"; so the command fails immediately, and the client gets 503. The settings belong together: with the resend
// alone switched off, a command in flight would never settle.
const sendOnce = {
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  enableOfflineQueue: false,
  commandTimeout: COMMAND_TIMEOUT_MS,
  socketTimeout: SOCKET_TIMEOUT_MS,
};

const pauseBefore = (attempt: number) => Math.min(50 * attempt, 500);

/**
 * A sentinel that is silent is passed over, and all of them are asked again for ever. A frozen master that was replaced is left at once,
 * with what was not sent to it yet, since it would carry that out when it wakes.
 */
const askingSentinels = { sentinelRetryStrategy: pauseBefore, sentinelCommandTimeout: 1_000, disconnectTimeout: 0 };

/**
 * Opens a connection that reconnects by itself for ever, to a URL or to what `parseRedisUrl` has read of one. `lastError` is why the last
 * attempt failed: the client itself only says that a connection is closed. `next`, where it is given, says before each further attempt
 * where it goes; undefined means to the address of the attempt before.
 */
export function connectRedis(
  target: string | RedisAddress,
  log: Log,
  next?: () => { host: string; port: number } | undefined,
): { redis: Redis; lastError: () => Error | undefined; close: Closer } {
  const address = typeof target === 'string' ? parseRedisUrl(target) : target;
  const hasSentinels = address.sentinels !== undefined;
  const redis: Redis = new Redis({
    ...sendOnce,
    lazyConnect: true,
    connectTimeout: 5_000,
    // It would tell the server the name and version of this library, with a command whose other uses cut off or stop clients.
    disableClientInfo: true,
    // The client reads the address from its options at each attempt.
    retryStrategy(attempt) {
      Object.assign(redis.options, next?.());
      return pauseBefore(attempt);
    },
    ...(hasSentinels ? askingSentinels : {}),
    ...address,
  });
  let lastError: Error | undefined;
  let refused: Error | undefined;
  redis.on('error', (error) => {
    lastError = error;
    log.warn({ err: error }, 'Redis connection failed; reconnecting');
  });
  redis.on('ready', () => {
    lastError = undefined;
    refused = undefined;
  });
  refuseWrongDatabase(redis, (error) => (refused = error));
  writeTogether(redis);
  const timer = setInterval(() => {
    // Without a reply, the connection is replaced after SOCKET_TIMEOUT_MS.
    if (redis.status === 'ready') redis.ping().catch(() => {});
  }, PING_EVERY_MS).unref();
  const close = () => {
    clearInterval(timer);
    redis.disconnect();
  };
  return { redis, lastError: () => refused ?? lastError, close };
}

/**
 * When SELECT is refused (no such database, or none for this user), the client would go on in database 0, which may hold another
 * data set. Its reply comes before the connection is ready, and an unready connection sends nothing: it is closed at once.
 */
function refuseWrongDatabase(redis: Redis, onRefused: (error: Error) => void): void {
  const select = redis.select.bind(redis) as (database: number) => Promise<'OK'>;
  redis.select = ((database: number) =>
    select(database).catch((error) => {
      onRefused(error);
      redis.disconnect(true);
      throw error;
    })) as typeof redis.select;
}

/** The commands of queries. They may wait until all requests of this turn of the event loop have been read. */
const READS = new Set(['get', 'hget', 'hmget', 'time', 'zrange', 'zrangebyscore']);

/**
 * Sends commands of one turn of the event loop in one write, since a system call for each would cost more than the commands. Reads
 * are gathered until the end of the turn; any other command is written as soon as the callback that sends it has returned.
 */
function writeTogether(redis: Redis): void {
  const send = redis.sendCommand.bind(redis);
  let corked: typeof redis.stream | undefined;
  const release = () => {
    corked?.uncork();
    corked = undefined;
  };
  redis.sendCommand = (command, stream) => {
    if (corked === undefined && redis.stream !== undefined) {
      corked = redis.stream;
      corked.cork();
      setImmediate(release);
    }
    if (!READS.has(command.name)) process.nextTick(release);
    return send(command, stream);
  };
}

/** A plain server that gets a TLS handshake closes the connection or answers in the clear, and the error names neither. */
export function causeOf(error: Error & { code?: string }, isTls: boolean): string {
  const { code = '', message } = error;
  if (code.startsWith('ERR_SSL_')) return `the server does not speak TLS on this port (${code}); use redis://`;
  if (message.endsWith('ETIMEDOUT') && isTls)
    return 'no reply to the TLS handshake (ETIMEDOUT); does the server speak TLS on this port?';
  if (message.startsWith('NOAUTH')) return 'a password is required (NOAUTH)';
  if (code === 'ECONNRESET') return `the server closed the connection (${code}); does it expect TLS (rediss://)?`;
  return message || code || error.name;
}
