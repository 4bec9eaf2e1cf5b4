import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { keys } from '../../../src/infra/keys.ts';
import { listCoupons } from '../../../src/queries/listCoupons.ts';
import { readCoupon } from '../../../src/queries/readCoupon.ts';
import type { SellerCoupon } from '../../../src/queries/sellers/sellerCoupon.ts';
import { lifeOf } from '../../support/couponLife.ts';
import { openTestSystem, seller } from '../../support/testSystem.ts';

// One coupon and the list of a seller show the same of a coupon.

const { system, close } = await openTestSystem();
const test = suite("a seller's coupon");
await system.redis.set(keys.userView('ann'), 'seller');
const couponOf = (name: string) => ({ seller: 'ann', name });

/** The coupon in the list of its seller, which has fewer than 20 coupons. */
async function listed(name: string): Promise<SellerCoupon | undefined> {
  const list = await listCoupons(system, seller('ann'), { username: 'ann', page: 1 });
  return (list as SellerCoupon[]).find((coupon) => coupon.name === name);
}

const past = 1_700_000_000_123_456;
const future = 4_000_000_000_000_000;
type Life = ReturnType<typeof lifeOf>;
const statuses: [status: string, given: (life: Life) => Promise<unknown>][] = [
  ['scheduled', (life) => life.create(1, { startsAt: future })],
  ['on-sale', (life) => life.create(1, { startsAt: past, endsAt: future })],
  ['ended', (life) => life.create(1, { endsAt: past })],
  ['paused', (life) => life.create(1).then(life.pause)],
  ['on-sale', (life) => life.create(1).then(life.pause).then(life.resume)],
  ['closed', (life) => life.create(1).then(life.close)],
  ['sold-out', (life) => life.create(1).then(() => life.grab('bob'))],
  [
    'on-sale',
    (life) =>
      life
        .create(1)
        .then(() => life.grab('bob'))
        .then(() => life.restock(1)),
  ],
  [
    'on-sale',
    (life) =>
      life
        .create(1)
        .then(() => life.grab('bob'))
        .then(() => life.release('bob')),
  ],
];
for (const [place, [status, given]] of statuses.entries()) {
  test(`the status is ${status} right after the last change of coupon ${place}`, async () => {
    const name = `status ${place}`;
    await given(lifeOf(system, couponOf(name)));

    assert.is((await listed(name))?.status, status);
    assert.is((await readCoupon(system, couponOf(name)))?.coupon.status, status);
  });
}

test('a coupon has its windows as ISO 8601 and its limit per customer', async () => {
  const limits = { startsAt: past, endsAt: future, validFrom: past, validUntil: future, perCustomer: 3 };
  await lifeOf(system, couponOf('limited')).create(2, limits);

  const coupon = await listed('limited');

  assert.equal(coupon, {
    name: 'limited',
    stock: 5,
    description: 'limited!',
    amount: 2,
    left: 2,
    status: 'on-sale',
    perCustomer: 3,
    startsAt: '2023-11-14T22:13:20.123Z',
    endsAt: '2096-10-02T07:06:40.000Z',
    validFrom: '2023-11-14T22:13:20.123Z',
    validUntil: '2096-10-02T07:06:40.000Z',
  });
  assert.equal((await readCoupon(system, couponOf('limited')))?.coupon, coupon);
});

test('a limit that a change of terms removed is absent', async () => {
  const life = lifeOf(system, couponOf('changed'));
  await life.create(2, { endsAt: future, validUntil: future });

  await life.change({ endsAt: null, stock: 9 });

  const { stock, endsAt, validUntil } = (await listed('changed')) as SellerCoupon;
  assert.equal([stock, endsAt, validUntil], [9, undefined, '2096-10-02T07:06:40.000Z']);
});

test('the amount has the pieces of a restock', async () => {
  const life = lifeOf(system, couponOf('restocked'));
  await life.create(2);

  await life.restock(5);

  assert.equal([(await listed('restocked'))?.amount, (await listed('restocked'))?.left], [7, 7]);
});

test('grabs, pieces given back and redeemed codes are counted, and an undone redemption is not', async () => {
  const life = lifeOf(system, couponOf('counted'));
  await life.create(5);
  const [bob, eve] = [await life.grab('bob'), await life.grab('eve')];
  await life.grab('kim');
  await life.release('kim');
  await life.restock(10);
  await life.redeem(bob);
  await life.redeem(eve);

  await life.undo(eve);

  const found = await readCoupon(system, couponOf('counted'));
  assert.equal(found?.counts, { grabbed: 3, released: 1, redeemed: 1 });
});

test('the counts of a new coupon are 0', async () => {
  await lifeOf(system, couponOf('new')).create(5);
  assert.equal((await readCoupon(system, couponOf('new')))?.counts, { grabbed: 0, released: 0, redeemed: 0 });
});

test('a coupon that its seller does not have is undefined', async () => {
  assert.is(await readCoupon(system, couponOf('none')), undefined);
  assert.is(await readCoupon(system, { seller: 'eve', name: 'counted' }), undefined);
});

test('after Redis was emptied, a missing coupon is no answer: the write model is reconciled first', async () => {
  await system.redis.flushall();

  const error = await readCoupon(system, couponOf('counted')).catch((thrown) => thrown);

  assert.is(error.name, 'Unavailable');
});

test.after(close);
test.run();
