import { rejects } from 'node:assert/strict';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createBus } from '../../src/infra/bus.ts';
import { couponRef, created, delivery, grabbed } from '../support/sampleEvents.ts';

const test = suite('the bus');
const coupon = couponRef('x');

test('listeners hear the type they asked for, after the inline projections', async () => {
  const bus = createBus();
  const heard: string[] = [];
  bus.inline(async ({ events }) => void heard.push(`inline ${events[0]?.type}`));
  bus.on('CouponCreated', () => void heard.push('created'));
  bus.on('CouponGrabbed', () => void heard.push('grabbed'));
  await bus.publish(delivery(created(coupon, 1)));
  await bus.publish(delivery(grabbed(coupon, 2, 'bob', 0)));
  assert.equal(heard, ['inline CouponCreated', 'created', 'inline CouponGrabbed', 'grabbed']);
});

test('when an inline projection fails, publish rejects; who listened has the delivery and hears of the failure', async () => {
  const bus = createBus();
  const heard: Promise<void>[] = [];
  bus.inline(() => Promise.reject(new Error('no view')));
  bus.on('CouponCreated', (_, inlined) => void heard.push(inlined));
  await rejects(() => bus.publish(delivery(created(coupon, 1))), /no view/);
  assert.is(heard.length, 1);
  await rejects(() => Promise.all(heard), /no view/);
});

test.run();
