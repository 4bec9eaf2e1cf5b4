import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createGrabLine, type GrabLine } from '../../src/commands/grabLine.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { openSystem } from '../../src/system.ts';
import { createBatch } from '../support/batches.ts';
import { lifeOf } from '../support/couponLife.ts';
import { customer, grabOutcome, openTestSystem } from '../support/testSystem.ts';

// Two processes. One decides changes; the crowd that comes too late is at the other one, which must not ask Redis for each of them.

const { system: first, config, close } = await openTestSystem();
const { system: second, close: closeSecond } = await openSystem(config, createLog('silent'));
const ofAnn = (name: string) => ({ seller: 'ann', name });
const numbered = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix}${i}`);
/** Longer than any process repeats a refusal from its memory. */
const forgotten = () => sleep(1_000);
const test = suite('the late crowd');

/** Given a coupon that these customers have sold out at the first process. */
async function givenHolders(name: string, holders: readonly string[], limits = {}) {
  const life = lifeOf(first, ofAnn(name));
  await life.create(holders.length, limits);
  return { life, codes: await eachOf(holders, life.grab) };
}

/** Some at the same time: a line is full with 2,048 grabs. */
async function eachOf<T>(customers: readonly string[], command: (by: string) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let done = 0; done < customers.length; done += 1_000)
    results.push(...(await Promise.all(customers.slice(done, done + 1_000).map(command))));
  return results;
}

/** Given a line of the second process, and the number of its calls to Redis. */
function givenLine() {
  const calls = { grabCoupon: 0, hscan: 0 };
  const redis = new Proxy(second.redis, {
    get(target, name) {
      if (name === 'grabCoupon' || name === 'hscan') calls[name]++;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const line = createGrabLine({ ...second, redis });
  return { calls, ...crowdAt(line) };
}

let strangers = 0;
function crowdAt(line: GrabLine) {
  const grab = async (by: string, name: string) =>
    (await line.decide(ofAnn(name), { customer: by, idempotencyKey: '' })).outcome;
  return {
    line,
    grab,
    /** When so many customers come one after the other, each of them once. */
    async crowd(name: string, count: number): Promise<Set<string>> {
      const outcomes = new Set<string>();
      for (let i = 0; i < count; i++) outcomes.add(await grab(`stranger-${strangers++}`, name));
      return outcomes;
    },
    /** When customers come until the process knows the holders: it answers 20 in a row without Redis. */
    async crowdUntilKnown(name: string): Promise<void> {
      const limit = Date.now() + 30_000;
      for (let row = 0; row < 20; ) {
        if (Date.now() > limit) throw new Error('the process never knows the holders');
        const known = line.repeatedRefusal(ofAnn(name), { customer: `stranger-${strangers++}`, idempotencyKey: '' });
        row = known === undefined ? 0 : row + 1;
        if (known === undefined) await grab(`stranger-${strangers++}`, name);
      }
    },
  };
}

test('a crowd of 2,000 customers, each of whom comes once, gets sold-out with few script calls', async () => {
  await givenHolders('gone', numbered('holder-', 10));
  const { crowd, calls } = givenLine();

  assert.equal([...(await crowd('gone', 2_000))], ['sold-out']);

  assert.is(calls.hscan, 1);
  // A renewal every 450 ms, and the first customers.
  assert.ok(calls.grabCoupon < 100, `${calls.grabCoupon} calls`);
});

test('no holder of another process gets sold-out, whether the holders are 1 or 5,000', async () => {
  for (const count of [1, 5_000]) {
    const name = `held by ${count}`;
    const holders = numbered(`${count} `, count);
    await givenHolders(name, holders);
    const { grab, crowdUntilKnown, calls } = givenLine();
    await crowdUntilKnown(name);

    const outcomes = await eachOf(holders, (holder) => grab(holder, name));

    assert.ok(calls.hscan >= 1);
    assert.equal(new Set(outcomes), new Set(['already-grabbed']));
  }
});

test('a holder who may have more pieces than there are left gets the answer of the script', async () => {
  const life = lifeOf(first, ofAnn('two each'));
  await life.create(3, { perCustomer: 2 });
  for (const by of ['bob', 'bob', 'kim']) await life.grab(by);
  const { grab, crowdUntilKnown } = givenLine();
  await crowdUntilKnown('two each');

  assert.is(await grab('bob', 'two each'), 'already-grabbed');
  assert.is(await grab('kim', 'two each'), 'sold-out');
  assert.is(await grab('eve', 'two each'), 'sold-out');
});

test('after a restock on another process, a stranger gets a piece within a second', async () => {
  const { life } = await givenHolders('restocked', ['bob']);
  const { grab, crowdUntilKnown } = givenLine();
  await crowdUntilKnown('restocked');

  await life.restock(1);
  await forgotten();

  assert.is(await grab('eve', 'restocked'), 'grabbed');
  assert.is(await grab('eve', 'restocked'), 'already-grabbed');
  assert.is(await grab('bob', 'restocked'), 'already-grabbed');
});

test('under a crowd that never pauses, a restock on another process sells', async () => {
  const { life } = await givenHolders('restocked in the rush', ['bob']);
  const { crowd, crowdUntilKnown } = givenLine();
  await crowdUntilKnown('restocked in the rush');

  await life.restock(1);
  const outcomes = new Set<string>();
  for (const limit = Date.now() + 30_000; !outcomes.has('grabbed') && Date.now() < limit; await sleep(1))
    for (const outcome of await crowd('restocked in the rush', 10)) outcomes.add(outcome);

  assert.ok(outcomes.has('grabbed'));
});

test('a piece that is given back and grabbed again on another process has its new holder within a second', async () => {
  const { life } = await givenHolders('passed on', ['bob']);
  const { grab, crowdUntilKnown } = givenLine();
  await crowdUntilKnown('passed on');

  await life.release('bob');
  await life.grab('eve');
  await forgotten();
  await crowdUntilKnown('passed on');

  assert.is(await grab('eve', 'passed on'), 'already-grabbed');
  assert.is(await grab('bob', 'passed on'), 'sold-out');
});

test('on the process that decides a release, the next stranger gets the piece and then is a holder', async () => {
  const { life } = await givenHolders('back at once', ['bob']);
  const { crowdUntilKnown } = crowdAt(first.grabLine);
  await crowdUntilKnown('back at once');

  await life.release('bob');

  const grab = (by: string) => grabOutcome(first, customer(by), ofAnn('back at once'));
  assert.is(await grab('eve'), 'grabbed');
  assert.is(await grab('eve'), 'already-grabbed');
  assert.is(await grab('bob'), 'sold-out');
});

test('after the gate was shut, the next grab calls the script and the holders are read again', async () => {
  await givenHolders('behind the gate', ['bob']);
  const { crowdUntilKnown, line, calls } = givenLine();
  await crowdUntilKnown('behind the gate');

  second.gate.shut('a test');
  second.gate.clear('a test');

  const stranger = { customer: 'eve', idempotencyKey: '' };
  assert.is(line.repeatedRefusal(ofAnn('behind the gate'), stranger), undefined);
  await crowdUntilKnown('behind the gate');
  assert.is(calls.hscan, 2);
});

test('from the end of the sale on, no customer gets sold-out', async () => {
  const endsAt = first.clock.latest() + 2_000_000;
  await givenHolders('ending', ['bob'], { endsAt });
  const { crowd, crowdUntilKnown } = givenLine();
  await crowdUntilKnown('ending');

  const afterEnd = new Set<string>();
  for (const limit = Date.now() + 30_000; Date.now() < limit && afterEnd.size === 0; await sleep(1)) {
    const hasEnded = second.clock.earliest() >= endsAt;
    const outcomes = await crowd('ending', 10);
    if (hasEnded) for (const outcome of outcomes) afterEnd.add(outcome);
  }

  assert.equal([...afterEnd], ['ended']);
});

test('redemptions of a sold-out coupon do not make a process read its holders again', async () => {
  const { life, codes } = await givenHolders('at the till', numbered('guest-', 100));
  const { crowd, crowdUntilKnown, calls } = givenLine();
  await crowdUntilKnown('at the till');

  for (const code of codes) {
    await life.redeem(code);
    assert.equal([...(await crowd('at the till', 20))], ['sold-out']);
    await sleep(10);
  }

  assert.is(calls.hscan, 1);
});

test('a coupon that did not exist is there within a second after another process has created it', async () => {
  const { grab, crowdUntilKnown } = givenLine();
  await crowdUntilKnown('to come');

  await lifeOf(first, ofAnn('to come')).create(5);
  await forgotten();

  assert.is(await grab('eve', 'to come'), 'grabbed');
});

const creations: [how: string, create: (name: string) => Promise<unknown>][] = [
  ['alone', (name) => lifeOf(first, ofAnn(name)).create(5)],
  ['in a batch', (name) => createBatch(first, [name, `${name} 2`])],
];
for (const [how, create] of creations) {
  test(`a coupon that did not exist can be grabbed as soon as the same process has created it ${how}`, async () => {
    const name = `created ${how}`;
    const { crowdUntilKnown } = crowdAt(first.grabLine);
    await crowdUntilKnown(name);

    await create(name);

    assert.is(await grabOutcome(first, customer('eve'), ofAnn(name)), 'grabbed');
  });
}

test.after(async () => {
  await closeSecond();
  await close();
});
test.run();
