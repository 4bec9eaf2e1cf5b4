import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createdState } from '../../../src/coupon/state.ts';
import type { CouponEvent } from '../../../src/events.ts';
import { startWalk } from '../../../src/projections/verify/couponWalk.ts';
import { startCustomerWalk, takeCustomerEvent } from '../../../src/projections/verify/customerWalk.ts';
import { couponRef, created, grabbed, redeemed, released, undone } from '../../support/sampleEvents.ts';
import { wholeLife } from '../../support/wholeLife.ts';

// A coupon of which a customer may hold two pieces. No store is involved.

const sea = couponRef('sea');
const creation = created(sea, 9, { perCustomer: 2, startsAt: 1, endsAt: 2 });
const first = grabbed(sea, 2, 'bob', 8, 'CODE2');
const second = grabbed(sea, 3, 'bob', 7, 'CODE3');
const third = grabbed(sea, 9, 'bob', 6, 'CODE9');
/** A grab of another customer. */
const eves = grabbed(sea, 2, 'bob', 8, 'CODE8');

function walkThrough(events: CouponEvent[], ofCreation = creation) {
  const coupon = { ...startWalk('ann/sea', 0), state: createdState(ofCreation) };
  const customer = startCustomerWalk();
  for (const event of events) takeCustomerEvent(coupon, customer, event);
  return { customer, mismatches: coupon.report.mismatches.map((text) => text.replace(/^ann\/sea: /, '')) };
}

const walks: [behaviour: string, events: CouponEvent[], mismatches: string[]][] = [
  ['as many pieces as the limit are no mismatch', [first, second], []],
  [
    'a piece over the limit is a mismatch',
    [first, second, third],
    ['version 9, CouponGrabbed, should have been refused: already-grabbed'],
  ],
  ['a piece after one was given back is no mismatch', [first, second, released(first, 4, 8), third], []],
  [
    'a piece over the limit is a mismatch, although one was given back later',
    [first, second, third, released(first, 10, 7)],
    ['version 9, CouponGrabbed, should have been refused: already-grabbed'],
  ],
  [
    'a piece that is given back twice is a mismatch',
    [first, released(first, 4, 9), released(first, 5, 9)],
    ['version 5, GrabReleased, should have been refused: not-held'],
  ],
  [
    'giving back a piece of another customer is a mismatch',
    [second, released(eves, 4, 8)],
    ['version 4, GrabReleased, should have been refused: not-held'],
  ],
  [
    'giving back a redeemed piece is a mismatch',
    [first, redeemed(first, 4, 8), released(first, 5, 9)],
    ['version 5, GrabReleased, should have been refused: redeemed'],
  ],
  [
    'giving back a piece whose redemption was undone is no mismatch',
    [first, redeemed(first, 4, 8), undone(first, 5, 8), released(first, 6, 9)],
    [],
  ],
  [
    'a code that is redeemed twice is a mismatch',
    [first, redeemed(first, 4, 8), redeemed(first, 5, 8)],
    ['version 5, CouponRedeemed, should have been refused: redeemed'],
  ],
  [
    'a code that is redeemed again after its redemption was undone is no mismatch',
    [first, redeemed(first, 4, 8), undone(first, 5, 8), redeemed(first, 6, 8)],
    [],
  ],
  [
    'redeeming a dead code is a mismatch',
    [first, released(first, 4, 9), redeemed(first, 5, 9)],
    ['version 5, CouponRedeemed, should have been refused: no-such-code'],
  ],
  [
    'redeeming a code that no grab has is a mismatch',
    [first, redeemed(eves, 4, 8)],
    ['version 4, CouponRedeemed, should have been refused: no-such-code'],
  ],
  [
    'undoing a redemption that never was is a mismatch',
    [first, undone(first, 4, 8)],
    ['version 4, RedemptionUndone, should have been refused: not-redeemed'],
  ],
  [
    'a redemption that names another grab than its code is a mismatch',
    [first, second, { ...redeemed(first, 4, 7), data: { ...redeemed(first, 4, 7).data, grab: 3 } }],
    ['version 4, CouponRedeemed, has grab 3 instead of 2'],
  ],
];

const test = suite("the walk through a customer's events");
for (const [behaviour, events, mismatches] of walks) {
  test(behaviour, () => {
    assert.equal(walkThrough(events).mismatches, mismatches);
  });
}

test('a second piece of a coupon without a limit of its own is a mismatch', () => {
  const { mismatches } = walkThrough([grabbed(sea, 2, 'bob', 8), grabbed(sea, 3, 'bob', 7)], created(sea, 9));
  assert.equal(mismatches, ['version 3, CouponGrabbed, should have been refused: already-grabbed']);
});

test('the walk ends with the pieces that the customer holds, and knows all grabs', () => {
  const { customer } = walkThrough([first, second, released(first, 4, 8), redeemed(second, 5, 8)]);
  assert.equal(
    customer.pieces.map(({ grab, code, redeemedAt }) => [grab, code, redeemedAt]),
    [[3, 'CODE3', redeemed(second, 5, 8).occurredAt]],
  );
  assert.equal([...customer.grabs], [2, 3]);
});

test('a valid history of every event has no mismatch', () => {
  const life = wholeLife(sea);
  for (const name of ['bob', 'eve']) {
    const events = life.filter(({ data }) => 'customer' in data && data.customer === name);
    assert.equal(walkThrough(events, life[0] as typeof creation).mismatches, []);
  }
});
test.run();
