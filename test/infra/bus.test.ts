import { rejects } from 'node:assert/strict';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createBus } from '../../src/infra/bus.ts';
import { couponRef, created, delivery, grabbed } from '../support/sampleEvents.ts';

const test = suite('the bus');
const coupon = couponRef('x');

test('a delivery reaches the inline projections first and then the listeners of its type', async () => {
  const bus = createBus();
  const calls: string[] = [];
  bus.inline(async ({ events }) => void calls.push(`inline ${events[0]?.type}`));
  bus.on('CouponCreated', () => void calls.push('created'));
  bus.on('CouponGrabbed', () => void calls.push('grabbed'));

  await bus.publish(delivery(created(coupon, 1)));
  await bus.publish(delivery(grabbed(coupon, 2, 'bob', 0)));

  assert.equal(calls, ['inline CouponCreated', 'created', 'inline CouponGrabbed', 'grabbed']);
});

test('when an inline projection fails, publish rejects, and listeners still get the delivery and the failure', async () => {
  const bus = createBus();
  const received: Promise<void>[] = [];
  bus.inline(() => Promise.reject(new Error('no view')));
  bus.on('CouponCreated', (_, inlined) => void received.push(inlined));

  await rejects(() => bus.publish(delivery(created(coupon, 1))), /no view/);

  assert.is(received.length, 1);
  await rejects(() => Promise.all(received), /no view/);
});

test.run();
