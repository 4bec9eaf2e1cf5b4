import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type CreateCoupon, createCoupon } from '../../src/commands/createCoupon.ts';
import type { User } from '../../src/infra/tokens.ts';
import { couponCreated, publishedDuring, when } from '../support/givenWhenThen.ts';
import { customer, loggedEvents, openTestSystem, seller, settled } from '../support/testSystem.ts';

const { system, close } = await openTestSystem();
const test = suite('createCoupon');
const couponOfAnn = (name: string) => ({ seller: 'ann', name, amount: 3, stock: 20, description: 'a day at the sea' });
const create = (by: User, coupon: CreateCoupon) => createCoupon(system, by, coupon);
const whenCreated = (by: User, coupon: CreateCoupon) => when(system, coupon, () => create(by, coupon));

test('a seller creates a coupon, and its first event is in MySQL', async () => {
  const { outcome, events } = await whenCreated(seller('ann'), couponOfAnn('sea'));

  assert.is(outcome, 'created');
  assert.equal(events, [couponCreated(3, 20, 'a day at the sea')]);
});

test('creating a second coupon with the same name is refused and leaves the first one unchanged', async () => {
  await create(seller('ann'), couponOfAnn('twice'));

  const { outcome, events } = await whenCreated(seller('ann'), { ...couponOfAnn('twice'), amount: 99 });

  assert.is(outcome, 'duplicate-coupon');
  assert.equal(events, []);
  assert.is((await loggedEvents(system, 'ann', 'twice')).length, 1);
});

test('when a seller sends the same creation twice at once, exactly one succeeds', async () => {
  const coupon = couponOfAnn('race');

  const { outcome, events } = await when(system, coupon, () =>
    Promise.all([create(seller('ann'), coupon), create(seller('ann'), coupon)]),
  );

  assert.equal(outcome.sort(), ['created', 'duplicate-coupon']);
  assert.is(events.length, 1);
});

test('names that differ in case or accent belong to different coupons', async () => {
  const names = ['cafe', 'Cafe', 'café'];

  for (const name of names) assert.is(await create(seller('ann'), couponOfAnn(name)), 'created');

  await settled(system);
  assert.is((await system.mysql('coupons').whereIn('name', names)).length, 3);
});

test('two sellers may use the same name for their coupons', async () => {
  const ofAnn = await whenCreated(seller('ann'), couponOfAnn('spring'));
  const ofBea = await whenCreated(seller('bea'), { ...couponOfAnn('spring'), seller: 'bea' });

  assert.equal([ofAnn.outcome, ofBea.outcome], ['created', 'created']);
});

test('a customer cannot create a coupon', async () => {
  const { outcome, events } = await whenCreated(customer('ann'), couponOfAnn('by a customer'));

  assert.is(outcome, 'not-a-seller');
  assert.equal(events, []);
});

test('a seller cannot create a coupon for another seller', async () => {
  const { outcome, events } = await whenCreated(seller('bea'), couponOfAnn('for another'));

  assert.is(outcome, 'other-seller');
  assert.equal(events, []);
});

test('a creation publishes one delivery with one typed event', async () => {
  const deliveries = await publishedDuring(system, () => create(seller('ann'), couponOfAnn('published')));

  assert.equal(
    deliveries.map(({ events }) => events.map(({ type, coupon }) => [type, coupon.seller, coupon.name])),
    [[['CouponCreated', 'ann', 'published']]],
  );
});

test.after(close);
test.run();
