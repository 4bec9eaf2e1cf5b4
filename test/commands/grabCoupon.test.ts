import { rejects } from 'node:assert/strict';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decideGrabsOf } from '../support/decideGrabsOf.ts';
import { couponGrabbed, givenHolders, publishedDuring, when, withoutCode } from '../support/givenWhenThen.ts';
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
const test = suite('grabCoupon');
const ofAnn = (name: string) => ({ seller: 'ann', name });
const grab = (by: string, name: string) => grabOutcome(system, customer(by), ofAnn(name));

/** Given a coupon of the seller ann with this many pieces, of which these customers hold one each. */
async function given(name: string, amount: number, holders: string[] = []): Promise<void> {
  await givenCoupon(system, 'ann', name, amount);
  await givenHolders(system, ofAnn(name), ...holders);
}
const whenGrabs = (by: string, name: string) => when(system, ofAnn(name), () => grab(by, name));

test('the first customer gets a piece', async () => {
  await given('first', 2);

  const { outcome, events } = await whenGrabs('bob', 'first');

  assert.is(outcome, 'grabbed');
  assert.equal(events, [couponGrabbed(2, 'bob', 1)]);
});

test('a holder who grabs again is refused and takes no piece', async () => {
  await given('again', 2, ['bob']);

  const { outcome, events } = await whenGrabs('bob', 'again');

  assert.is(outcome, 'already-grabbed');
  assert.equal(events, []);
  assert.is(await grab('eve', 'again'), 'grabbed');
});

test('when all pieces are taken, the next customer gets sold-out', async () => {
  await given('one', 1, ['bob']);

  const { outcome, events } = await whenGrabs('eve', 'one');

  assert.is(outcome, 'sold-out');
  assert.equal(events, []);
});

test('a holder of a sold-out coupon gets already-grabbed', async () => {
  await given('mine', 1, ['bob']);

  const { outcome, events } = await whenGrabs('bob', 'mine');

  assert.is(outcome, 'already-grabbed');
  assert.equal(events, []);
});

test('a grab of a coupon that was never created gets no-such-coupon', async () => {
  const { outcome, events } = await whenGrabs('bob', 'never created');

  assert.is(outcome, 'no-such-coupon');
  assert.equal(events, []);
});

test('coupons of two sellers with the same name are different coupons', async () => {
  await given('spring', 1, ['bob']);
  const other = { seller: 'Ann', name: 'spring' };
  await givenCoupon(system, 'Ann', 'spring', 1);

  const { outcome, events } = await when(system, other, () => grabOutcome(system, customer('bob'), other));

  assert.is(outcome, 'grabbed');
  assert.equal(events, [couponGrabbed(2, 'bob', 0)]);
});

test('bob, Bob and bób are three customers', async () => {
  const names = ['bob', 'Bob', 'bób'];
  await given('three', 3);

  for (const name of names) assert.is(await grab(name, 'three'), 'grabbed');

  await settled(system);
  const rows = await system.mysql('coupon_grabs').whereIn('customer', names).where('version', '>', 1);
  assert.is(rows.filter(({ coupon_id }) => coupon_id.equals(rows.at(-1).coupon_id)).length, 3);
});

test('a seller cannot grab a coupon', async () => {
  await given('not for sellers', 1);

  const { outcome, events } = await when(system, ofAnn('not for sellers'), () =>
    grabOutcome(system, seller('ann'), ofAnn('not for sellers')),
  );

  assert.is(outcome, 'not-a-customer');
  assert.equal(events, []);
});

test('one script call decides for several customers in their order, with at most one piece for each', async () => {
  await given('list', 2);
  const requests = ['bob', 'bob', 'eve', 'zoe'].map((customer) => ({ customer, idempotencyKey: '' }));

  const { outcome: results, events } = await when(system, ofAnn('list'), () =>
    decideGrabsOf(system, ofAnn('list'), requests),
  );

  assert.equal(
    results.map(({ outcome }) => outcome),
    ['grabbed', 'already-grabbed', 'grabbed', 'sold-out'],
  );
  assert.equal(events, [couponGrabbed(2, 'bob', 1), couponGrabbed(3, 'eve', 0)]);
});

test('a grab publishes one typed event, and a refusal publishes none', async () => {
  await given('published', 1);

  const deliveries = await publishedDuring(system, async () => {
    await grab('bob', 'published');
    await grab('eve', 'published');
  });

  assert.is(deliveries.length, 1);
  const [event] = deliveries[0]?.events ?? [];
  assert.is(event?.type, 'CouponGrabbed');
  assert.is(event?.version, 2);
  assert.equal(event && withoutCode(event.data), { customer: 'bob', left: 0 });
});

test("a coupon's events in MySQL are the decided ones, with versions 1 to n without a gap", async () => {
  await given('versions', 3);

  for (const name of ['bob', 'eve', 'eve', 'zoe', 'tom']) await grab(name, 'versions');

  await settled(system);
  const events = await loggedEvents(system, 'ann', 'versions');
  assert.equal(
    events.map(({ version }) => version),
    [1, 2, 3, 4],
  );
  assert.equal(
    events.slice(1).map(({ data }) => withoutCode(data)),
    [
      { customer: 'bob', left: 2 },
      { customer: 'eve', left: 1 },
      { customer: 'zoe', left: 0 },
    ],
  );
});

test('the number of pieces left keeps all its digits, even for the largest amount', async () => {
  await given('huge', Number.MAX_SAFE_INTEGER);

  const { events } = await whenGrabs('bob', 'huge');

  assert.equal(events, [couponGrabbed(2, 'bob', Number.MAX_SAFE_INTEGER - 1)]);
});

test('while the gate is shut, a grab fails with an error and is not refused', async () => {
  system.gate.shut('a test');

  await rejects(() => grab('bob', 'first'), /a test/);

  system.gate.clear('a test');
});

test.after(close);
test.run();
