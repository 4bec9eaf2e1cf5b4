import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { newCode, partitionOfCode } from '../../../src/coupon/code.ts';
import type { CouponEvent } from '../../../src/events.ts';
import { keys, partitionOf } from '../../../src/infra/keys.ts';
import {
  addExpectations,
  type Expectation,
  faultOfValue,
  keysOf,
} from '../../../src/projections/verify/expectations.ts';
import { rowsOf } from '../../support/grabRows.ts';
import { couponRef, created, grabbed, redeemed, released, restocked } from '../../support/sampleEvents.ts';

// Which values in Redis are right for an event, when the row of its piece says what became of it. No store is involved.

const sea = couponRef('sea');
const code = newCode(partitionOf(sea));
const START = 1_700_000_000_000_000;
const withKey = <T extends CouponEvent>(event: T): T => ({ ...event, data: { ...event.data, idempotencyKey: 'k' } });
const bob = withKey(grabbed(sea, 2, 'bob', 8, code));
const back = released(bob, 3, 9);
const old = grabbed(sea, 2, 'bob', 8);
const holders = keys.holders(sea);
const view = keys.customerView('bob');
const codes = keys.codes(partitionOfCode(code));
const requests = keys.requests(sea);
const redemptions = keys.redemptions(sea);
/** What Redis has by right, by key and field. */
const held = {
  [holders]: { bob: `2,${code} k` },
  [view]: { [`ann/sea/${code}`]: `${START + 2}` },
  [codes]: { [code]: 'ann/sea/bob' },
};
const isReleased = {
  ...held,
  [holders]: {},
  [view]: { [`ann/sea/${code}`]: `-${START + 3}` },
  [requests]: { 'grab bob k': code },
};
const isRedeemed = { ...held, [redemptions]: { [code]: `${START + 3}` } };

type Values = Record<string, Record<string, string>>;
interface Given {
  /** The first of these events is looked up. */
  events: CouponEvent[];
  perCustomer?: number;
}
const cases: [behaviour: string, given: Given, redis: Values, faults: string[]][] = [
  ['a held piece is a holder, leads from its code, and is in the view', { events: [bob] }, held, []],
  [
    'a held piece of the first releases needs no code',
    { events: [old] },
    { [holders]: { bob: '2' }, [view]: { 'ann/sea': `${START + 2}` } },
    [],
  ],
  [
    'a missing holder is a fault',
    { events: [bob] },
    { ...held, [holders]: {} },
    ['Redis lacks the piece of bob of version 2'],
  ],
  [
    'a holder with another grab is a fault',
    { events: [bob] },
    { ...held, [holders]: { bob: `7,${code} k` } },
    ['Redis lacks the piece of bob of version 2'],
  ],
  [
    'a holder with the code of another piece is a fault',
    { events: [bob] },
    { ...held, [holders]: { bob: '2,OTHER k' } },
    [`Redis has the piece of bob as "2,OTHER k", the log as "2,${code} k"`],
  ],
  [
    'a holder with another idempotency key is a fault',
    { events: [bob] },
    { ...held, [holders]: { bob: `2,${code}` } },
    [`Redis has the piece of bob as "2,${code}", the log as "2,${code} k"`],
  ],
  [
    'a holder of several pieces is right up to the limit',
    { events: [bob], perCustomer: 2 },
    { ...held, [holders]: { bob: `2,${code} k\n3,X` } },
    [],
  ],
  [
    'a holder of more pieces than the limit is a fault',
    { events: [bob] },
    { ...held, [holders]: { bob: `2,${code} k\n3,X` } },
    ['Redis has 2 pieces of bob, and the limit is 1'],
  ],
  [
    'a code that leads to another coupon is a fault',
    { events: [bob] },
    { ...held, [codes]: { [code]: 'ann/mountain/bob' } },
    ['the code of version 2 leads to ann/mountain/bob'],
  ],
  [
    'a code that leads nowhere is a fault',
    { events: [bob] },
    { ...held, [codes]: {} },
    ['the code of version 2 leads to no piece'],
  ],
  [
    'a piece that the view lacks is a fault',
    { events: [bob] },
    { ...held, [view]: {} },
    [`version 2 is not in ${view}`],
  ],
  [
    'a held piece with the time of a release in the view is a fault',
    { events: [bob] },
    { ...held, [view]: { [`ann/sea/${code}`]: `-${START + 3}` } },
    [`version 2 has the time -${START + 3} instead of ${START + 2} in ${view}`],
  ],
  ['a piece that was given back is no holder, and its code still leads to it', { events: [bob, back] }, isReleased, []],
  [
    'a piece that was given back and is still held is a fault',
    { events: [bob, back] },
    { ...isReleased, [holders]: { bob: `2,${code} k` } },
    ['Redis still has the piece of bob of version 2, which was given back'],
  ],
  [
    'a piece that was given back and is held in the view is a fault',
    { events: [bob, back] },
    { ...isReleased, [view]: held[view] as Record<string, string> },
    [`version 2 has the time ${START + 2} instead of -${START + 3} in ${view}`],
  ],
  [
    'a piece that was given back and whose key may grab again is a fault',
    { events: [bob, back] },
    { ...isReleased, [requests]: {} },
    ['Redis lacks the idempotency key of version 2 ("grab bob k")'],
  ],
  ['a redeemed piece has the time of its redemption', { events: [bob, redeemed(bob, 3, 8)] }, isRedeemed, []],
  [
    'a redeemed piece whose code is good is a fault',
    { events: [bob, redeemed(bob, 3, 8)] },
    held,
    ['Redis lacks the redemption of version 2'],
  ],
  [
    'a redemption with another time is a fault',
    { events: [bob, redeemed(bob, 3, 8)] },
    { ...held, [redemptions]: { [code]: '7' } },
    [`Redis has the redemption of version 2 at 7, MySQL at ${START + 3}`],
  ],
  [
    'a creation is in the view of its seller',
    { events: [created(sea, 9)] },
    { [keys.sellerView('ann')]: { sea: `${START + 1}` } },
    [],
  ],
  [
    'a creation with another time in the view of its seller is a fault',
    { events: [created(sea, 9)] },
    { [keys.sellerView('ann')]: { sea: '1' } },
    [`version 1 has the time 1 instead of ${START + 1} in ${keys.sellerView('ann')}`],
  ],
  [
    'the key of a command that succeeded has its answer',
    { events: [withKey(restocked(sea, 4, 1, 2, 3))] },
    { [requests]: { 'restock k': `${START + 4}` } },
    [],
  ],
  [
    'the key of a command that succeeded and that Redis lacks is a fault',
    { events: [withKey(redeemed(bob, 4, 8))] },
    {},
    [`Redis lacks the idempotency key of version 4 ("redeem ${code} k")`],
  ],
];

const test = suite('what Redis must have for an event');
for (const [behaviour, { events, perCustomer = 1 }, redis, faults] of cases) {
  test(behaviour, () => {
    const [event] = events as [CouponEvent];
    const expected: Expectation[] = [];
    addExpectations(expected, keysOf(sea), event, rowsOf(events)(event.version));
    assert.equal(
      expected.flatMap((one) => faultOfValue(one, redis[one.key]?.[one.field] ?? null, perCustomer) ?? []),
      faults,
    );
  });
}
test.run();
