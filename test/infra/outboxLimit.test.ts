import { rejects } from 'node:assert/strict';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openAll } from '../../src/infra/closers.ts';
import { keys, partitionOf } from '../../src/infra/keys.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { openServer } from '../../src/server.ts';
import { openSystem } from '../../src/system.ts';
import { createClient } from '../support/httpClient.ts';
import { lockCoupons } from '../support/outages.ts';
import { openTestStores } from '../support/testStores.ts';
import { customer, givenCoupon, grabOutcome, loggedEvents, settled } from '../support/testSystem.ts';
import { until } from '../support/until.ts';

// While MySQL is unavailable, grabs are decided until the outbox is full.

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
const grab = (by: string, name = 'sea') => grabOutcome(system, customer(by), { seller: 'ann', name });
const customers = Array.from({ length: 20 }, (_, i) => `customer-${i}`);

test('with a full outbox grabs fail and are not refused, and they are decided again when MySQL is back', async () => {
  // Given two coupons in different partitions, and a MySQL that does not apply events.
  await givenCoupon(system, 'ann', 'sea', 100);
  await givenCoupon(system, 'ann', 'elsewhere', 100);
  assert.is.not(partitionOf({ seller: 'ann', name: 'sea' }), partitionOf({ seller: 'ann', name: 'elsewhere' }));
  await settled(system);
  const unlock = await lockCoupons(system);

  // When customers grab one after the other, so that each win has its own outbox entry.
  let won = 0;
  for (const name of customers)
    await grab(name).then(
      () => won++,
      () => {},
    );

  // Then the wins fill the outbox, and the remaining grabs failed.
  assert.is(won, LIMIT);
  assert.is(await system.redis.xlen(keys.outbox(partitionOf({ seller: 'ann', name: 'sea' }))), LIMIT);

  // Then grabs in other partitions fail too, and so does readyz on another process; its metrics show the full outbox.
  await rejects(() => grab('bob', 'elsewhere'), /outbox is full/);
  let ready = await fetch(`${url}/readyz`);
  await until('the other process sees the full outbox', async () => {
    ready = await fetch(`${url}/readyz`);
    return ready.status !== 200;
  });
  assert.is(ready.status, 503);
  assert.match(((await ready.json()) as { errMsg: string }).errMsg, /outbox is full/);
  const metrics = await (await fetch(`${url}/metrics`)).text();
  assert.match(metrics, /^seckill_outbox_full 1$/m);
  assert.match(metrics, new RegExp(`^seckill_outbox_entries ${LIMIT}$`, 'm'));

  // Then lists, which write nothing, are still answered.
  const token = system.tokens.issue('bob', 'customer');
  assert.is((await createClient(url).list(token, 'bob')).status, 204);

  // When MySQL is back, then grabs are decided, and the log has every win.
  await unlock();
  await settled(system);
  await until('the outbox has room again', () => !system.outboxLimit.isFull());
  assert.is(await grab('bob'), 'grabbed');
  await settled(system);
  assert.is((await loggedEvents(system, 'ann', 'sea')).length, 1 + LIMIT + 1);
});

test.after(close);
test.run();
