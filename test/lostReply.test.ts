import { rejects } from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { grabCoupon } from '../src/commands/grabCoupon.ts';
import { openAll } from '../src/infra/closers.ts';
import { createLog } from '../src/infra/log.ts';
import { openSystem } from '../src/system.ts';
import { openLossyProxy } from './support/lossyProxy.ts';
import { createDataDir, openTestStores } from './support/stores.ts';
import { customer, givenCoupon, loggedEvents, settled } from './support/system.ts';

const { system, proxy, close } = await openAll(async (remember) => {
  const stores = await openTestStores();
  remember(stores.close);
  const proxy = await openLossyProxy(stores.config.redisUrl, createDataDir());
  remember(proxy.close);
  const { system, close } = await openSystem({ ...stores.config, redisUrl: proxy.url }, createLog('silent'));
  remember(close);
  return { system, proxy };
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

test.after(close);
test.run();
