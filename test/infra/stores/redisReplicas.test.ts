import { rejects } from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { examineRedis } from '../../../src/doctor/examineRedis.ts';
import type { Closer } from '../../../src/infra/closers.ts';
import { openReplicas } from '../../../src/infra/replication/replicas.ts';
import { readReplication } from '../../../src/infra/replication/replicationInfo.ts';
import { findWaitaof } from '../../../src/infra/replication/waitCommand.ts';
import { connectRedis } from '../../../src/infra/shards/connectRedis.ts';
import { wholeDataSet } from '../../../src/infra/shards/dataSet.ts';
import { openRedis } from '../../../src/infra/stores/redis.ts';
import { createRedisSafety } from '../../../src/infra/stores/redisSafety.ts';
import { createLog, type Log } from '../../../src/infra/telemetry/log.ts';
import { openSystem } from '../../../src/system.ts';
import { freePort } from '../../support/freePort.ts';
import { createRedisServer, storeSettings } from '../../support/redisServer.ts';
import { openTestStores } from '../../support/testStores.ts';
import { customer, givenCoupon, grabOutcome } from '../../support/testSystem.ts';
import { until } from '../../support/until.ts';

// A real master and a real replica of it, at a plain URL.

const folder = mkdtempSync(join(tmpdir(), 'seckill-replicas-'));
const [port, replicaPort, clusterPort, busPort] = [
  await freePort(),
  await freePort(),
  await freePort(),
  await freePort(),
];
/** One redis-server that is not started yet. */
const createMember = (parent: string, port: number, more: Record<string, string> = {}) =>
  createRedisServer({ parent, port, settings: { ...storeSettings, ...more } });
const master = createMember(folder, port);
const replica = createMember(folder, replicaPort, { replicaof: `127.0.0.1 ${port}` });
await master.start();
const silent = createLog('silent');
const { redis, close } = await openRedis(`redis://127.0.0.1:${port}`, silent);
const { config, close: closeStores } = await openTestStores({ REDIS_URL: `redis://127.0.0.1:${port}` });
const closers: Closer[] = [];
const test = suite('a Redis with replicas');

const follows = async () => /slave0:.*state=online/.test(await redis.info('replication'));
/** What is said when Redis is checked twice. */
async function warningsOf(on = redis, waitReplicas?: number): Promise<string[]> {
  const warnings: string[] = [];
  const log = { ...silent, warn: (text: string) => void warnings.push(text) } as unknown as Log;
  const safety = createRedisSafety({ redis: on, waitReplicas, allowUnsafeRedis: false, log });
  await safety.mustBeSafe();
  await safety.mustBeSafe();
  return warnings;
}
const problemOf = async (name: RegExp, waitReplicas?: number) =>
  (await examineRedis(redis, wholeDataSet, 1, waitReplicas)).find((finding) => name.test(finding.name))?.problem
    ?.verdict;

test('a replica that joins during a sale is noticed, and from then on every success waits for it', async () => {
  const { system, close: closeSystem } = await openSystem(config, silent);
  closers.push(closeSystem);
  assert.is(system.shardOf(0).replicas.confirm(), undefined);
  await givenCoupon(system, 'ann', 'spring', 10);
  await replica.start();
  await until('the replica follows', follows);

  await until(
    'a success waits for it',
    () =>
      system
        .shardOf(0)
        .replicas.confirm()
        ?.catch(() => {}) !== undefined,
  );

  const ready = () => {
    try {
      system.shardOf(0).replicas.mustBeEnough();
      return system.gate.reason() === undefined;
    } catch {
      return false;
    }
  };
  const grabOf = (by: string) => grabOutcome(system, customer(by), { seller: 'ann', name: 'spring' });
  const hasPiece = async () => /grabbed/.test(await grabOf('bob').catch(() => 'unknown'));
  await until('the sale goes on', hasPiece);
  await replica.kill();
  await until('too few replicas confirm', () => !ready());
  await rejects(() => grabOf('eve'), /too few replicas/);
  const confirming = async () => /^seckill_replicas_confirm (\d)$/m.exec(await system.metrics.text())?.[1];
  assert.is(await confirming(), '0');
  await replica.start();
  await until('the replica follows again', follows);
  await until('replicas confirm again', ready);
  assert.is(await confirming(), '1');
});

/** What a process that waits for one replica gets, and what it warns of. */
async function confirmOnce(): Promise<{ outcome: string; warnings: string[] }> {
  const warnings: string[] = [];
  const log = {
    ...silent,
    info() {},
    debug() {},
    warn: (...parts: unknown[]) => void warnings.push(parts.join(' ')),
  } as unknown as Log;
  const opened = openReplicas({
    ...{ waitReplicas: 1, redis, isUnsafe: () => false, log, dataSet: wholeDataSet },
    connect: () => connectRedis(config.redisUrl, log),
  });
  opened.replicas.reconciled(await readReplication(redis));
  const confirmation = async () => (await opened.replicas.confirm()?.catch((error) => error.message)) ?? 'confirmed';
  // The first calls come before the connection is open; a refusal of replicas takes a second.
  let outcome = '';
  await until('an answer of the replicas', async () => {
    const asked = performance.now();
    outcome = await confirmation();
    return outcome === 'confirmed' || performance.now() - asked > 900;
  });
  await opened.close();
  return { outcome, warnings };
}

