import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';

/** What keeps every acknowledged write, as src/infra/stores/redisSafety.ts asks for. */
export const storeSettings = {
  appendonly: 'yes',
  appendfsync: 'always',
  'no-appendfsync-on-rewrite': 'no',
  'maxmemory-policy': 'noeviction',
  save: '',
  'repl-diskless-sync-delay': 0,
};

export type Command = [name: string, ...args: string[]];

/** One real redis-server with a folder of its own. */
export interface RedisServer {
  port: number;
  /** Undefined while the server does not run. */
  pid(): number | undefined;
  start(): Promise<void>;
  /** SIGTERM, as an operator stops it; resolves when the process is gone. */
  stop(): Promise<void>;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  freeze(): void;
  thaw(): void;
  /** Sends one command on a connection of its own. */
  send(...command: Command): Promise<unknown>;
}

/** How the tests log in, where the server asks for it. */
export interface Access {
  username?: string;
  password?: string;
  tls?: { ca: Buffer; servername: string };
}

interface Given {
  /** A folder for the folder of the server. */
  parent: string;
  port: number;
  /** Lines of redis.conf, by their first words. */
  settings: Record<string, string | number>;
  /** Options beside the file. */
  options?: readonly string[];
  access?: Access;
}

export function createRedisServer({ parent, port, settings, options = [], access = {} }: Given): RedisServer {
  const folder = join(parent, String(port));
  mkdirSync(folder);
  // Sentinel changes the file when it makes a server a replica, so that a restart does not make that server a master again.
  const file = join(folder, 'redis.conf');
  const lines = Object.entries({ port, bind: '127.0.0.1', dir: folder, ...settings }).map(
    ([name, value]) => `${name} ${value === '' ? '""' : value}`,
  );
  writeFileSync(file, lines.join('\n'));
  const send = (...command: Command) => sendTo(port, command, access);
  let child: ChildProcess | undefined;
  const end = async (signal: NodeJS.Signals) => {
    await endProcess(child, signal);
    child = undefined;
  };
  return {
    port,
    pid: () => child?.pid,
    async start() {
      child = spawn('redis-server', [file, ...options], { stdio: 'ignore' });
      await answering(port, send);
    },
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    send,
  };
}

async function endProcess(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}

async function answering(port: number, send: RedisServer['send']): Promise<void> {
  for (const limit = Date.now() + 20_000; Date.now() < limit; await sleep(20))
    if ((await send('PING').catch(() => undefined)) === 'PONG') return;
  throw new Error(`nothing answers on port ${port}`);
}

async function sendTo(port: number, [name, ...args]: Command, access: Access): Promise<unknown> {
  const once = { lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0, enableReadyCheck: false };
  const redis = new Redis(port, '127.0.0.1', { ...once, commandTimeout: 1_000, disableClientInfo: true, ...access });
  redis.on('error', () => {});
  try {
    await redis.connect();
    return await redis.call(name, ...args);
  } finally {
    redis.disconnect();
  }
}
