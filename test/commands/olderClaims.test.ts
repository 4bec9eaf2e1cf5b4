import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { keys } from '../../src/infra/keys.ts';
import { connectRedis } from '../../src/infra/shards/connectRedis.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { openSystem } from '../../src/system.ts';
import { openTestStores } from '../support/testStores.ts';
import { customer, givenCoupon, grabOutcome } from '../support/testSystem.ts';

// The first releases named the claims of idempotency keys in another way. For two days after the upgrade a key that they bound to one
// request is not accepted for another.

const test = suite('idempotency keys of the first releases');
const DAY_MS = 86_400_000;
const closers: (() => Promise<void> | void)[] = [];

/** Given stores with these keys in Redis, on which the system then starts. */
async function openOn(given: Record<string, string>) {
  const stores = await openTestStores();
  closers.push(stores.close);
  const { redis, close } = connectRedis(stores.config.redisUrl, createLog('silent'));
  await redis.connect();
  for (const [key, value] of Object.entries(given)) await redis.set(key, value);
  await close();
  const { system, close: closeSystem } = await openSystem(stores.config, createLog('silent'));
  for (const name of ['sea', 'hut']) await givenCoupon(system, 'ann', name, 3);
  const grab = (name: string) => grabOutcome(system, customer('bob'), { seller: 'ann', name, idempotencyKey: 'k' });
  closers.push(closeSystem);
  return { grab };
}
const used = { [keys.partitions]: '16', [keys.olderIdempotencyClaim('bob', 'k')]: 'ann/sea' };

test('a key that an older release bound to one coupon is refused for another, and good for its own', async () => {
  const { grab } = await openOn(used);

  assert.is(await grab('hut'), 'key-of-another-coupon');
  assert.is(await grab('sea'), 'grabbed');
  assert.is(await grab('hut'), 'key-of-another-coupon');
});

const unread: [when: string, more: Record<string, string>][] = [
  ['two days after the first start of a newer release', { [keys.claimsRenamed]: String(Date.now() - 2 * DAY_MS) }],
  ['on a data set that no older release has used', { [keys.claimsRenamed]: '0' }],
];
for (const [when, more] of unread) {
  test(`such keys are no longer read ${when}`, async () => {
    const { grab } = await openOn({ ...used, ...more });

    assert.is(await grab('hut'), 'grabbed');
  });
}

test('an empty Redis is noted as one that no older release has used', async () => {
  const stores = await openTestStores();
  closers.push(stores.close);
  const { system, close } = await openSystem(stores.config, createLog('silent'));
  closers.push(close);

  assert.is(await system.redis.get(keys.claimsRenamed), '0');
  assert.is(system.olderClaims.mayExist(), false);
});

test.after(async () => {
  for (const close of closers.reverse()) await close();
});
test.run();
