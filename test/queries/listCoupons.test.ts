import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { groupedCode } from '../../src/coupon/code.ts';
import { keys } from '../../src/infra/keys.ts';
import { listCoupons } from '../../src/queries/listCoupons.ts';
import type { CustomerCoupon } from '../../src/queries/listCustomerCoupons.ts';
import { lifeOf } from '../support/couponLife.ts';
import {
  customer,
  givenCoupon,
  grabOutcome,
  loggedEvents,
  openTestSystem,
  seller,
  settled,
} from '../support/testSystem.ts';

const { system, close } = await openTestSystem();
const test = suite('listCoupons');
const names = (list: Awaited<ReturnType<typeof listCoupons>>) =>
  typeof list === 'string' ? list : list.map(({ name }) => name);
const numbered = (count: number) => Array.from({ length: count }, (_, i) => `coupon ${i}`);

/** Given 45 coupons of the seller ann, and the customer bob. */
test.before(async () => {
  for (const name of numbered(45)) await givenCoupon(system, 'ann', name, 2);
  await system.redis.mset(keys.userView('ann'), 'seller', keys.userView('bob'), 'customer');
});

test('a page has 20 coupons of the seller, oldest first, and no coupon is on two pages', async () => {
  const pages = await Promise.all(
    [1, 2, 3, 4].map((page) => listCoupons(system, customer('bob'), { username: 'ann', page })),
  );

  assert.equal(
    pages.map((page) => page.length),
    [20, 20, 5, 0],
  );
  assert.equal(pages.flatMap(names), numbered(45));
});

test("a seller's list shows the pieces that are left right after a grab", async () => {
  await grabOutcome(system, customer('bob'), { seller: 'ann', name: 'coupon 0' });

  const [first] = await listCoupons(system, seller('ann'), { username: 'ann', page: 1 });

  const terms = { name: 'coupon 0', stock: 5, description: 'coupon 0!', perCustomer: 1 };
  assert.equal(first, { ...terms, amount: 2, left: 1, status: 'on-sale' });
});

test("a customer's own list has the last grab as soon as it is answered, with its seller and the time of its event", async () => {
  for (const name of ['coupon 7', 'coupon 3']) {
    const code = await lifeOf(system, { seller: 'ann', name }).grab('eve');

    const list = await listCoupons(system, customer('eve'), { username: 'eve', page: 1 });

    await settled(system);
    const occurredAt = (await loggedEvents(system, 'ann', name)).at(-1)?.occurredAt ?? 0;
    const grabbedAt = new Date(occurredAt / 1_000).toISOString();
    assert.equal(list.at(-1), {
      name,
      stock: 5,
      description: `${name}!`,
      seller: 'ann',
      grabbedAt,
      code: groupedCode(code),
    });
  }
});

test("coupons of one name from two sellers differ by their seller in a customer's list", async () => {
  for (const seller of ['sal', 'sam']) {
    await givenCoupon(system, seller, 'twin', 1);
    await grabOutcome(system, customer('tim'), { seller, name: 'twin' });
  }
  const list = await listCoupons(system, customer('tim'), { username: 'tim', page: 1 });
  assert.equal(
    (list as CustomerCoupon[]).map(({ seller, name }) => `${seller}/${name}`),
    ['sal/twin', 'sam/twin'],
  );
});

test("a customer's list is in the order of the customer's grabs on all its pages", async () => {
  const order = numbered(45).reverse();
  for (const name of order) await grabOutcome(system, customer('zoe'), { seller: 'ann', name });

  const pages = await Promise.all(
    [1, 2, 3].map((page) => listCoupons(system, customer('zoe'), { username: 'zoe', page })),
  );

  assert.equal(pages.flatMap(names), order);
});

test('no other user, customer or seller, may read the list of a customer', async () => {
  assert.is(await listCoupons(system, customer('eve'), { username: 'bob', page: 1 }), 'other-customer');
  assert.is(await listCoupons(system, seller('ann'), { username: 'bob', page: 1 }), 'other-customer');
});

test('the list of a user who is not registered gets no-such-user', async () => {
  assert.is(await listCoupons(system, customer('eve'), { username: 'nobody', page: 1 }), 'no-such-user');
});

test('listing coupons sends no query to MySQL', async () => {
  await settled(system);
  let queries = 0;
  const count = () => void queries++;
  for (const mysql of [system.mysql, system.reads.mysql]) mysql.on('query', count);

  await listCoupons(system, customer('zoe'), { username: 'zoe', page: 1 });
  await listCoupons(system, customer('zoe'), { username: 'ann', page: 2 });
  await listCoupons(system, customer('zoe'), { username: 'nobody', page: 1 });

  for (const mysql of [system.mysql, system.reads.mysql]) mysql.client.removeListener('query', count);
  assert.is(queries, 0);
});

test.after(close);
test.run();
