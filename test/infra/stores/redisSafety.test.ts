import { rejects } from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createLog } from '../../../src/infra/telemetry/log.ts';
import { openSystem } from '../../../src/system.ts';
import { gateOpens } from '../../support/outages.ts';
import { customer, givenCoupon, grabOutcome, openTestSystem } from '../../support/testSystem.ts';

// A Redis with settings that could lose or evict acknowledged writes.

const { system, config, close } = await openTestSystem();
const { redis } = system;
const test = suite('an unsafe Redis');
const log = createLog('silent');

const risks: [setting: string, unsafe: string, safe: string][] = [
  ['appendonly', 'no', 'yes'],
  ['appendfsync', 'everysec', 'always'],
  ['appendfsync', 'no', 'always'],
  ['no-appendfsync-on-rewrite', 'yes', 'no'],
  ['maxmemory-policy', 'allkeys-lru', 'noeviction'],
  ['maxmemory-policy', 'volatile-ttl', 'noeviction'],
];
for (const [setting, unsafe, safe] of risks) {
  test(`with ${setting} ${unsafe}, start is refused with one line that has the required value`, async () => {
    await redis.config('SET', setting, unsafe);

    await rejects(
      () => openSystem(config, log),
      new RegExp(`^Error: REDIS_URL: .*${setting} is ${unsafe}, must be ${safe}[^\n]+$`),
    );

    await redis.config('SET', setting, safe);
  });
}

test('when Redis does not permit CONFIG GET, start is refused', async () => {
  await redis.acl('SETUSER', 'default', '-config');

  await rejects(() => openSystem(config, log), /appendfsync cannot be read \(CONFIG GET is refused\)/);
  await redis.acl('SETUSER', 'default', '+config');
});

test('with ALLOW_UNSAFE_REDIS=1 the server starts, and a metric shows that Redis is unsafe', async () => {
  await redis.config('SET', 'appendfsync', 'everysec');

  const { system: other, close: closeOther } = await openSystem({ ...config, allowUnsafeRedis: true }, log);

  assert.match(await other.metrics.text(), /^seckill_redis_unsafe 1$/m);
  await closeOther();
  await redis.config('SET', 'appendfsync', 'always');
  assert.match(await system.metrics.text(), /^seckill_redis_unsafe 0$/m);
});

test('after a reconnect to a Redis that has become unsafe, no grab is decided until it is safe again', async () => {
  await givenCoupon(system, 'ann', 'sea', 3);

  await redis.config('SET', 'maxmemory-policy', 'allkeys-random');
  redis.stream.destroy();
  await sleep(1_000);

  await rejects(() => grabOutcome(system, customer('bob'), { seller: 'ann', name: 'sea' }), /not reconciled/);
  await redis.config('SET', 'maxmemory-policy', 'noeviction');
  await gateOpens(system);
  assert.is(await grabOutcome(system, customer('bob'), { seller: 'ann', name: 'sea' }), 'grabbed');
});

test.after(close);
test.run();
