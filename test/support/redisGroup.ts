import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { Closer } from '../../src/infra/closers.ts';
import { freePort } from './freePort.ts';

const NAME = 'sale';
const SETTINGS = {
  bind: '127.0.0.1',
  appendonly: 'yes',
  appendfsync: 'always',
  'no-appendfsync-on-rewrite': 'no',
  'maxmemory-policy': 'noeviction',
  save: '',
  'repl-diskless-sync-delay': 0,
};

/** One redis-server of the group. */
export interface Member {
  port: number;
  start(): Promise<void>;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  freeze(): void;
  thaw(): void;
  /** Sends one command on a connection of its own. */
  send(...command: [string, ...string[]]): Promise<unknown>;
}

export interface RedisGroup {
  /** For REDIS_URL. */
  url: string;
  members: readonly Member[];
  /** The master as the sentinels know it. */
  master(): Promise<Member>;
  /** Resolves when so many replicas follow the master. */
  replicasFollow(count: number): Promise<void>;
  /** The master hands over to a replica, as an operator wants it. */
  failOver(): Promise<void>;
}

/** Three real redis-servers, a master and two replicas, and three real sentinels, on free ports with folders of their own. */
export async function openRedisGroup(): Promise<{ group: RedisGroup; close: Closer }> {
  const folder = mkdtempSync(join(tmpdir(), 'seckill-group-'));
  const [first, ...others] = [await freePort(), await freePort(), await freePort()];
  const members = [
    createMember(folder, Number(first)),
    ...others.map((port) => createMember(folder, port, { replicaof: `127.0.0.1 ${first}` })),
  ];
  for (const member of members) await member.start();
  const sentinels = await Promise.all([1, 2, 3].map(() => startSentinel(folder, Number(first))));

  const ask = async (...command: [string, ...string[]]) => {
    for (const { port } of sentinels) {
      const reply = await sendTo(port, command).catch(() => undefined);
      if (reply !== undefined) return reply;
    }
    throw new Error('no sentinel answers');
  };
  const group: RedisGroup = {
    url: `redis+sentinel://${sentinels.map(({ port }) => `127.0.0.1:${port}`).join()}/${NAME}`,
    members,
    async master() {
      const [, port] = (await ask('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME)) as [string, string];
      const master = members.find((member) => member.port === Number(port));
      if (master === undefined) throw new Error('the sentinels name a stranger');
      return master;
    },
    async replicasFollow(count) {
      for (const limit = Date.now() + 30_000; Date.now() < limit; await sleep(50)) {
        const info = await (await group.master()).send('INFO', 'replication').catch(() => '');
        if ((String(info).match(/state=online/g) ?? []).length >= count) return;
      }
      throw new Error('the replicas do not follow');
    },
    async failOver() {
      // The sentinels refuse while they have not found the replicas yet.
      for (const limit = Date.now() + 20_000; ; await sleep(200)) {
        const done = await ask('SENTINEL', 'FAILOVER', NAME).catch(() => undefined);
        if (done === 'OK') return;
        if (Date.now() > limit) throw new Error('no failover by hand');
      }
    },
  };
  await group.replicasFollow(2);
  await sentinelsKnow(sentinels);
  const close: Closer = async () => {
    for (const { stop } of sentinels) await stop();
    for (const member of members) await member.kill();
    rmSync(folder, { recursive: true, force: true });
  };
  return { group, close };
}

/** Resolves when every sentinel knows both replicas and the other two sentinels, so that they can fail over. */
async function sentinelsKnow(sentinels: readonly { port: number }[]): Promise<void> {
  for (const { port } of sentinels)
    for (const limit = Date.now() + 30_000; ; await sleep(100)) {
      const info = String(await sendTo(port, ['INFO', 'sentinel']).catch(() => ''));
      if (/slaves=2,sentinels=3/.test(info)) break;
      if (Date.now() > limit) throw new Error('the sentinels do not find each other');
    }
}

/** One redis-server that is not started yet, with a folder of its own in `parent`. `more` are added to its settings. */
export function createMember(parent: string, port: number, more: Record<string, string> = {}): Member {
  const folder = join(parent, String(port));
  mkdirSync(folder);
  // Sentinel changes the file when it makes this server a replica, so that a restart does not make it a master again.
  const file = join(folder, 'redis.conf');
  const lines = Object.entries({ port, dir: folder, ...SETTINGS, ...more }).map(
    ([name, value]) => `${name} ${value === '' ? '""' : value}`,
  );
  writeFileSync(file, lines.join('\n'));
  let child: ChildProcess | undefined;
  return {
    port,
    async start() {
      child = spawn('redis-server', [file], { stdio: 'ignore' });
      await answering(port);
    },
    async kill() {
      await end(child);
      child = undefined;
    },
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    send: (...command) => sendTo(port, command),
  };
}

async function startSentinel(parent: string, master: number): Promise<{ port: number; stop: () => Promise<void> }> {
  const port = await freePort();
  const folder = join(parent, `sentinel-${port}`);
  mkdirSync(folder);
  const file = join(folder, 'sentinel.conf');
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${folder}`,
    `sentinel monitor ${NAME} 127.0.0.1 ${master} 2`,
    `sentinel down-after-milliseconds ${NAME} 1000`,
    `sentinel failover-timeout ${NAME} 5000`,
    `sentinel parallel-syncs ${NAME} 2`,
  ];
  writeFileSync(file, lines.join('\n'));
  const child = spawn('redis-server', [file, '--sentinel'], { stdio: 'ignore' });
  await answering(port);
  return { port, stop: () => end(child) };
}

async function end(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

async function answering(port: number): Promise<void> {
  for (const limit = Date.now() + 20_000; Date.now() < limit; await sleep(20))
    if ((await sendTo(port, ['PING']).catch(() => undefined)) === 'PONG') return;
  throw new Error(`nothing answers on port ${port}`);
}

async function sendTo(port: number, [name, ...args]: [string, ...string[]]): Promise<unknown> {
  const once = { lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0, enableReadyCheck: false };
  const redis = new Redis(port, '127.0.0.1', { ...once, commandTimeout: 1_000, disableClientInfo: true });
  redis.on('error', () => {});
  try {
    await redis.connect();
    return await redis.call(name, ...args);
  } finally {
    redis.disconnect();
  }
}
