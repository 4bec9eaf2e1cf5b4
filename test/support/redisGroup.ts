import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Closer } from '../../src/infra/closers.ts';
import { freePort } from './freePort.ts';
import { type Command, createRedisServer, type RedisServer, storeSettings } from './redisServer.ts';

const NAME = 'sale';

export interface RedisGroup {
  /** For REDIS_URL. */
  url: string;
  members: readonly RedisServer[];
  /** The master as the sentinels know it. */
  master(): Promise<RedisServer>;
  /** Resolves when so many replicas follow the master. */
  replicasFollow(count: number): Promise<void>;
  /** The master hands over to a replica, as an operator wants it. */
  failOver(): Promise<void>;
}

/** Three real redis-servers, a master and two replicas, and three real sentinels, on free ports with folders of their own. */
export async function openRedisGroup(): Promise<{ group: RedisGroup; close: Closer }> {
  const folder = mkdtempSync(join(tmpdir(), 'seckill-group-'));
  const [first, ...others] = [await freePort(), await freePort(), await freePort()].map((port, place, [master]) =>
    createRedisServer({
      parent: folder,
      port,
      settings: { ...storeSettings, ...(place === 0 ? {} : { replicaof: `127.0.0.1 ${master}` }) },
    }),
  );
  if (first === undefined) throw new Error('three members are needed');
  const members = [first, ...others];
  for (const member of members) await member.start();
  const sentinels = await Promise.all([1, 2, 3].map(() => startSentinel(folder, first.port)));

  const ask = async (...command: Command) => {
    for (const sentinel of sentinels) {
      const reply = await sentinel.send(...command).catch(() => undefined);
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
    for (const server of [...sentinels, ...members]) await server.kill();
    rmSync(folder, { recursive: true, force: true });
  };
  return { group, close };
}

/** Resolves when every sentinel knows both replicas and the other two sentinels, so that they can fail over. */
async function sentinelsKnow(sentinels: readonly RedisServer[]): Promise<void> {
  for (const sentinel of sentinels)
    for (const limit = Date.now() + 30_000; ; await sleep(100)) {
      const info = String(await sentinel.send('INFO', 'sentinel').catch(() => ''));
      if (/slaves=2,sentinels=3/.test(info)) break;
      if (Date.now() > limit) throw new Error('the sentinels do not find each other');
    }
}

async function startSentinel(parent: string, master: number): Promise<RedisServer> {
  const settings = {
    [`sentinel monitor ${NAME}`]: `127.0.0.1 ${master} 2`,
    [`sentinel down-after-milliseconds ${NAME}`]: 1000,
    [`sentinel failover-timeout ${NAME}`]: 5000,
    [`sentinel parallel-syncs ${NAME}`]: 2,
  };
  const sentinel = createRedisServer({ parent, port: await freePort(), settings, options: ['--sentinel'] });
  await sentinel.start();
  return sentinel;
}
