import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createCoupon } from '../../src/commands/createCoupon.ts';
import type { Delivery } from '../../src/infra/outbox.ts';
import { customer, loggedEvents, openTestSystem, seller, settled } from '../support/testSystem.ts';

const { system, close } = await openTestSystem();
const test = suite('createCoupon');
const coupon = (name: string) => ({ seller: 'ann', name, amount: 3, stock: 20, description: 'a day at the sea' });

test('a seller creates a coupon, and its first event is in MySQL', async () => {
  assert.is(await createCoupon(system, seller('ann'), coupon('sea')), 'created');
  await settled(system);
  const [event, ...more] = await loggedEvents(system, 'ann', 'sea');
  assert.is(more.length, 0);
  assert.is(event?.type, 'CouponCreated');
  assert.is(event?.version, 1);
  assert.equal(event?.data, { amount: 3, stock: 20, description: 'a day at the sea' });
});

test('a second coupon of the same name is refused and leaves the first as it was', async () => {
  await createCoupon(system, seller('ann'), coupon('twice'));
  const again = await createCoupon(system, seller('ann'), { ...coupon('twice'), amount: 99 });
  assert.is(again, 'duplicate-coupon');
  await settled(system);
  assert.is((await loggedEvents(system, 'ann', 'twice')).length, 1);
});

test('of two that come at once, one is created', async () => {
  const results = await Promise.all([1, 2].map(() => createCoupon(system, seller('ann'), coupon('race'))));
  assert.equal(results.sort(), ['created', 'duplicate-coupon']);
});

test('names that differ in case or accent are different coupons', async () => {
  for (const name of ['cafe', 'Cafe', 'café']) {
    assert.is(await createCoupon(system, seller('ann'), coupon(name)), 'created');
  }
  await settled(system);
  assert.is((await system.mysql('coupons').whereIn('name', ['cafe', 'Cafe', 'café'])).length, 3);
});

test('two sellers may both have a coupon of a name', async () => {
  assert.is(await createCoupon(system, seller('ann'), coupon('spring')), 'created');
  assert.is(await createCoupon(system, seller('bea'), { ...coupon('spring'), seller: 'bea' }), 'created');
});

test('a customer may not create', async () => {
  assert.is(await createCoupon(system, customer('ann'), coupon('by a customer')), 'not-a-seller');
});

test('a seller may not create for another', async () => {
  assert.is(await createCoupon(system, seller('bea'), coupon('for another')), 'other-seller');
});

test('a creation is published as one typed event', async () => {
  const heard: Delivery[] = [];
  system.bus.on('CouponCreated', (delivery) => void heard.push(delivery));
  await createCoupon(system, seller('ann'), coupon('heard'));
  assert.equal(
    heard.map(({ events }) => events.map(({ type, coupon }) => [type, coupon.seller, coupon.name])),
    [[['CouponCreated', 'ann', 'heard']]],
  );
});

test.after(close);
test.run();