const hasWaitaof = (await findWaitaof(redis)) === 'there';
const ofServer = hasWaitaof ? 'with WAITAOF' : 'without WAITAOF';
test(`on a server ${ofServer}, a replica that has a write only in its memory ${hasWaitaof ? 'does not confirm' : 'confirms'}`, async () => {
  assert.is((await confirmOnce()).outcome, 'confirmed');
  await replica.send('CONFIG', 'SET', 'appendfsync', 'no');
  // Until now, all that was written is on its disk.
  await redis.set('seckill:written', '1');

  const { outcome } = await confirmOnce();

  await replica.send('CONFIG', 'SET', 'appendfsync', 'always');
  await redis.del('seckill:written');
  assert.is(outcome === 'confirmed', !hasWaitaof, outcome);
});

if (hasWaitaof)
  test('a user who may not WAITAOF gets one warning, and replicas confirm what they have in memory', async () => {
    await redis.acl('SETUSER', 'default', '-waitaof');
    const { outcome, warnings } = await confirmOnce();
    await redis.acl('SETUSER', 'default', '+waitaof');
    assert.is(outcome, 'confirmed');
    assert.is(warnings.filter((line) => line.includes('+waitaof')).length, 1);
  });

test('with REDIS_WAIT_REPLICAS=0, start is refused unless ALLOW_UNSAFE_REDIS accepts what a failover may lose', async () => {
  await rejects(
    () => openSystem({ ...config, waitReplicas: 0 }, silent),
    /^Error: REDIS_URL: .*REDIS_WAIT_REPLICAS is 0, so that a failover may lose[^\n]+$/,
  );
  const accepted = await openSystem({ ...config, waitReplicas: 0, allowUnsafeRedis: true }, silent);
  assert.match(await accepted.system.metrics.text(), /^seckill_redis_unsafe 1$/m);
  await accepted.close();
  assert.is(await problemOf(/^replicas that must confirm/, 0), 'unsafe');
});

const risks: [setting: string, unsafe: string, safe: string][] = [
  ['appendonly', 'no', 'yes'],
  ['appendfsync', 'everysec', 'always'],
  ['maxmemory-policy', 'allkeys-lru', 'noeviction'],
  ['replica-read-only', 'no', 'yes'],
];
for (const [setting, unsafe, safe] of risks)
  test(`a replica with ${setting} ${unsafe} is refused with its address, and the doctor says so`, async () => {
    await replica.send('CONFIG', 'SET', setting, unsafe);
    const phrase = `${setting} of the replica 127.0.0.1:${replicaPort} is ${unsafe}, must be ${safe}`;

    await rejects(() => warningsOf(), new RegExp(phrase));
    assert.is(await problemOf(/^replica 127/), 'unsafe');

    await replica.send('CONFIG', 'SET', setting, safe);
    assert.is(await problemOf(/^replica 127/), undefined);
  });

test('a replica that this user may not ask is one warning, and no refusal', async () => {
  const ruleOf = (rule: string) => replica.send('ACL', 'SETUSER', 'default', rule);
  await ruleOf('-config');

  const warnings = await warningsOf();
  const verdict = await problemOf(/^replica 127/);

  await ruleOf('+config');
  assert.is(warnings.filter((line) => line.includes(`replica 127.0.0.1:${replicaPort} cannot be read`)).length, 1);
  assert.is(verdict, 'note');
});

for (const [needed, value, warns] of [
  [1, 0, true],
  [1, 1, false],
  [2, 1, true],
] as const)
  test(`min-replicas-to-write ${value}, where ${needed} must confirm, is ${warns ? 'one warning' : 'good'}`, async () => {
    await redis.config('SET', 'min-replicas-to-write', value);
    const warnings = await warningsOf(redis, needed);
    assert.is(warnings.filter((line) => line.includes('min-replicas-to-write')).length, warns ? 1 : 0);
    assert.is(await problemOf(/^replicas that must confirm/, needed), warns ? 'note' : undefined);
    await redis.config('SET', 'min-replicas-to-write', 0);
  });

test('a server in cluster mode is warned of settings with which one shard stops the others, or answers with old data', async () => {
  const member = createMember(folder, clusterPort, { 'cluster-enabled': 'yes', 'cluster-port': String(busPort) });
  await member.start();
  const cluster = await openRedis(`redis://127.0.0.1:${clusterPort}`, silent);
  await cluster.redis.config('SET', 'cluster-allow-reads-when-down', 'yes');

  const warnings = await warningsOf(cluster.redis);
  const doctor = (await examineRedis(cluster.redis, wholeDataSet, 1)).filter(
    ({ name, problem }) => name.startsWith('cluster-') && problem?.verdict === 'note',
  );
  await cluster.redis.config('SET', 'cluster-allow-reads-when-down', 'no');
  await cluster.redis.config('SET', 'cluster-require-full-coverage', 'no');
  const afterwards = await warningsOf(cluster.redis);

  await cluster.close();
  await member.kill();
  assert.equal(
    warnings.map((line) => line.slice(0, line.indexOf(','))),
    ['REDIS_URL: cluster-require-full-coverage is yes', 'REDIS_URL: cluster-allow-reads-when-down is yes'],
  );
  assert.is(doctor.length, 2);
  assert.equal(afterwards, []);
});

test.after(async () => {
  for (const closeOpened of closers) await closeOpened();
  await close();
  await closeStores();
  await replica.kill();
  await master.kill();
  rmSync(folder, { recursive: true, force: true });
});
test.run();
