import { rejects } from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { grabCoupon } from '../../src/commands/grabCoupon.ts';
import { openAll } from '../../src/infra/closers.ts';
import { keys, partitionOf } from '../../src/infra/keys.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { openServer } from '../../src/server.ts';
import { openSystem } from '../../src/system.ts';
import { createClient } from '../support/httpClient.ts';
import { openTestStores } from '../support/testStores.ts';
import { customer, givenCoupon, loggedEvents, settled } from '../support/testSystem.ts';

// MySQL is away: grabs go on until the outbox is full.

const LIMIT = 8;
const { system, url, close } = await openAll(async (remember) => {
  const stores = await openTestStores();
  remember(stores.close);
  const config = { ...stores.config, outboxLimit: LIMIT };
  const { system, close: closeSystem } = await openSystem(config, createLog('silent'));
  remember(closeSystem);
  const { url, close: closeServer } = await openServer(config, createLog('silent'));
  remember(closeServer);
  return { system, url };
});
const test = suite('OUTBOX_LIMIT');
const grab = (who: string, name = 'sea') => grabCoupon(system, customer(who), { seller: 'ann', name });
const names = Array.from({ length: 20 }, (_, i) => `customer-${i}`);

test('grabs go on up to the limit, then they are faults, and after MySQL is back they go on again', async () => {
  await givenCoupon(system, 'ann', 'sea', 100);
  await givenCoupon(system, 'ann', 'elsewhere', 100);
  assert.is.not(partitionOf({ seller: 'ann', name: 'sea' }), partitionOf({ seller: 'ann', name: 'elsewhere' }));
  await settled(system);
  const lock = await system.mysql.transaction();
  await lock('coupons').forUpdate();

  // When twenty customers come one after the other, so that each win is an entry, as many as fit get a piece, and the rest no refusal.
  let won = 0;
  for (const name of names)
    await grab(name).then(
      () => won++,
      () => {},
    );
  assert.is(won, LIMIT);
  assert.is(await system.redis.xlen(keys.outbox(partitionOf({ seller: 'ann', name: 'sea' }))), LIMIT);
  // A coupon of another partition waits as well, on every process, and they say so.
  await rejects(() => grab('bob', 'elsewhere'), /outbox is full/);
  await sleep(500);
  const ready = await fetch(`${url}/readyz`);
  assert.is(ready.status, 503);
  assert.match(((await ready.json()) as { errMsg: string }).errMsg, /outbox is full/);
  const metrics = await (await fetch(`${url}/metrics`)).text();
  assert.match(metrics, /^seckill_outbox_full 1$/m);
  assert.match(metrics, new RegExp(`^seckill_outbox_entries ${LIMIT}$`, 'm'));
  // Lists take nothing and are answered.
  const token = system.tokens.issue('bob', 'customer');
  assert.is((await createClient(url).list(token, 'bob')).status, 204);

  await lock.rollback();
  await settled(system);
  while (system.outboxLimit.isFull()) await sleep(20);
  assert.is(await grab('bob'), 'grabbed');
  await settled(system);
  assert.is((await loggedEvents(system, 'ann', 'sea')).length, 1 + LIMIT + 1);
});

test.after(close);
test.run();
