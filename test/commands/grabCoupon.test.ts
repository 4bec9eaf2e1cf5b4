import { rejects } from 'node:assert/strict';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decideGrabs } from '../../src/commands/decideGrabs.ts';
import { grabCoupon } from '../../src/commands/grabCoupon.ts';
import type { Delivery } from '../../src/infra/outbox.ts';
import { customer, givenCoupon, loggedEvents, openTestSystem, seller, settled } from '../support/testSystem.ts';

const { system, close } = await openTestSystem();
const test = suite('grabCoupon');
const grab = (who: string, name: string) => grabCoupon(system, customer(who), { seller: 'ann', name });

test('the first customer gets a piece', async () => {
  await givenCoupon(system, 'ann', 'first', 2);
  assert.is(await grab('bob', 'first'), 'grabbed');
});

test('a second try of a holder is refused and takes no piece', async () => {
  await givenCoupon(system, 'ann', 'again', 2);
  await grab('bob', 'again');
  assert.is(await grab('bob', 'again'), 'already-grabbed');
  assert.is(await grab('eve', 'again'), 'grabbed');
});

test('when all pieces are taken, the next customer hears sold-out', async () => {
  await givenCoupon(system, 'ann', 'one', 1);
  await grab('bob', 'one');
  assert.is(await grab('eve', 'one'), 'sold-out');
});

test('a holder of a sold-out coupon hears already-grabbed', async () => {
  await givenCoupon(system, 'ann', 'mine', 1);
  await grab('bob', 'mine');
  assert.is(await grab('bob', 'mine'), 'already-grabbed');
});

test('a coupon that nobody created is no-such-coupon', async () => {
  assert.is(await grab('bob', 'never created'), 'no-such-coupon');
});

test('the same name of another seller is another coupon', async () => {
  await givenCoupon(system, 'ann', 'spring', 1);
  await givenCoupon(system, 'Ann', 'spring', 1);
  await grab('bob', 'spring');
  assert.is(await grabCoupon(system, customer('bob'), { seller: 'Ann', name: 'spring' }), 'grabbed');
});

test('bob, Bob and bób are three customers', async () => {
  await givenCoupon(system, 'ann', 'three', 3);
  for (const name of ['bob', 'Bob', 'bób']) assert.is(await grab(name, 'three'), 'grabbed');
  await settled(system);
  const rows = await system.mysql('coupon_grabs').whereIn('customer', ['bob', 'Bob', 'bób']).where('version', '>', 1);
  assert.is(rows.filter(({ coupon_id }) => coupon_id.equals(rows.at(-1).coupon_id)).length, 3);
});

test('a seller may not grab', async () => {
  await givenCoupon(system, 'ann', 'not for sellers', 1);
  assert.is(await grabCoupon(system, seller('ann'), { seller: 'ann', name: 'not for sellers' }), 'not-a-customer');
});

test('one call decides for several customers in their order, each at most once', async () => {
  await givenCoupon(system, 'ann', 'list', 2);
  const asked = ['bob', 'bob', 'eve', 'zoe'].map((customer) => ({ customer, idempotencyKey: '' }));
  const outcomes = await decideGrabs(system, { seller: 'ann', name: 'list' }, asked);
  assert.equal(outcomes, ['grabbed', 'already-grabbed', 'grabbed', 'sold-out']);
});

test('a grab publishes one typed event, and a refusal none', async () => {
  await givenCoupon(system, 'ann', 'heard', 1);
  const heard: Delivery[] = [];
  const listen = (delivery: Delivery) => void heard.push(delivery);
  system.bus.on('CouponGrabbed', listen);
  await grab('bob', 'heard');
  await grab('eve', 'heard');
  system.bus.off('CouponGrabbed', listen);
  assert.is(heard.length, 1);
  const [event] = heard[0]?.events ?? [];
  assert.is(event?.type, 'CouponGrabbed');
  assert.is(event?.version, 2);
  assert.equal(event?.data, { customer: 'bob', left: 0 });
});

test("a coupon's events are versions 1..n without a gap, in MySQL as they were decided", async () => {
  await givenCoupon(system, 'ann', 'versions', 3);
  for (const who of ['bob', 'eve', 'eve', 'zoe', 'tom']) await grab(who, 'versions');
  await settled(system);
  const events = await loggedEvents(system, 'ann', 'versions');
  assert.equal(
    events.map(({ version }) => version),
    [1, 2, 3, 4],
  );
  assert.equal(
    events.slice(1).map(({ data }) => data),
    [
      { customer: 'bob', left: 2 },
      { customer: 'eve', left: 1 },
      { customer: 'zoe', left: 0 },
    ],
  );
});

test('the largest amount keeps every digit of what is left', async () => {
  await givenCoupon(system, 'ann', 'huge', Number.MAX_SAFE_INTEGER);
  await grab('bob', 'huge');
  await settled(system);
  const events = await loggedEvents(system, 'ann', 'huge');
  assert.equal(events.at(-1)?.data, { customer: 'bob', left: Number.MAX_SAFE_INTEGER - 1 });
});

test('while the gate is shut, a grab is a fault and never a refusal', async () => {
  system.gate.shut('a test');
  await rejects(() => grab('bob', 'first'), /a test/);
  system.gate.clear('a test');
});

test.after(close);
test.run();
