import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { concerns, decodeEntry, type RawEntry } from '../../src/infra/outbox.ts';
import { couponRef, grabbed, restocked } from '../support/sampleEvents.ts';

const test = suite('the decoding of an outbox entry');

const [sea, hut] = [couponRef('sea'), couponRef('hut')];
const AT = 1_700_000_000_000_000;
const entryOf = (fields: object): RawEntry => ['7-0', Object.entries(fields).flat().map(String)];
const grabOf = (...[coupon, version, customer, left, code]: Parameters<typeof grabbed>) => ({
  ...grabbed(coupon, version, customer, left, code),
  occurredAt: AT,
});
/** Two grabs of one coupon and one grab of another. */
const grabsOfTwo = {
  type: 'CouponGrabbed',
  at: AT,
  coupons: JSON.stringify(['ann/sea', 'ann/none', 'ann/hut']),
  // The version and the pieces left before the first grab; the second coupon was sold out.
  states: `${sea.id} 1 9,${couponRef('none').id} 5 0,${hut.id} 6 1`,
  wins: '2,0,1',
  customers: JSON.stringify(['bob', 'eve', 'zoe']),
  keys: JSON.stringify(['', 'key of eve', '']),
  codes: 'CODE-OF-BOB-CODE-OF-EVE-CODE-OF-ZOE-',
};

test('an entry of several coupons has the grabs of each, in their order', () => {
  const { entry, events, prior } = decodeEntry(3, entryOf(grabsOfTwo));

  const ofEve = grabOf(sea, 3, 'eve', 7, 'CODE-OF-EVE-');
  assert.equal([entry, prior], [{ partition: 3, id: '7-0' }, []]);
  assert.equal(events, [
    grabOf(sea, 2, 'bob', 8, 'CODE-OF-BOB-'),
    { ...ofEve, data: { ...ofEve.data, idempotencyKey: 'key of eve' } },
    grabOf(hut, 7, 'zoe', 0, 'CODE-OF-ZOE-'),
  ]);
});

test('an entry of several coupons carries the prior events of all of them', () => {
  const restock = restocked(hut, 6, 1, 5, 1);
  const { coupon, version, occurredAt, data } = restock;
  const fields = { type: restock.type, coupon: coupon.id, seller: coupon.seller, name: coupon.name };
  const earlier = Object.entries({ ...fields, version, at: occurredAt, ...data }).flat();

  const { prior } = decodeEntry(3, entryOf({ ...grabsOfTwo, prior: JSON.stringify([earlier.map(String)]) }));

  assert.equal(prior, [restock]);
});

test('an entry of one coupon, as earlier releases wrote it, has the grabs of the coupon', () => {
  const { id, seller, name } = sea;
  const own = { type: 'CouponGrabbed', coupon: id, seller, name, version: 2, at: AT, left: 8 };

  const { events } = decodeEntry(3, entryOf({ ...own, customers: JSON.stringify(['bob', 'eve']) }));

  assert.equal(events, [grabOf(sea, 2, 'bob', 8), grabOf(sea, 3, 'eve', 7)]);
});

const unreadable: [what: string, fields: object][] = [
  ['more customers than grabs', { ...grabsOfTwo, customers: '["bob","eve","zoe","tom"]' }],
  ['fewer customers than grabs', { ...grabsOfTwo, customers: '["bob","eve"]' }],
  ['no coupon', { ...grabsOfTwo, coupons: '[]' }],
  ['a coupon without an id', { ...grabsOfTwo, states: ` 1 9,,${hut.id} 6 1` }],
  ['a version that is no number', { ...grabsOfTwo, states: `${sea.id} x 9,,${hut.id} 6 1` }],
  ['more grabs than pieces', { ...grabsOfTwo, states: `${sea.id} 1 1,,${hut.id} 6 1` }],
];
for (const [what, fields] of unreadable) {
  test(`an entry with ${what} is refused`, () => {
    assert.throws(() => decodeEntry(3, entryOf(fields)));
  });
}

const { id, seller, name } = sea;
const found: [what: string, fields: object, coupon: typeof sea, isFound: boolean][] = [
  ['the first coupon of several', grabsOfTwo, sea, true],
  ['the last coupon of several', grabsOfTwo, hut, true],
  ['a coupon that is not among several', grabsOfTwo, couponRef('bay'), false],
  ['the coupon of an entry of one', { type: 'CouponPaused', coupon: id, seller, name, version: 2, at: AT }, sea, true],
  ['another coupon than that of an entry of one', { coupon: id, seller, name }, hut, false],
  ['a coupon in an entry that cannot be decoded', { coupons: '[[' }, sea, false],
];
for (const [what, fields, coupon, isFound] of found) {
  test(`${what} is ${isFound ? 'found' : 'not found'} without decoding the events`, () => {
    assert.is(concerns(entryOf(fields), coupon), isFound);
  });
}

test.run();
