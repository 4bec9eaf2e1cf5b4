import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Delivery } from '../../src/infra/outbox.ts';
import { createDeliveryQueue, gatheringAt } from '../../src/projections/deliveryQueue.ts';
import {
  couponRef,
  created,
  delivery,
  deliveryWithPrior,
  grabbed,
  paused,
  termsChanged,
} from '../support/sampleEvents.ts';

const test = suite('the delivery queue');
const coupon = couponRef('queued');
/** The inline projections have applied the delivery. */
const inlined = Promise.resolve();
const grab = (version: number) => delivery(grabbed(coupon, version, `customer ${version}`, 0));

/** Given a queue with the grabs of these versions, both inclusive. */
function givenQueue(first: number, last: number) {
  const queue = createDeliveryQueue();
  for (let version = first; version <= last; version++) queue.add(grab(version), inlined, 0);
  return queue;
}

test('the queue accepts at most 20,000 events, and has room again when events are applied', () => {
  const queue = createDeliveryQueue();

  let added = 0;
  for (let version = 2; version < 50_000; version++) if (queue.add(grab(version), inlined, 0)) added++;

  assert.is(added, 20_000);
  assert.is(queue.hasRoom(), false);
  for (const queued of queue.takeBatch()) queue.remove(queued);
  assert.is(queue.hasRoom(), true);
});

const long = 'd'.repeat(1_000_000);
const changed = termsChanged(coupon, 3, 0, { stock: 5, description: long });
const longDeliveries: [what: string, delivery: () => Delivery][] = [
  ['of creations', () => delivery(created(coupon, 1, { description: long }))],
  ['of changed terms', () => delivery(changed)],
  ['that grabs carry', () => deliveryWithPrior([changed], grabbed(coupon, 4, 'bob', 0))],
];
for (const [what, longDelivery] of longDeliveries) {
  test(`the queue accepts at most 20 million characters of descriptions ${what}, and one such delivery is a batch`, () => {
    const queue = createDeliveryQueue();

    const added = Array.from({ length: 30 }, () => queue.add(longDelivery(), inlined, 0)).filter(Boolean);

    assert.is(added.length, 20);
    assert.is(queue.takeBatch().length, 1);
  });
}

test('the events that a delivery carries count as its own', () => {
  const queue = createDeliveryQueue();
  const prior = Array.from({ length: 1_024 }, (_, i) => paused(coupon, i + 2, 0));

  queue.add(deliveryWithPrior(prior, grabbed(coupon, 2_000, 'bob', 0)), inlined, 0);
  queue.add(deliveryWithPrior(prior, grabbed(coupon, 2_001, 'eve', 0)), inlined, 0);

  assert.is(queue.size(), 2_050);
  assert.is(queue.takeBatch().length, 1);
});

test('a batch has the first 2,048 events in the order of their arrival', () => {
  const queue = givenQueue(2, 2_999);

  const versions = queue.takeBatch().map((queued) => queued.delivery.events[0]?.version);

  assert.equal(
    versions,
    Array.from({ length: 2_048 }, (_, place) => place + 2),
  );
});

test('a queued entry is not queued a second time until it is removed', () => {
  const queue = createDeliveryQueue();
  const one = grab(2);
  assert.is(queue.add(one, inlined, 0), true);

  assert.is(queue.add({ ...one }, inlined, 0), false);

  for (const queued of queue.takeBatch()) queue.remove(queued);
  assert.is(queue.size() === 0, true);
  assert.is(queue.add(one, inlined, 0), true);
});

test('the entries of one batch are in no other batch until they are given back', () => {
  const queue = givenQueue(2, 2_999);

  const batch = queue.takeBatch();

  assert.is(queue.waiting(), 950);
  assert.is(queue.takeBatch().length, 950);
  assert.is(queue.takeBatch().length, 0);
  queue.giveBack(batch);
  assert.equal(queue.takeBatch(), batch);
});

test('giving a batch back does not release an entry that was postponed and is in another batch now', () => {
  const queue = givenQueue(2, 2);
  const batch = queue.takeBatch();
  for (const queued of batch) queue.postpone(queued);
  queue.takeBatch();

  queue.giveBack(batch);

  assert.is(queue.takeBatch().length, 0);
});

test('a postponed entry moves behind the others and keeps the time of its first postponement', () => {
  const queue = givenQueue(2, 4);
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

test('the parts of a delivery take its place, with its events, its views and its gate', () => {
  const queue = createDeliveryQueue();
  const [one, two] = [grabbed(coupon, 2, 'bob', 1), grabbed(couponRef('another'), 2, 'eve', 1)];
  queue.add(delivery(one, two), inlined, 7);
  const [whole] = queue.takeBatch();
  if (whole === undefined) throw new Error('nothing is queued');

  const entries = [{ partition: 0, id: '900-0' }, undefined];
  queue.replace(whole, [
    { entry: entries[0], events: [one], prior: [] },
    { entry: entries[1], events: [two], prior: [] },
  ]);

  const parts = queue.takeBatch();
  assert.equal(
    parts.map((part) => [part.delivery.events, part.delivery.entry, part.ownsEntry, part.gateShuts]),
    [
      [[one], entries[0], true, 7],
      [[two], whole.delivery.entry, false, 7],
    ],
  );
  assert.is(queue.size(), 2);
  assert.is(queue.has(whole.delivery.entry), false);
  for (const part of parts) queue.remove(part);
  assert.ok(queue.size() === 0);
});

test('a part whose new entry is queued already is not queued a second time', () => {
  const queue = createDeliveryQueue();
  const byRelay = grab(2);
  queue.add(delivery(...byRelay.events), inlined, 0);
  const [whole] = queue.takeBatch();
  if (whole === undefined) throw new Error('nothing is queued');
  queue.add(byRelay, inlined, 1);

  queue.replace(whole, [byRelay]);

  assert.equal(
    queue.takeBatch().map(({ gateShuts }) => gateShuts),
    [1],
  );
});

const rates: [eventsAMs: number, ms: number][] = [
  [0, 15],
  [1.5, 15],
  [2.25, 57.5],
  [3, 100],
  [40, 100],
];
for (const [eventsAMs, ms] of rates) {
  test(`at ${eventsAMs} events a millisecond, batches gather for ${ms} ms`, () => {
    assert.is(gatheringAt(eventsAMs), ms);
  });
}

test.run();
