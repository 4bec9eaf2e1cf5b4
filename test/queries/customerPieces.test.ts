import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { groupedCode } from '../../src/coupon/code.ts';
import { keys } from '../../src/infra/keys.ts';
import { listCoupons } from '../../src/queries/listCoupons.ts';
import type { CustomerCoupon } from '../../src/queries/listCustomerCoupons.ts';
import { lifeOf } from '../support/couponLife.ts';
import { customer, loggedEvents, openTestSystem, settled } from '../support/testSystem.ts';

const { system, close } = await openTestSystem();
const test = suite("a customer's own list");
const spring = { seller: 'ann', name: 'spring' };
const life = lifeOf(system, spring);
await life.create(1_000, { perCustomer: 100 });

const pagesOf = async (username: string, count: number) =>
  (await Promise.all(
    Array.from({ length: count }, (_, place) => listCoupons(system, customer(username), { username, page: place + 1 })),
  )) as CustomerCoupon[][];
const ownList = async (username: string) => (await pagesOf(username, 1))[0] ?? [];
const codesIn = (list: readonly CustomerCoupon[]) => list.map(({ code }) => code);

test('has a row for each piece, with its own code, oldest first', async () => {
  const codes = [await life.grab('bob'), await life.grab('bob'), await life.grab('bob')];

  const list = await ownList('bob');

  assert.equal(codesIn(list), codes.map(groupedCode));
  assert.equal([...new Set(list.map(({ name }) => name))], ['spring']);
});

test('is without a piece as soon as the piece is given back', async () => {
  const [first, second] = [await life.grab('eve'), await life.grab('eve')];

  await life.release('eve', first);

  assert.equal(codesIn(await ownList('eve')), [groupedCode(second)]);
});

test('has 20 pieces a page, and pieces that were given back leave no hole in a page', async () => {
  const codes: string[] = [];
  for (let i = 0; i < 45; i++) codes.push(await life.grab('kim'));
  const released = codes.filter((_, place) => place % 9 === 0);

  for (const code of released) await life.release('kim', code);

  const pages = await pagesOf('kim', 4);
  assert.equal(
    pages.map((page) => page.length),
    [20, 20, 0, 0],
  );
  assert.equal(pages.flatMap(codesIn), codes.filter((code) => !released.includes(code)).map(groupedCode));
});

test('has the time of the redemption, until the redemption is undone', async () => {
  const [first, second] = [await life.grab('tim'), await life.grab('tim')];

  await life.redeem(second);
  const redeemed = await ownList('tim');
  await life.undo(second);
  const undone = await ownList('tim');

  await settled(system);
  const events = await loggedEvents(system, 'ann', 'spring');
  const event = events.find(({ type, data }) => type === 'CouponRedeemed' && 'code' in data && data.code === second);
  const redeemedAt = new Date((event?.occurredAt ?? 0) / 1_000).toISOString();
  assert.equal(
    redeemed.map((piece) => [piece.code, piece.redeemedAt]),
    [
      [groupedCode(first), undefined],
      [groupedCode(second), redeemedAt],
    ],
  );
  assert.not.ok(undone.some((piece) => 'redeemedAt' in piece));
});

test('has the times between which a code is redeemed', async () => {
  const autumn = lifeOf(system, { seller: 'ann', name: 'autumn' });
  await autumn.create(1, { validFrom: 1_800_000_000_000_000, validUntil: 1_900_000_000_000_000 });
  await autumn.grab('zoe');

  const [piece] = await ownList('zoe');

  assert.equal([piece?.validFrom, piece?.validUntil], ['2027-01-15T08:00:00.000Z', '2030-03-17T17:46:40.000Z']);
});

test('has grabs of the first releases, which have no code', async () => {
  // The first releases wrote this member of the view.
  await system.redis.zadd(keys.customerView('old'), 1_700_000_000_000_000, 'ann/spring');

  const list = await ownList('old');

  const grabbedAt = '2023-11-14T22:13:20.000Z';
  assert.equal(list, [{ name: 'spring', stock: 5, description: 'spring!', seller: 'ann', grabbedAt }]);
});

test.after(close);
test.run();
