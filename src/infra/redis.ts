import { Redis } from 'ioredis';
import { ConfigError } from '../config.ts';
import type { Closer } from './closers.ts';
import type { Log } from './log.ts';

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

/** What is sent in one turn of the event loop goes out in one write: a system call each would cost more than the commands. */
function writeTogether(redis: Redis): void {
  const send = redis.sendCommand.bind(redis);
  let corked = false;
  redis.sendCommand = (command, stream) => {
    const socket = redis.stream;
    if (!corked && socket !== undefined) {
      corked = true;
      socket.cork();
      process.nextTick(() => {
        corked = false;
        socket.uncork();
      });
    }
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
    throw new ConfigError(`REDIS_URL: can't reach Redis: ${(error as Error).message}`);
  }
  return opened;
}
