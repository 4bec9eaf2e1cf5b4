import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createDeliveryQueue } from '../../src/projections/deliveryQueue.ts';
import { couponRef, created, delivery, grabbed } from '../support/sampleEvents.ts';

const test = suite('the delivery queue');
const coupon = couponRef('queued');
const taken = Promise.resolve();
const grab = (version: number) => delivery(grabbed(coupon, version, `customer ${version}`, 0));

test('it takes 20,000 events and no more, however long MySQL is away; what is applied makes room', () => {
  const queue = createDeliveryQueue();
  let added = 0;
  for (let version = 2; version < 50_000; version++) if (queue.add(grab(version), taken)) added++;
  assert.is(added, 20_000);
  assert.is(queue.hasRoom(), false);
  for (const queued of queue.takeBatch()) queue.remove(queued);
  assert.is(queue.hasRoom(), true);
});

test('it takes 20 million characters of descriptions and no more', () => {
  const queue = createDeliveryQueue();
  const event = created(coupon, 1);
  const long = { ...event, data: { ...event.data, description: 'd'.repeat(1_000_000) } };
  const added = Array.from({ length: 30 }, () => queue.add(delivery(long), taken)).filter(Boolean);
  assert.is(added.length, 20);
  assert.is(queue.takeBatch().length, 1);
});

test('a batch is the first 2,048 events, in the order in which they came', () => {
  const queue = createDeliveryQueue();
  for (let version = 2; version < 3_000; version++) queue.add(grab(version), taken);
  const versions = queue.takeBatch().map((queued) => queued.delivery.events[0]?.version);
  assert.equal(
    versions,
    Array.from({ length: 2_048 }, (_, place) => place + 2),
  );
});

test('an entry that is queued is not queued again, and can be once it is applied', () => {
  const queue = createDeliveryQueue();
  const one = grab(2);
  assert.is(queue.add(one, taken), true);
  assert.is(queue.add({ ...one }, taken), false);
  for (const queued of queue.takeBatch()) queue.remove(queued);
  assert.is(queue.isEmpty(), true);
  assert.is(queue.add(one, taken), true);
});

test('what one transaction has taken is not in the batch of another, until it is given back', () => {
  const queue = createDeliveryQueue();
  for (let version = 2; version < 3_000; version++) queue.add(grab(version), taken);
  const batch = queue.takeBatch();
  assert.is(queue.waiting(), 950);
  assert.is(queue.takeBatch().length, 950);
  assert.is(queue.takeBatch().length, 0);
  queue.giveBack(batch);
  assert.equal(queue.takeBatch(), batch);
});

test('a batch that is given back leaves alone what another transaction has taken meanwhile', () => {
  const queue = createDeliveryQueue();
  queue.add(grab(2), taken);
  const batch = queue.takeBatch();
  for (const queued of batch) queue.postpone(queued);
  queue.takeBatch();
  queue.giveBack(batch);
  assert.is(queue.takeBatch().length, 0);
});

test('what is put off goes behind the others and remembers since when', () => {
  const queue = createDeliveryQueue();
  for (const version of [2, 3, 4]) queue.add(grab(version), taken);
  const batch = queue.takeBatch();
  const [first] = batch;
  if (first === undefined) throw new Error('nothing is queued');
  queue.postpone(first);
  queue.giveBack(batch);
  const since = first.postponedSince;
  queue.postpone(first);
  assert.is(first.postponedSince, since);
  assert.equal(
    queue.takeBatch().map((queued) => queued.delivery.events[0]?.version),
    [3, 4, 2],
  );
});

test.run();
