import { Redis } from 'ioredis';
import { OperatorError } from '../../operatorError.ts';
import type { Closer } from '../closers.ts';
import type { Log } from '../telemetry/log.ts';

/** How long a command may take. A grab that Redis reaches later decides nothing, since its client has got 503 by then. */
export const COMMAND_TIMEOUT_MS = 3_000;
/** A connection that is silent for this long is taken for dead and replaced, even if TCP still considers it open. */
const SOCKET_TIMEOUT_MS = 5_000;

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

/** Opens a connection that reconnects for ever. `url` is redis://, rediss:// or unix:///path/of/socket. */
export function connectRedis(url: string, log: Log): { redis: Redis; close: Closer } {
  const { protocol, pathname } = new URL(url);
  const options = {
    ...sendOnce,
    lazyConnect: true,
    connectTimeout: 5_000,
    retryStrategy: (attempt: number) => Math.min(50 * attempt, 500),
  };
  const redis =
    protocol === 'unix:' ? new Redis({ ...options, path: decodeURIComponent(pathname) }) : new Redis(url, options);
  redis.on('error', (error) => log.warn({ err: error }, 'Redis connection failed; reconnecting'));
  writeTogether(redis);
  return { redis, close: () => redis.disconnect() };
}

/** The commands of queries. They may wait until all requests of this turn of the event loop have been read. */
const READS = new Set(['get', 'zrange', 'hmget']);

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

/** Opens the first connection. A failure throws OperatorError with the name of the setting; only later connections are retried. */
export async function openRedis(url: string, log: Log): Promise<{ redis: Redis; close: Closer }> {
  const opened = connectRedis(url, log);
  try {
    await opened.redis.connect();
    await opened.redis.ping();
  } catch (error) {
    await opened.close();
    throw new OperatorError(`REDIS_URL: cannot reach Redis: ${(error as Error).message}`);
  }
  return opened;
}
