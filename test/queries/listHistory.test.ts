import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { grabCoupon } from '../../src/commands/grabCoupon.ts';
import { groupedCode } from '../../src/coupon/code.ts';
import type { CouponName } from '../../src/infra/keys.ts';
import { listHistory } from '../../src/queries/listHistory.ts';
import { lifeOf } from '../support/couponLife.ts';
import { customer, loggedEvents, openTestSystem, settled } from '../support/testSystem.ts';

const { system, close } = await openTestSystem();
const test = suite('the history of a coupon');

async function list(coupon: CouponName, { after = 0, limit = 100 } = {}) {
  await settled(system);
  const page = await listHistory(system, coupon, { after, limit });
  if (page === undefined) throw new Error('no such coupon');
  return page;
}

test('has every event in its order, with times as ISO 8601 and codes in groups', async () => {
  const coupon = { seller: 'ann', name: 'spring' };
  const life = lifeOf(system, coupon);
  await life.create(3, { endsAt: 1_900_000_000_000_000, perCustomer: 2 });
  const [bob, eve] = [await life.grab('bob'), await life.grab('eve')];
  await life.redeem(bob);
  await life.undo(bob);
  await life.release('eve');
  await life.restock(4);
  await life.change({ stock: 7, endsAt: null, validUntil: 1_800_000_000_000_000 });
  await life.pause();
  await life.resume();
  await life.close();

  const { data, ...rest } = await list(coupon);

  const logged = await loggedEvents(system, 'ann', 'spring');
  const piece = (customer: string, grab: number, code: string) => ({ customer, grab, code: groupedCode(code) });
  const events = [
    {
      type: 'CouponCreated',
      amount: 3,
      stock: 5,
      description: 'spring!',
      endsAt: '2030-03-17T17:46:40.000Z',
      perCustomer: 2,
    },
    { type: 'CouponGrabbed', customer: 'bob', left: 2, code: groupedCode(bob) },
    { type: 'CouponGrabbed', customer: 'eve', left: 1, code: groupedCode(eve) },
    { type: 'CouponRedeemed', left: 1, ...piece('bob', 2, bob) },
    { type: 'RedemptionUndone', left: 1, ...piece('bob', 2, bob) },
    { type: 'GrabReleased', left: 2, ...piece('eve', 3, eve) },
    { type: 'CouponRestocked', added: 4, amount: 7, left: 6 },
    { type: 'TermsChanged', stock: 7, description: 'spring!', validUntil: '2027-01-15T08:00:00.000Z', left: 6 },
    { type: 'CouponPaused', left: 6 },
    { type: 'CouponResumed', left: 6 },
    { type: 'CouponClosed', left: 6 },
  ];
  const at = (place: number) => new Date((logged[place]?.occurredAt ?? 0) / 1_000).toISOString();
  assert.equal(rest, { source: 'mysql', version: 11, behind: 0 });
  assert.equal(
    data,
    events.map((event, place) => ({ version: place + 1, at: at(place), ...event })),
  );
});

test('is paged by version', async () => {
  const coupon = { seller: 'ann', name: 'autumn' };
  const life = lifeOf(system, coupon);
  await life.create(3);
  await life.pause();
  await life.resume();

  const first = await list(coupon, { limit: 2 });
  const second = await list(coupon, { limit: 2, after: first.next ?? 0 });
  const none = await list(coupon, { after: second.version });

  assert.equal([first.data.map(({ version }) => version), first.next], [[1, 2], 2]);
  assert.equal([second.data.map(({ version }) => version), second.next], [[3], undefined]);
  assert.equal([none.data, none.next], [[], undefined]);
});

test('does not show the idempotency keys of customers', async () => {
  const coupon = { seller: 'ann', name: 'winter' };
  await lifeOf(system, coupon).create(3);
  await grabCoupon(system, customer('bob'), { ...coupon, idempotencyKey: 'a secret of bob' });

  const page = await list(coupon);

  assert.is(page.data.length, 2);
  assert.not.match(JSON.stringify(page), 'a secret of bob');
});

test('of a coupon that does not exist is undefined', async () => {
  assert.is(await listHistory(system, { seller: 'ann', name: 'none' }, { after: 0, limit: 1 }), undefined);
});

test.after(close);
test.run();
