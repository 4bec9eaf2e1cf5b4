import { rejects } from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { grabCoupon } from '../../src/commands/grabCoupon.ts';
import { openAll } from '../../src/infra/closers.ts';
import { keys, partitionOf } from '../../src/infra/keys.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { openSystem } from '../../src/system.ts';
import { createDataDir } from '../support/dataDirs.ts';
import { openLossyProxy } from '../support/lossyProxy.ts';
import { openTestStores } from '../support/testStores.ts';
import { customer, givenCoupon, loggedEvents, settled } from '../support/testSystem.ts';

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
const grab = (who: string) => grabCoupon(system, customer(who), { seller: 'ann', name: 'sea' });

test('a winner whose reply was lost is told "unknown" and nothing else, and the grab is theirs, once', async () => {
  await givenCoupon(system, 'ann', 'sea', 5);
  await grab('eve');
  for (const who of ['bob', 'kim', 'zoe']) {
    // When Redis decides the grab and its answer never arrives.
    proxy.loseReply(who);
    await rejects(() => grab(who));
    while (system.gate.reason() !== undefined) await sleep(5);
    // Then a new try learns that the first one had won.
    assert.is(await grab(who), 'already-grabbed');
  }
  await settled(system);
  const events = await loggedEvents(system, 'ann', 'sea');
  assert.equal(
    events.slice(1).map(({ version, data }) => [version, data]),
    ['eve', 'bob', 'kim', 'zoe'].map((who, i) => [i + 2, { customer: who, left: 4 - i }]),
  );
});

test('a winner whose reply was lost, and who asks again with the same key, is told that it is theirs', async () => {
  await givenCoupon(system, 'ann', 'key', 5);
  const withKey = () => grabCoupon(system, customer('tom'), { seller: 'ann', name: 'key', idempotencyKey: 'k' });
  // The key is claimed first; it is the decision that nobody hears of.
  proxy.loseReply(keys.holders({ seller: 'ann', name: 'key' }));
  await rejects(withKey);
  while (system.gate.reason() !== undefined) await sleep(5);
  assert.is(await withKey(), 'grabbed');
});

test('a COMMIT whose reply was lost is applied once', async () => {
  await givenCoupon(system, 'ann', 'commit', 5);
  await settled(system);
  for (const who of ['bob', 'kim', 'zoe']) {
    mysqlProxy.loseReply('COMMIT;');
    assert.is(await grabCoupon(system, customer(who), { seller: 'ann', name: 'commit' }), 'grabbed');
    await settled(system);
  }
  const [coupon] = await system.mysql('coupons').where({ name: 'commit' });
  assert.equal([coupon.pieces_left, coupon.version], [2, 4]);
  assert.is((await loggedEvents(system, 'ann', 'commit')).length, 4);
  assert.is(await system.redis.xlen(keys.deadLetters(partitionOf({ seller: 'ann', name: 'commit' }))), 0);
});

test.after(close);
test.run();
