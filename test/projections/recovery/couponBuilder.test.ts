import { throws } from 'node:assert/strict';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { writePieces } from '../../../src/coupon/holderValue.ts';
import type { CouponEvent } from '../../../src/events.ts';
import { customersToRead, startBuilder, takePage } from '../../../src/projections/recovery/couponBuilder.ts';
import { couponRef, created, grabbed, redeemed, released, undone } from '../../support/sampleEvents.ts';

// A coupon of nine pieces. No store is involved.

const sea = couponRef('sea');
const bob = grabbed(sea, 2, 'bob', 8, 'CODE2');
const eve = grabbed(sea, 3, 'eve', 7, 'CODE3');
const withKey = <T extends CouponEvent>(event: T, idempotencyKey: string): T => ({
  ...event,
  data: { ...event.data, idempotencyKey },
});

/** The changes of the last page, after the pages before it; `earlier` are the holders that these have built. */
function build(pages: CouponEvent[][], earlier: Record<string, string> = {}) {
  const builder = startBuilder(sea);
  const last = pages.pop() ?? [];
  for (const page of pages) takePage(builder, page, new Map());
  const toRead = customersToRead(builder, last);
  const changes = takePage(builder, last, new Map(toRead.map((customer) => [customer, earlier[customer] ?? null])));
  const holders = Object.fromEntries([...changes.holders].map(([customer, held]) => [customer, writePieces(held)]));
  return { toRead, customers: builder.customers, ...changes, holders };
}

const test = suite('the builder of a coupon');

test('holders and codes follow from the grabs of a page', () => {
  const { holders, codes, customers } = build([[created(sea, 9), withKey(bob, 'k'), eve]]);
  assert.equal(holders, { bob: '2,CODE2 k', eve: '3,CODE3' });
  assert.equal(codes, [
    ['CODE2', 'bob'],
    ['CODE3', 'eve'],
  ]);
  assert.is(customers, 2);
});

test('with a limit of one piece, only customers who give back a piece of an earlier page are read', () => {
  const page = [grabbed(sea, 4, 'tom', 6), released(bob, 5, 7), grabbed(sea, 6, 'bob', 6, 'CODE6')];
  const { toRead, holders, requests } = build([[created(sea, 9), bob, eve], page], { bob: '2,CODE2 k' });
  assert.equal(toRead, ['bob']);
  assert.equal(holders, { tom: '4', bob: '6,CODE6' });
  assert.equal(requests, [{ field: 'grab bob k', answer: 'CODE2' }]);
});

test('with a limit of several pieces, a grab joins the pieces of earlier pages', () => {
  const pages = [[created(sea, 9, { perCustomer: 2 }), bob], [grabbed(sea, 3, 'bob', 7, 'CODE3')]];
  const { toRead, holders, customers } = build(pages, { bob: '2,CODE2' });
  assert.equal([toRead, holders, customers], [['bob'], { bob: '2,CODE2\n3,CODE3' }, 1]);
});

test('a customer who gives the last piece back is no holder', () => {
  const { toRead, holders, customers } = build([[created(sea, 9), bob, eve, released(bob, 4, 8)]]);
  assert.equal([toRead, holders, customers], [[], { bob: '', eve: '3,CODE3' }, 1]);
});

test('the last event about a code decides whether it is redeemed', () => {
  const { redemptions } = build([
    [created(sea, 9), bob, eve, redeemed(bob, 4, 7), undone(bob, 5, 7), redeemed(eve, 6, 7)],
  ]);
  assert.equal(
    [...redemptions],
    [
      ['CODE2', undefined],
      ['CODE3', redeemed(eve, 6, 7).occurredAt],
    ],
  );
});

test('every key of a command that succeeded is kept with its subject', () => {
  const events = [withKey(created(sea, 9), 'k'), withKey(bob, 'g'), withKey(redeemed(bob, 3, 8), 'k')];
  const { requests } = build([[...events, withKey(undone(bob, 4, 8), 'k'), withKey(released(bob, 5, 9), 'k')]]);
  const at = (version: number) => String(1_700_000_000_000_000 + version);
  assert.equal(requests, [
    { field: 'create k', answer: at(1) },
    { field: 'redeem CODE2 k', answer: at(3) },
    { field: 'undo CODE2 k', answer: at(4) },
    { field: 'release bob k', answer: at(5) },
    { field: 'grab bob g', answer: 'CODE2' },
  ]);
});

const damages: [what: string, pages: CouponEvent[][], message: RegExp][] = [
  ['a log without its creation', [[bob]], /lacks the creation/],
  [
    'a piece over the limit',
    [[created(sea, 9), bob, grabbed(sea, 3, 'bob', 7)]],
    /more than 1 pieces for bob at version 3/,
  ],
  [
    'a piece that is released twice',
    [[created(sea, 9), bob, released(bob, 3, 9), released(bob, 4, 9)]],
    /bob does not hold at version 4/,
  ],
  [
    'a release of a piece that Redis lost during the rebuild',
    [[created(sea, 9), bob], [released(bob, 3, 9)]],
    /bob does not hold at version 3/,
  ],
];
for (const [what, pages, message] of damages) {
  test(`${what} is damage`, () => {
    throws(() => build(pages), message);
  });
}
test.run();
