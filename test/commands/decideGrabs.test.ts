import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type CouponGrabs, decideGrabs, type GrabRequest } from '../../src/commands/decideGrabs.ts';
import { createBus } from '../../src/infra/bus.ts';
import { type CouponName, keys, partitionOf } from '../../src/infra/keys.ts';
import { type Delivery, decodeEntry, type RawEntry } from '../../src/infra/outbox.ts';
import { givenCoupon, loggedEvents, openTestSystem, settled } from '../support/testSystem.ts';

const { system, close } = await openTestSystem();
const { redis } = system;
const test = suite('grabs of several coupons in one call');
const PARTITION = 5;

let numbers = 0;
/** A new coupon in the partition of this test. */
async function given(amount: number): Promise<CouponName> {
  for (;;) {
    const coupon = { seller: 'ann', name: `coupon ${numbers++}` };
    if (partitionOf(coupon) !== PARTITION) continue;
    await givenCoupon(system, coupon.seller, coupon.name, amount);
    return coupon;
  }
}

const grabsOf = (coupon: CouponName, ...customers: string[]): CouponGrabs => ({
  coupon,
  grabs: customers.map((customer) => ({ customer, idempotencyKey: '' })),
});
const outcomesOf = (decided: Awaited<ReturnType<typeof decideGrabs>>) =>
  decided.map((ofCoupon) =>
    'failure' in ofCoupon ? ofCoupon.failure.message : ofCoupon.results.map(({ outcome }) => outcome),
  );

/** Decides with a bus that only collects: the entries wait in the outbox for the relay. */
async function deciding(coupons: CouponGrabs[]) {
  const bus = createBus();
  const published: Delivery[] = [];
  bus.on('CouponGrabbed', (delivery) => published.push(delivery));
  const decided = await decideGrabs({ ...system, bus }, PARTITION, coupons);
  const stored = (await redis.xrevrange(keys.outbox(PARTITION), '+', '-', 'COUNT', 1)) as RawEntry[];
  return { decided, published, stored: stored.map((raw) => decodeEntry(PARTITION, raw)) };
}

test('each coupon gets its own decision, and all wins are in one entry', async () => {
  const [two, one, gone] = [await given(2), await given(1), { seller: 'ann', name: 'never created' }];

  const { decided, published } = await deciding([
    grabsOf(two, 'bob', 'eve', 'bob'),
    grabsOf(gone, 'bob'),
    grabsOf(one, 'bob', 'zoe'),
  ]);

  assert.equal(outcomesOf(decided), [
    ['grabbed', 'grabbed', 'already-grabbed'],
    ['no-such-coupon'],
    ['grabbed', 'sold-out'],
  ]);
  assert.is(published.length, 1);
  assert.equal(
    published[0]?.events.map(({ coupon, version, data }) => [coupon.name, version, 'left' in data && data.left]),
    [
      [two.name, 2, 1],
      [two.name, 3, 0],
      [one.name, 2, 0],
    ],
  );
});

test('the process publishes the events that another process reads from the entry', async () => {
  const coupons = [await given(3), await given(1), await given(2)];
  const [first, second, third] = coupons as [CouponName, CouponName, CouponName];

  const { published, stored } = await deciding([
    { coupon: first, grabs: [{ customer: 'bób', idempotencyKey: 'a "key"' }, ...grabsOf(first, 'eve').grabs] },
    grabsOf(second, 'eve', 'zoe'),
    { coupon: third, grabs: [{ customer: 'zoe', idempotencyKey: '\\' }] },
  ]);

  assert.is(published[0]?.events.length, 4);
  assert.equal(published, stored);
  assert.equal(
    published[0]?.prior.map(({ coupon: { name }, type }) => [name, type]),
    stored[0]?.prior.map(({ coupon: { name }, type }) => [name, type]),
  );
});

test('an entry carries what the grabs of every coupon depend on', async () => {
  const coupons = [await given(1), await given(1)];
  await settled(system);
  for (const { name } of coupons)
    await redis.hset(
      keys.unloggedChanges({ seller: 'ann', name }),
      '1',
      JSON.stringify(await creationFields({ seller: 'ann', name })),
    );

  const { published, stored } = await deciding(coupons.map((coupon) => grabsOf(coupon, 'bob')));

  assert.equal(
    published[0]?.prior.map(({ type, coupon }) => [type, coupon.name]),
    coupons.map(({ name }) => ['CouponCreated', name]),
  );
  assert.equal(published, stored);
});

