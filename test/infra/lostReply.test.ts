import { rejects } from 'node:assert/strict';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openAll } from '../../src/infra/closers.ts';
import { keys, partitionOf } from '../../src/infra/keys.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { openSystem } from '../../src/system.ts';
import { createDataDir } from '../support/dataDirs.ts';
import { withoutCode } from '../support/givenWhenThen.ts';
import { openLossyProxy } from '../support/lossyProxy.ts';
import { gateOpens } from '../support/outages.ts';
import { openTestStores } from '../support/testStores.ts';
import { customer, givenCoupon, grabOutcome, loggedEvents, settled } from '../support/testSystem.ts';

const { system, proxy, mysqlProxy, close } = await openAll(async (remember) => {
  const stores = await openTestStores();
  remember(stores.close);
  const proxy = await openLossyProxy(decodeURIComponent(new URL(stores.config.redisUrl).pathname), createDataDir());
  remember(proxy.close);
  const mysqlUrl = new URL(stores.config.mysqlUrl);
  const mysqlProxy = await openLossyProxy(mysqlUrl.searchParams.get('socketPath') ?? '', createDataDir());
  remember(mysqlProxy.close);
  mysqlUrl.searchParams.set('socketPath', mysqlProxy.socket);
  const { system, close } = await openSystem(
    { ...stores.config, redisUrl: `unix://${proxy.socket}`, mysqlUrl: mysqlUrl.href },
    createLog('silent'),
  );
  remember(close);
  return { system, proxy, mysqlProxy };
});
const test = suite('a lost reply');
const grab = (by: string) => grabOutcome(system, customer(by), { seller: 'ann', name: 'sea' });

test('a winning grab whose reply from Redis is lost fails as unknown, and the log has the win once', async () => {
  await givenCoupon(system, 'ann', 'sea', 5);
  await grab('eve');

  for (const name of ['bob', 'kim', 'zoe']) {
    // When Redis decides the grab and its reply never arrives.
    proxy.loseReply(name);
    await rejects(() => grab(name));
    // Then the answer to a retry shows that the first grab won.
    await gateOpens(system);
    assert.is(await grab(name), 'already-grabbed');
  }

  await settled(system);
  const events = await loggedEvents(system, 'ann', 'sea');
  assert.equal(
    events.slice(1).map(({ version, data }) => [version, withoutCode(data)]),
    ['eve', 'bob', 'kim', 'zoe'].map((name, i) => [i + 2, { customer: name, left: 4 - i }]),
  );
});

test('after a lost reply, a retry with the same idempotency key gets the win', async () => {
  await givenCoupon(system, 'ann', 'key', 5);
  const withKey = () => grabOutcome(system, customer('tom'), { seller: 'ann', name: 'key', idempotencyKey: 'k' });

  // The reply to the claim of the key arrives; the reply to the decision is lost.
  proxy.loseReply(keys.holders({ seller: 'ann', name: 'key' }));
  await rejects(withKey);

  await gateOpens(system);
  assert.is(await withKey(), 'grabbed');
});

test('events are applied once when the reply to their COMMIT is lost', async () => {
  await givenCoupon(system, 'ann', 'commit', 5);
  await settled(system);

  for (const name of ['bob', 'kim', 'zoe']) {
    mysqlProxy.loseReply('COMMIT;');
    assert.is(await grabOutcome(system, customer(name), { seller: 'ann', name: 'commit' }), 'grabbed');
    await settled(system);
  }

  const [coupon] = await system.mysql('coupons').where({ name: 'commit' });
  assert.equal([coupon.pieces_left, coupon.version], [2, 4]);
  assert.is((await loggedEvents(system, 'ann', 'commit')).length, 4);
  assert.is(await system.redis.xlen(keys.deadLetters(partitionOf({ seller: 'ann', name: 'commit' }))), 0);
});

test.after(close);
test.run();
