import { mkdirSync, rmSync } from 'node:fs';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { answers, type DataDir } from './dataDir.ts';
import type { LocalServer } from './keepRunning.ts';
import { startLocalProcess, waitForEnd } from './localProcess.ts';

const once = (socket: string) =>
  new Redis({
    path: socket,
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    commandTimeout: 5_000,
  });

/** When the connection has ended already, the client's `disconnect` starts a timer of two seconds that keeps the process alive. */
const disconnect = (redis: Redis) => {
  if (redis.status !== 'end') redis.disconnect();
};

async function ping(socket: string): Promise<void> {
  const redis = once(socket).on('error', () => {});
  try {
    await redis.connect();
    await redis.ping();
  } finally {
    disconnect(redis);
  }
}

async function shutDown(socket: string): Promise<void> {
  const redis = once(socket).on('error', () => {});
  await redis.connect();
  // Redis replies to a SHUTDOWN by closing the connection, so success is read from the pid file.
  await redis.shutdown('NOSAVE').catch(() => {});
  disconnect(redis);
}

const socketIn = (socketDir: string) => join(socketDir, 'redis.sock');
export const localRedisUrl = (socketDir: string) =>
  `unix://${socketIn(socketDir).split('/').map(encodeURIComponent).join('/')}`;

/** Starts the private Redis of this data folder, or takes over the server that a killed process left running. */
export async function openLocalRedis(dataDir: DataDir, program: string): Promise<LocalServer> {
  const folder = join(dataDir.path, 'redis');
  const socket = socketIn(dataDir.socketDir);
  const pidFile = join(folder, 'redis.pid');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const start = async () => {
    rmSync(pidFile, { force: true });
    const settings = {
      port: 0,
      unixsocket: socket,
      unixsocketperm: 600,
      pidfile: pidFile,
      dir: folder,
      // An acknowledged write is on the disk, and Redis evicts nothing (invariant 2 in docs/ARCHITECTURE.md).
      appendonly: 'yes',
      appendfsync: 'always',
      'no-appendfsync-on-rewrite': 'no',
      save: '',
      maxmemory: Math.floor(totalmem() / 2),
      'maxmemory-policy': 'noeviction',
    };
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
    await startLocalProcess({ program, args, logFile: join(folder, 'redis.log'), ready: () => ping(socket) });
  };
  if (!(await answers(socket))) await start();
  const close = async () => {
    if (!(await answers(socket))) return;
    await shutDown(socket);
    await waitForEnd(pidFile);
  };
  return { url: localRedisUrl(dataDir.socketDir), pidFile, start, close };
}
