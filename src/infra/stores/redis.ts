import { Redis } from 'ioredis';
import { OperatorError } from '../../operatorError.ts';
import type { Closer } from '../closers.ts';
import type { Log } from '../telemetry/log.ts';

/** How long a command is waited for. A grab that Redis gets to later than this does nothing: its caller has heard 503 by then. */
export const COMMAND_TIMEOUT_MS = 3_000;
/** A connection that is silent for so long is dead, whatever TCP believes; it is replaced. */
const SOCKET_TIMEOUT_MS = 5_000;

// A command is sent once. When its reply is lost, nobody knows whether it was carried out, and sending it again would tell a
// winner "already grabbed"; so it fails at once instead, and the caller answers 503. The settings belong together: without
// the resend alone, a command in flight would never settle.
const sendOnce = {
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  enableOfflineQueue: false,
  commandTimeout: COMMAND_TIMEOUT_MS,
  socketTimeout: SOCKET_TIMEOUT_MS,
};

/** Opens a connection that reconnects by itself for ever. `url` is redis://, rediss:// or unix:///path/of/socket. */
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
  redis.on('error', (error) => log.warn({ err: error }, 'redis connection'));
  writeTogether(redis);
  return { redis, close: () => redis.disconnect() };
}

/** What queries send: it can wait until all requests of this turn of the event loop have been read. */
const READS = new Set(['get', 'zrange', 'hmget']);

/**
 * What is sent together goes out in one write: a system call each would cost more than the commands. Reads of many requests are
 * gathered in one turn of the event loop; anything else goes as soon as the callback that sends it has ended.
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

/** The first connection: fails with the setting's name, where later ones are tried again for ever. */
export async function openRedis(url: string, log: Log): Promise<{ redis: Redis; close: Closer }> {
  const opened = connectRedis(url, log);
  try {
    await opened.redis.connect();
    await opened.redis.ping();
  } catch (error) {
    await opened.close();
    throw new OperatorError(`REDIS_URL: can't reach Redis: ${(error as Error).message}`);
  }
  return opened;
}
