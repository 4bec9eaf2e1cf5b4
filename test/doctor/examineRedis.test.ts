import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { examineRedis, type RedisFacts, redisChecks } from '../../src/doctor/examineRedis.ts';
import type { Finding, Verdict } from '../../src/doctor/finding.ts';
import { openDataDir } from '../../src/infra/local/dataDir.ts';
import { findProgram } from '../../src/infra/local/install.ts';
import { openLocalRedis } from '../../src/infra/local/localRedis.ts';
import { wholeDataSet } from '../../src/infra/shards/dataSet.ts';
import { openRedis } from '../../src/infra/stores/redis.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { createDataDir } from '../support/dataDirs.ts';

// Each check meets a real Redis with the setting that it is about.

const log = createLog('silent');
const { dataDir, close: closeDataDir } = await openDataDir(createDataDir());
const server = await openLocalRedis(dataDir, findProgram('redis-server') ?? '');
const { redis, close: closeRedis } = await openRedis(server.url, log);
const test = suite('doctor: Redis');
const WORKERS = 8;

const set = (name: string, value: string) => () => redis.config('SET', name, value);
const find = async (name: string): Promise<Finding> => {
  const found = (await examineRedis(redis, wholeDataSet, WORKERS)).find((finding) => finding.name === name);
  if (found === undefined) throw new Error(`no check is named ${name}`);
  return found;
};

interface Case {
  check: string;
  spoil: () => Promise<unknown>;
  restore: () => Promise<unknown>;
  value: RegExp;
  verdict: Verdict;
}
const setting = (
  check: string,
  name: string,
  [bad, good]: [string, string],
  value: RegExp,
  verdict: Verdict,
): Case => ({
  check,
  spoil: set(name, bad),
  restore: set(name, good),
  value,
  verdict,
});
const acl = (...rules: string[]) => redis.acl('SETUSER', 'default', ...rules);
/** Two changes of a server: the second one needs the first. */
const both =
  (...changes: (() => Promise<unknown>)[]) =>
  async () => {
    for (const change of changes) await change();
  };

const usedMemory = async () => Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1]);

const cases: Case[] = [
  setting('appendonly', 'appendonly', ['no', 'yes'], /^no$/, 'unsafe'),
  setting('appendfsync', 'appendfsync', ['everysec', 'always'], /^everysec$/, 'unsafe'),
  setting('no-appendfsync-on-rewrite', 'no-appendfsync-on-rewrite', ['yes', 'no'], /^yes$/, 'unsafe'),
  setting('maxmemory-policy', 'maxmemory-policy', ['allkeys-lru', 'noeviction'], /^allkeys-lru$/, 'unsafe'),
  setting('rewrite of the append-only file', 'auto-aof-rewrite-percentage', ['0', '100'], /^0$/, 'note'),
  setting('memory', 'maxmemory', ['0', '1gb'], /of no limit$/, 'note'),
  setting('memory', 'maxmemory', ['1mb', '1gb'], / of 1\.00M$/, 'unsafe'),
  setting('clients', 'maxclients', ['20', '10000'], /^\d+ of 20$/, 'unsafe'),
  setting('idle clients', 'timeout', ['5', '0'], /^disconnected after 5 s$/, 'note'),
  setting('replicas that must confirm', 'min-replicas-to-write', ['1', '0'], /^1$/, 'note'),
  {
    check: 'permissions',
    spoil: () => acl('-zadd'),
    restore: () => acl('+zadd'),
    value: /^without ZADD$/,
    verdict: 'unsafe',
  },
  {
    check: 'appendfsync',
    spoil: () => acl('-config'),
    restore: () => acl('+config'),
    value: /^not readable$/,
    verdict: 'unsafe',
  },
  {
    check: 'role',
    spoil: () => redis.replicaof('127.0.0.1', 1),
    restore: () => redis.replicaof('NO', 'ONE'),
    value: /^slave$/,
    verdict: 'unsafe',
  },
  {
    check: 'evicted keys',
    spoil: both(
      () => redis.set('other', 'x'.repeat(4_000_000)),
      set('maxmemory-policy', 'allkeys-lru'),
      async () => redis.config('SET', 'maxmemory', String((await usedMemory()) - 1_000_000)),
      () => redis.set('another', 'x'),
    ),
    restore: both(set('maxmemory', '1gb'), set('maxmemory-policy', 'noeviction'), () => redis.config('RESETSTAT')),
    value: /^[1-9]\d*$/,
    verdict: 'unsafe',
  },
];

await redis.config('SET', 'maxmemory', '1gb');

test('given the settings of the private Redis, there is no problem', async () => {
  const findings = await examineRedis(redis, wholeDataSet, WORKERS);
  assert.equal(
    findings.filter(({ problem }) => problem !== undefined),
    [],
  );
  assert.equal(
    findings.map(({ name }) => name),
    redisChecks.map(({ name }) => name).filter((name) => !name.startsWith('cluster-')),
  );
});

for (const { check, spoil, restore, value, verdict } of cases) {
  test(`${check} that is ${value.source} is ${verdict}, and good again after it is mended`, async () => {
    await spoil();
    const found = await find(check);
    await restore();
    assert.match(found.value, value);
    assert.is(found.problem?.verdict, verdict, JSON.stringify(found));
    assert.is((await find(check)).problem, undefined);
  });
}

test('a Redis in cluster mode is unsafe', async () => {
  const folder = createDataDir();
  const program = join(folder, 'redis-server');
  writeFileSync(program, `#!/bin/sh\nexec ${findProgram('redis-server')} "$@" --cluster-enabled yes\n`);
  chmodSync(program, 0o700);
  const { dataDir: clusterDir, close } = await openDataDir(folder);
  const cluster = await openLocalRedis(clusterDir, program);
  const opened = await openRedis(cluster.url, log);
  const found = (await examineRedis(opened.redis, wholeDataSet, WORKERS)).find(({ name }) => name === 'cluster mode');
  await opened.close();
  await cluster.close();
  await close();
  assert.is(found?.value, 'on');
  assert.is(found?.problem?.verdict, 'unsafe');
});

test('a check for which no server is at hand: the version', () => {
  const problemOf = (info: Record<string, string>) =>
    redisChecks.find(({ name }) => name === 'version')?.problem({ info } as unknown as RedisFacts)?.verdict;
  assert.is(problemOf({ redis_version: '5.0.14' }), 'unsafe');
  assert.is(problemOf({ redis_version: '6.0.16' }), undefined);
  assert.is(problemOf({ redis_version: '7.2.4', valkey_version: '9.1.2' }), undefined);
});

/** INFO shows the outcome when the process that Redis has forked has ended. */
async function failed(client: Redis, field: string): Promise<void> {
  for (const limit = Date.now() + 10_000; Date.now() < limit; await sleep(20))
    if ((await client.info('persistence')).includes(`${field}:err`)) return;
  throw new Error(`${field} is still ok`);
}

// The last one, since the folder of this Redis is gone afterwards.
test('a Redis that cannot write its files is unsafe', async () => {
  rmSync(join(dataDir.path, 'redis'), { recursive: true });
  // Some releases refuse it at once, others fail later.
  await redis.bgrewriteaof().catch(() => {});
  await failed(redis, 'aof_last_bgrewrite_status');
  await redis.bgsave();
  await failed(redis, 'rdb_last_bgsave_status');

  for (const check of ['append-only file', 'last snapshot']) {
    const found = await find(check);
    assert.match(found.value, /err$/);
    assert.is(found.problem?.verdict, 'unsafe');
  }
});

test.after(async () => {
  await closeRedis();
  await server.close();
  await closeDataDir();
});
test.run();
