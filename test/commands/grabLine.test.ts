import { rejects, throws } from 'node:assert/strict';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createGrabLine } from '../../src/commands/grabLine.ts';
import { keys } from '../../src/infra/keys.ts';
import type { Delivery } from '../../src/infra/outbox.ts';
import { givenCoupon, loggedEvents, openTestSystem, settled } from '../support/testSystem.ts';

const { system, close } = await openTestSystem();
const test = suite('the grab line');
const coupon = (name: string) => ({ seller: 'ann', name });
const request = (customer: string, idempotencyKey = '') => ({ customer, idempotencyKey });
const numbered = (count: number) => Array.from({ length: count }, (_, i) => `customer-${i}`);

/** How often the grab script is asked while this is done, and what comes of it. */
async function countingCalls<T>(work: (line: ReturnType<typeof createGrabLine>) => Promise<T>) {
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

test('grabs that come together share a script call, an outbox entry, and stay exact', async () => {
  await givenCoupon(system, 'ann', 'together', 100);
  const heard: Delivery[] = [];
  const listen = (delivery: Delivery) => void heard.push(delivery);
  system.bus.on('CouponGrabbed', listen);
  const { calls, result } = await countingCalls((line) =>
    Promise.all(numbered(300).map((who) => line.decide(coupon('together'), request(who)))),
  );
  system.bus.off('CouponGrabbed', listen);
  assert.is(calls, 1);
  assert.is(heard.length, 1);
  // In the order in which they came.
  assert.equal(result, [...Array(100).fill('grabbed'), ...Array(200).fill('sold-out')]);
  await settled(system);
  const customers = (await loggedEvents(system, 'ann', 'together')).slice(1).map(({ data }) => data);
  assert.equal(
    customers,
    numbered(100).map((customer, place) => ({ customer, left: 99 - place })),
  );
});

test('a call takes 512 grabs at most', async () => {
  await givenCoupon(system, 'ann', 'many', 2_000);
  const { calls, result } = await countingCalls((line) =>
    Promise.all(numbered(1_500).map((who) => line.decide(coupon('many'), request(who)))),
  );
  assert.is(calls, 3);
  assert.ok(result.every((outcome) => outcome === 'grabbed'));
});

test('a full round does not wait until all connections have been read', async () => {
  await givenCoupon(system, 'ann', 'crush', 2_000);
  const { calls, result } = await countingCalls(async (line) => ({
    grabs: numbered(512).map((who) => line.decide(coupon('crush'), request(who))),
  }));
  // Only promises have gone on since: this turn of the event loop has not ended.
  assert.ok(calls >= 1);
  assert.ok((await Promise.all(result.grabs)).every((outcome) => outcome === 'grabbed'));
});

test('each coupon of a round is decided by itself: one that can not be decided fails its own grabs alone', async () => {
  await givenCoupon(system, 'ann', 'good', 5);
  await givenCoupon(system, 'ann', 'bad', 5);
  await system.redis.hset(keys.coupon({ seller: 'ann', name: 'bad' }), 'damaged', 'a test');
  const line = createGrabLine(system);
  const results = await Promise.allSettled([
    line.decide(coupon('bad'), request('bob')),
    line.decide(coupon('good'), request('bob')),
    line.decide(coupon('bad'), request('eve')),
  ]);
  assert.equal(
    results.map(({ status }) => status),
    ['rejected', 'fulfilled', 'rejected'],
  );
});

test('who comes when the line is full hears so at once, and those in it are decided', async () => {
  await givenCoupon(system, 'ann', 'short', 100);
  const line = createGrabLine(system, 10);
  const inLine = numbered(10).map((who) => line.decide(coupon('short'), request(who)));
  throws(() => line.decide(coupon('short'), request('late')), /too many grabs at once/);
  assert.ok((await Promise.all(inLine)).every((outcome) => outcome === 'grabbed'));
  assert.is(await line.decide(coupon('short'), request('late')), 'grabbed');
});

test('a gate that shuts while grabs are in line lets none of them through', async () => {
  await givenCoupon(system, 'ann', 'shut', 10);
  const line = createGrabLine(system);
  const inLine = numbered(3).map((who) => line.decide(coupon('shut'), request(who)));
  system.gate.shut('a test');
  for (const grab of inLine) await rejects(() => grab, /a test/);
  system.gate.clear('a test');
  assert.is((await loggedEvents(system, 'ann', 'shut')).length <= 1, true);
  assert.is(await line.decide(coupon('shut'), request('customer-0')), 'grabbed');
});

test('a customer who heard sold-out a moment ago hears it again without Redis; another one, or a key, asks', async () => {
  await givenCoupon(system, 'ann', 'gone', 1);
  await createGrabLine(system).decide(coupon('gone'), request('bob', 'a key'));
  const { calls, result } = await countingCalls(async (line) => {
    const outcomes: string[] = [];
    for (const asked of [
      request('eve'),
      request('eve'),
      request('bob'),
      request('bob'),
      request('bob', 'a key'),
      request('eve', 'hers'),
    ])
      outcomes.push(await line.decide(coupon('gone'), asked));
    return outcomes;
  });
  assert.equal(result, ['sold-out', 'sold-out', 'already-grabbed', 'already-grabbed', 'grabbed', 'sold-out']);
  assert.is(calls, 4);
});

test('what was told before the gate shut is asked anew when it is open again', async () => {
  await givenCoupon(system, 'ann', 'told', 1);
  const { calls } = await countingCalls(async (line) => {
    await line.decide(coupon('told'), request('bob'));
    await line.decide(coupon('told'), request('eve'));
    system.gate.shut('a test');
    throws(() => line.decide(coupon('told'), request('eve')), /a test/);
    system.gate.clear('a test');
    assert.is(await line.decide(coupon('told'), request('eve')), 'sold-out');
  });
  assert.is(calls, 3);
});

test('who waits behind a Redis that does not answer hears so with those before, and is never asked for', async () => {
  await givenCoupon(system, 'ann', 'still', 10);
  const pid = Number(/^process_id:(\d+)/m.exec(await system.redis.info('server'))?.[1]);
  process.kill(pid, 'SIGSTOP');
  const { calls, result } = await countingCalls(async (line) => {
    const grabs: Promise<string>[] = [];
    for (const who of numbered(4)) {
      grabs.push(line.decide(coupon('still'), request(who)));
      await turn();
    }
    return Promise.allSettled(grabs);
  });
  process.kill(pid, 'SIGCONT');
  assert.is(calls, 2);
  const reasons = result.map((settled) => (settled.status === 'rejected' ? String(settled.reason) : settled.value));
  for (const reason of reasons.slice(0, 2)) assert.match(reason, /timed out/);
  for (const reason of reasons.slice(2)) assert.match(reason, /before this one have failed/);
  while (system.gate.reason() !== undefined) await sleep(20);
  // Those that were asked for came too late to be decided.
  assert.is(await system.redis.hlen(keys.holders({ seller: 'ann', name: 'still' })), 0);
});

test.after(close);
test.run();