/** The fields of a creation's entry, as createCoupon.lua writes them. */
async function creationFields({ seller, name }: CouponName): Promise<string[]> {
  const [event] = await loggedEvents(system, seller, name);
  const id = (await redis.hget(keys.coupon({ seller, name }), 'id')) ?? '';
  const data = Object.entries(event?.data ?? {}).flatMap(([field, value]) => [field, String(value)]);
  const at = String(event?.occurredAt);
  return ['type', 'CouponCreated', 'coupon', id, 'seller', seller, 'name', name, 'version', '1', 'at', at, ...data];
}

const breaks: [string, (coupon: CouponName) => Promise<unknown>][] = [
  ['is marked as damaged', (coupon) => redis.hset(keys.coupon(coupon), 'damaged', 'a test')],
  [
    'has a key of another type',
    (coupon) => redis.multi().del(keys.coupon(coupon)).set(keys.coupon(coupon), 'x').exec(),
  ],
  ['has no version', (coupon) => redis.hdel(keys.coupon(coupon), 'version')],
  ['has no number of pieces left', (coupon) => redis.hdel(keys.coupon(coupon), 'left')],
  ['has holders of another type', (coupon) => redis.set(keys.holders(coupon), 'x')],
  ['has answers of another type', (coupon) => redis.set(keys.answers(coupon), 'x')],
  ['has requests of another type', (coupon) => redis.set(keys.requests(coupon), 'x')],
  [
    'has unlogged changes of another type',
    (coupon) => redis.multi().del(keys.unloggedChanges(coupon)).set(keys.unloggedChanges(coupon), 'x').exec(),
  ],
];
for (const [what, breakIt] of breaks) {
  test(`a coupon that ${what} fails its own grabs alone`, async () => {
    const [before, broken, after] = [await given(1), await given(5), await given(1)];
    await settled(system);
    const pieces = await redis.hget(keys.coupon(broken), 'left');
    await breakIt(broken);
    const withKey: GrabRequest = { customer: 'bob', idempotencyKey: 'a key' };

    const { decided, published } = await deciding([
      grabsOf(before, 'bob', 'eve'),
      { coupon: broken, grabs: [...grabsOf(broken, 'eve').grabs, withKey] },
      { coupon: after, grabs: [withKey] },
    ]);

    const [first, second, third] = decided;
    assert.equal(outcomesOf([first, third] as typeof decided), [['grabbed', 'sold-out'], ['grabbed']]);
    assert.ok(second !== undefined && 'failure' in second);
    assert.match(second.failure.message, /damaged|cannot be read/);
    assert.equal(
      published[0]?.events.map(({ coupon }) => coupon.name),
      [before.name, after.name],
    );
    const type = await redis.type(keys.coupon(broken));
    const left = type === 'hash' ? await redis.hget(keys.coupon(broken), 'left') : pieces;
    assert.ok(left === pieces || left === null);
    // Put back, so that the relay and the close of this test find a coupon that they know.
    for (const kind of ['coupon', 'holders', 'answers', 'requests', 'unloggedChanges'] as const) {
      if ((await redis.type(keys[kind](broken))) === 'string') await redis.del(keys[kind](broken));
    }
  });
}

test('several coupons in one call are decided as one after the other', async () => {
  const customer = fc.constantFrom('bob', 'eve', 'zoe', 'tom');
  const request = fc.record({ customer, idempotencyKey: fc.constantFrom('', '', 'k1', 'k2') });
  const ofCoupon = fc.record({
    amount: fc.integer({ min: 1, max: 3 }),
    rounds: fc.tuple(
      fc.array(request, { minLength: 1, maxLength: 5 }),
      fc.array(request, { minLength: 1, maxLength: 5 }),
    ),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(ofCoupon, { minLength: 1, maxLength: 4 }), async (sales) => {
      const [together, apart]: CouponName[][] = [[], []];
      for (const { amount } of sales) {
        together?.push(await given(amount));
        apart?.push(await given(amount));
      }
      for (const round of [0, 1] as const) {
        const call = (coupons: CouponName[] = []) =>
          coupons.map((coupon, i) => ({ coupon, grabs: sales[i]?.rounds[round] ?? [] }));
        const atOnce = outcomesOf(await decideGrabs(system, PARTITION, call(together)));
        const single = [];
        for (const one of call(apart)) single.push(...outcomesOf(await decideGrabs(system, PARTITION, [one])));
        assert.equal(atOnce, single);
      }
      const stateOf = async (coupon: CouponName) => [
        await redis.hmget(keys.coupon(coupon), 'left', 'version'),
        (await redis.hkeys(keys.holders(coupon))).sort(),
        await redis.hgetall(keys.answers(coupon)),
      ];
      assert.equal(await Promise.all((together ?? []).map(stateOf)), await Promise.all((apart ?? []).map(stateOf)));
    }),
    { numRuns: 30 },
  );
});

test.after(close);
test.run();
