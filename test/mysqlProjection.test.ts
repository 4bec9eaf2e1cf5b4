import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createCoupon } from '../src/commands/createCoupon.ts';
import { grabCoupon } from '../src/commands/grabCoupon.ts';
import { outboxDepth } from '../src/infra/outbox.ts';
import { customer, givenCoupon, loggedEvents, openTestSystem, seller, settled } from './support/system.ts';

// What gathers while MySQL is slow.

const { system, close } = await openTestSystem();
const test = suite('the MySQL projection');

/** Given a coupon whose row another connection holds: the batch with its grab waits, and what comes next gathers. */
async function whileMysqlWaits(name: string, work: () => Promise<void>): Promise<void> {
  await givenCoupon(system, 'ann', name, 10);
  await settled(system);
  const lock = await system.mysql.transaction();
  await lock('coupons').where({ name }).forUpdate();
  await grabCoupon(system, customer('bob'), { seller: 'ann', name });
  await work();
  await lock.rollback();
}

test('grabs are answered while MySQL waits, and are in it afterwards', async () => {
  await whileMysqlWaits('slow', async () => {
    for (const who of ['eve', 'zoe']) {
      assert.is(await grabCoupon(system, customer(who), { seller: 'ann', name: 'slow' }), 'grabbed');
    }
    assert.is(await outboxDepth(system.redis), 3);
  });
  await settled(system);
  assert.is((await loggedEvents(system, 'ann', 'slow')).length, 4);
});

test('longest descriptions by the hundred fit what the server takes at once', async () => {
  const description = "'".repeat(16_000);
  await whileMysqlWaits('long', async () => {
    for (let i = 0; i < 700; i++) {
      const coupon = { seller: 'ann', name: `long ${i}`, amount: 1, stock: 1, description };
      assert.is(await createCoupon(system, seller('ann'), coupon), 'created');
    }
  });
  await settled(system);
  const [counted] = await system.mysql('coupons').where({ description }).count({ coupons: '*' });
  assert.is(counted?.coupons, 700);
});

test.after(close);
test.run();
