import { rejects, throws } from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createGrabLine, type GrabLine } from '../../src/commands/grabLine.ts';
import type { CouponGrabbed } from '../../src/events.ts';
import { keys } from '../../src/infra/keys.ts';
import { publishedDuring } from '../support/givenWhenThen.ts';
import { freezeRedis, gateOpens } from '../support/outages.ts';
import { givenCoupon, loggedEvents, openTestSystem, settled } from '../support/testSystem.ts';

const { system, close } = await openTestSystem();
const test = suite('the grab line');
const coupon = (name: string) => ({ seller: 'ann', name });
const request = (customer: string, idempotencyKey = '') => ({ customer, idempotencyKey });
const customers = (count: number) => Array.from({ length: count }, (_, i) => `customer-${i}`);
const given = (name: string, amount: number) => givenCoupon(system, 'ann', name, amount);
/** The outcome alone. */
const decide = async (line: GrabLine, ...[coupon, request]: Parameters<GrabLine['decide']>) =>
  (await line.decide(coupon, request)).outcome;
/** Grabs of these customers, in the line at the same time. */
const grabAll = (line: GrabLine, name: string, names: string[]) =>
  names.map((customer) => decide(line, coupon(name), request(customer)));

/** When a line of its own does the work: the result, and the number of calls of the grab script. */
async function countingCalls<T>(work: (line: GrabLine) => Promise<T>) {
  let calls = 0;
  const redis = new Proxy(system.redis, {
    get(target, name) {
      if (name === 'grabCoupon') calls++;
      return Reflect.get(target, name);
    },
  });
  const result = await work(createGrabLine({ ...system, redis }));
  return { calls, result };
}

test('grabs that arrive together share one script call and one outbox entry, and are decided in their order', async () => {
  await given('together', 100);
  let calls = 0;
  let result: string[] = [];

  const deliveries = await publishedDuring(system, async () => {
    ({ calls, result } = await countingCalls((line) => Promise.all(grabAll(line, 'together', customers(300)))));
  });

  assert.is(calls, 1);
  assert.is(deliveries.length, 1);
  assert.equal(result, [...Array(100).fill('grabbed'), ...Array(200).fill('sold-out')]);
  await settled(system);
  const grabs = (await loggedEvents(system, 'ann', 'together'))
    .slice(1)
    .map(({ data }) => data as CouponGrabbed['data']);
  assert.equal(
    grabs.map(({ customer, left }) => ({ customer, left })),
    customers(100).map((customer, place) => ({ customer, left: 99 - place })),
  );
});

test('one script call decides at most 512 grabs', async () => {
  await given('many', 2_000);

  const { calls, result } = await countingCalls((line) => Promise.all(grabAll(line, 'many', customers(1_500))));

  assert.is(calls, 3);
  assert.ok(result.every((outcome) => outcome === 'grabbed'));
});

test('a full round starts before the event loop has read the remaining connections', async () => {
  await given('crush', 2_000);

  const { calls, result } = await countingCalls(async (line) => ({ grabs: grabAll(line, 'crush', customers(512)) }));

  // Only promises were awaited since the grabs arrived, so this turn of the event loop has not ended.
  assert.ok(calls >= 1);
  assert.ok((await Promise.all(result.grabs)).every((outcome) => outcome === 'grabbed'));
});

test('in one round, a coupon that cannot be decided fails its own grabs and no grab of another coupon', async () => {
  await given('good', 5);
  await given('bad', 5);
  await system.redis.hset(keys.coupon(coupon('bad')), 'damaged', 'a test');
  const line = createGrabLine(system);

  const results = await Promise.allSettled([
    decide(line, coupon('bad'), request('bob')),
    decide(line, coupon('good'), request('bob')),
    decide(line, coupon('bad'), request('eve')),
  ]);

  assert.equal(
    results.map(({ status }) => status),
    ['rejected', 'fulfilled', 'rejected'],
  );
});

test('when the line is full, a new grab fails immediately and the waiting grabs are decided', async () => {
  await given('short', 100);
  const line = createGrabLine(system, 10);
  const waiting = grabAll(line, 'short', customers(10));

  throws(() => line.decide(coupon('short'), request('late')), /too many grabs at once/);

  assert.ok((await Promise.all(waiting)).every((outcome) => outcome === 'grabbed'));
  assert.is(await decide(line, coupon('short'), request('late')), 'grabbed');
});

test('when the gate shuts, all grabs that wait in the line fail and none is decided', async () => {
  await given('shut', 10);
  const line = createGrabLine(system);
  const waiting = grabAll(line, 'shut', customers(3));

  system.gate.shut('a test');

  for (const grab of waiting) await rejects(() => grab, /a test/);
  system.gate.clear('a test');
  assert.is((await loggedEvents(system, 'ann', 'shut')).length <= 1, true);
  assert.is(await decide(line, coupon('shut'), request('customer-0')), 'grabbed');
});

test('a refusal is repeated for its customer without a script call, but not when a grab has an idempotency key', async () => {
  await given('gone', 1);
  await createGrabLine(system).decide(coupon('gone'), request('bob', 'a key'));
  const requests = [
    request('eve'),
    request('eve'),
    request('bob'),
    request('bob'),
    request('bob', 'a key'),
    request('eve', 'hers'),
  ];

  const { calls, result } = await countingCalls(async (line) => {
    const outcomes: string[] = [];
    for (const one of requests) outcomes.push(await decide(line, coupon('gone'), one));
    return outcomes;
  });

  assert.equal(result, ['sold-out', 'sold-out', 'already-grabbed', 'already-grabbed', 'grabbed', 'sold-out']);
  assert.is(calls, 4);
});

test('a refusal is not repeated after the gate was shut: the next grab calls the script again', async () => {
  await given('refused', 1);

  const { calls } = await countingCalls(async (line) => {
    await decide(line, coupon('refused'), request('bob'));
    await decide(line, coupon('refused'), request('eve'));
    system.gate.shut('a test');
    throws(() => line.decide(coupon('refused'), request('eve')), /a test/);
    system.gate.clear('a test');
    assert.is(await decide(line, coupon('refused'), request('eve')), 'sold-out');
  });

  assert.is(calls, 3);
});

test('when Redis does not reply, the grabs behind the two sent rounds fail with them and are never sent', async () => {
  await given('still', 10);
  const continueRedis = await freezeRedis(system);

  const { calls, result } = await countingCalls(async (line) => {
    const grabs: Promise<string>[] = [];
    for (const customer of customers(4)) {
      grabs.push(decide(line, coupon('still'), request(customer)));
      await turn();
    }
    return Promise.allSettled(grabs);
  });
  continueRedis();

  assert.is(calls, 2);
  const reasons = result.map((settled) => (settled.status === 'rejected' ? String(settled.reason) : settled.value));
  for (const reason of reasons.slice(0, 2)) assert.match(reason, /timed out/);
  for (const reason of reasons.slice(2)) assert.match(reason, /before this one have failed/);
  await gateOpens(system);
  // The two grabs that were sent reached the script after their deadline.
  assert.is(await system.redis.hlen(keys.holders(coupon('still'))), 0);
});

test.after(close);
test.run();
