import { rejects } from 'node:assert/strict';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { newBatch, releaseName } from '../../../src/commands/batches/batch.ts';
import { createCoupons } from '../../../src/commands/batches/createCoupons.ts';
import { reserveName } from '../../../src/commands/createCoupon.ts';
import { keys } from '../../../src/infra/keys.ts';
import { runScript } from '../../../src/infra/scripts.ts';
import { createLog } from '../../../src/infra/telemetry/log.ts';
import { openSystem } from '../../../src/system.ts';
import {
  couponNamed,
  createBatch,
  createOne,
  existing,
  isUnavailable,
  reserved,
  unfinished,
  untilDecided,
} from '../../support/batches.ts';
import { interceptRedis } from '../../support/interceptRedis.ts';
import { customer, loggedEvents, openTestSystem, seller, settled } from '../../support/testSystem.ts';

const { system, config, close } = await openTestSystem();
const { system: other, close: closeOther } = await openSystem(config, createLog('silent'));
const { redis } = system;
const test = suite('createCoupons');
const numbered = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix} ${i}`);
const eventsOf = (name: string) => loggedEvents(system, 'ann', name);

test('a batch creates all its coupons with one event each, and the list of the seller has them in the order of the batch', async () => {
  const names = numbered('batch', 100).reverse();

  assert.is(await createBatch(system, names), 'created');

  assert.equal(await redis.zrange(keys.sellerView('ann'), 0, '-1'), names);
  await settled(system);
  for (const name of names)
    assert.equal(
      (await eventsOf(name)).map(({ type, version, data }) => [type, version, data]),
      [['CouponCreated', 1, { amount: 3, stock: 20, description: `${name}!` }]],
    );
  assert.equal([await reserved(system, names), await unfinished(system)], [[], []]);
});

test('a coupon of a batch has the limits that the batch gives it', async () => {
  const limits = { startsAt: 1_000_000, endsAt: 2_000_000, validFrom: 3, validUntil: 4, perCustomer: 5 };

  await createBatch(system, [], { coupons: [{ ...couponNamed('limited'), ...limits }, couponNamed('unlimited')] });

  await settled(system);
  const [limited, unlimited] = [await eventsOf('limited'), await eventsOf('unlimited')];
  assert.equal(limited[0]?.data, { amount: 3, stock: 20, description: 'limited!', ...limits });
  assert.equal(unlimited[0]?.data, { amount: 3, stock: 20, description: 'unlimited!' });
});

const firstErrors: [description: string, taken: string[], names: string[], place: number][] = [
  ['the first name is taken', ['a'], ['a', 'b', 'c'], 0],
  ['the last name is taken', ['c'], ['a', 'b', 'c'], 2],
  ['two names are taken', ['c', 'b'], ['a', 'b', 'c', 'd'], 1],
  ['two equal names', [], ['a', 'b', 'a'], 2],
  ['three equal names', [], ['a', 'a', 'a'], 1],
  ['equal names after a name that is taken', ['a'], ['a', 'b', 'b'], 0],
  ['equal names before a name that is taken', ['c'], ['b', 'b', 'c'], 1],
  ['equal names that are taken', ['b'], ['a', 'b', 'b'], 1],
];
for (const [number, [description, taken, names, place]] of firstErrors.entries()) {
  test(`given ${description}, no coupon is created, and the refusal names the place ${place}`, async () => {
    const unique = (name: string) => `error ${number} ${name}`;
    for (const name of taken) await createOne(system, unique(name));

    const result = await createBatch(system, names.map(unique));

    assert.equal(result, { refusal: 'duplicate-coupon', place });
    assert.equal(
      (await existing(system, names.map(unique))).length,
      names.filter((name) => taken.includes(name)).length,
    );
    // Then no name stays reserved: the rest can be created at once.
    const free = [...new Set(names)].filter((name) => !taken.includes(name));
    for (const name of free) assert.is(await createOne(system, unique(name)), 'created');
  });
}

test('names that differ in case or accent are different names of a batch', async () => {
  assert.is(await createBatch(system, ['cafe', 'Cafe', 'café']), 'created');
});

test('only the seller creates a batch', async () => {
  const batch = { seller: 'ann', coupons: [couponNamed('not allowed')] };

  assert.is(await createCoupons(system, customer('ann'), batch), 'not-a-seller');
  assert.is(await createCoupons(system, seller('bea'), batch), 'other-seller');
  assert.equal(await existing(system, ['not allowed']), []);
});

test('a repeat with the same idempotency key gets the original answer and creates nothing more', async () => {
  const names = numbered('key', 20);
  const withKey = () => createBatch(system, names, { idempotencyKey: 'k' });

  assert.is(await withKey(), 'created');
  for (let tries = 0; tries < 3; tries++) assert.is(await withKey(), 'created');

  await settled(system);
  for (const name of names)
    assert.equal(
      (await eventsOf(name)).map(({ data }) => (data as { idempotencyKey?: string }).idempotencyKey),
      ['k'],
    );
  assert.equal(await createBatch(system, names), { refusal: 'duplicate-coupon', place: 0 });
});

test('a refused batch with an idempotency key is refused again at the same place', async () => {
  await createOne(system, 'refused 1');
  const withKey = () => createBatch(system, numbered('refused', 3), { idempotencyKey: 'refused' });

  for (let tries = 0; tries < 2; tries++) assert.equal(await withKey(), { refusal: 'duplicate-coupon', place: 1 });
});

test('simultaneous requests with one idempotency key create the batch once', async () => {
  const names = numbered('at once', 20);

  const outcomes = await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      untilDecided(() => createBatch(i % 2 === 0 ? system : other, names, { idempotencyKey: 'at once' })),
    ),
  );

  assert.equal(new Set(outcomes), new Set(['created']));
  await settled(system);
  for (const name of names) assert.is((await eventsOf(name)).length, 1);
});

test('an idempotency key belongs to one request: another batch, or one coupon, with the same key is refused', async () => {
  assert.is(await createBatch(system, ['bound'], { idempotencyKey: 'bound' }), 'created');

  assert.is(await createBatch(system, ['bound', 'more'], { idempotencyKey: 'bound' }), 'key-of-another-request');
  assert.is(await createOne(system, 'bound', { idempotencyKey: 'bound' }), 'key-of-another-request');
  assert.equal(await existing(system, ['more']), []);
});

test('while a batch has reserved a name, another creation of that name is unavailable and not refused', async () => {
  const batch = newBatch(0, system.clock.deadline(3_000));
  await reserveName(system, { seller: 'ann', ...couponNamed('busy') }, batch, performance.now());

  await rejects(() => createOne(system, 'busy'), /a coupon of this name is being created/);
  await rejects(() => createBatch(system, ['free', 'busy', 'cafe']), isUnavailable);

  assert.equal(await reserved(system, ['free', 'busy']), ['busy']);
});

test('a name whose batch died before its commit is taken over after the deadline, by a coupon and by a batch', async () => {
  const deadline = system.clock.deadline(500);
  for (const name of ['dead 1', 'dead 2']) {
    const batch = newBatch(3, deadline);
    await reserveName(system, { seller: 'ann', ...couponNamed(name) }, batch, performance.now());
  }

  assert.is(await untilDecided(() => createOne(system, 'dead 1')), 'created');
  assert.is(await untilDecided(() => createBatch(system, ['dead 2', 'alive'])), 'created');
});

test('a batch releases no name that another batch has reserved since', async () => {
  const holder = newBatch(0, system.clock.deadline(3_000));
  const coupon = { seller: 'ann', ...couponNamed('held') };
  await reserveName(system, coupon, holder, performance.now());

  await releaseName(system, coupon, newBatch(0, system.clock.deadline(3_000)));

  assert.is(await redis.get(keys.reservation(coupon)), holder);
});

test('a name whose batch is committed is not taken over after the deadline', async () => {
  const batch = newBatch(3, system.clock.deadline(-5_000));
  await redis.hset(keys.batches(3), batch, 'a plan that this version cannot read');
  await reserveName(system, { seller: 'ann', ...couponNamed('committed') }, batch, performance.now());

  await rejects(() => createOne(system, 'committed'), isUnavailable);
  await rejects(() => createBatch(system, ['committed']), isUnavailable);

  assert.is(await redis.get(keys.reservation({ seller: 'ann', name: 'committed' })), batch);
  await redis.hdel(keys.batches(3), batch);
});

test('a plan that reaches Redis after its deadline is not committed, and its names are free', async () => {
  // The names are reserved in time, and then the deadline passes.
  const late = interceptRedis(redis, ({ name, args }, send) =>
    name === 'commitBatch'
      ? runScript(redis, name, args.slice(0, 3) as string[], ['0', ...args.slice(4)] as string[])
      : send(),
  );
  const slow = { ...system, redis: late };

  await rejects(() => createBatch(slow, ['slow 1', 'slow 2']), /held up/);

  assert.is(await createBatch(system, ['slow 1', 'slow 2']), 'created');
});

test('of hundreds of concurrent batches with overlapping names, each is created as a whole or not at all, and each name once', async () => {
  const pool = numbered('storm', 120);
  const draw = () => [...pool].sort(() => Math.random() - 0.5).slice(0, 1 + Math.floor(Math.random() * 8));
  const batches = Array.from({ length: 400 }, (_, i) => ({ names: draw(), idempotencyKey: `storm-${i}` }));

  const results = await Promise.all(
    batches.map(({ names, idempotencyKey }, i) =>
      untilDecided(() => createBatch(i % 2 === 0 ? system : other, names, { idempotencyKey })),
    ),
  );

  await settled(system);
  const creators = new Map<string, string[]>();
  for (const name of pool)
    creators.set(
      name,
      (await eventsOf(name)).map(({ data }) => (data as { idempotencyKey: string }).idempotencyKey),
    );
  for (const [name, found] of creators) assert.ok(found.length <= 1, `${name} was created ${found.length} times`);
  for (const [i, { names, idempotencyKey }] of batches.entries()) {
    const own = names.filter((name) => creators.get(name)?.[0] === idempotencyKey);
    assert.is(own.length, results[i] === 'created' ? names.length : 0, idempotencyKey);
  }
  // Then a refused batch had a name that is taken, and every name that is not taken is free.
  for (const [i, result] of results.entries())
    if (typeof result === 'object') assert.is(creators.get(String(batches[i]?.names[result.place]))?.length, 1);
  assert.equal([await reserved(system, pool), await unfinished(system)], [[], []]);
});

test('one coupon and a batch that want the same name at once: exactly one is created', async () => {
  const rounds = numbered('race', 100);

  const results = await Promise.all(
    rounds.map((name) =>
      Promise.all([
        untilDecided(() => createBatch(system, [`${name} a`, name, `${name} b`])),
        untilDecided(() => createOne(other, name)),
      ]),
    ),
  );

  for (const [i, [batch, one]] of results.entries()) {
    const name = rounds[i] ?? '';
    assert.is([batch, one].filter((result) => result === 'created').length, 1, name);
    assert.is((await existing(system, [`${name} a`, `${name} b`])).length, batch === 'created' ? 2 : 0, name);
  }
});

test.after(async () => {
  await closeOther();
  await close();
});
test.run();
