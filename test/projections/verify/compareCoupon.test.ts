import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { CouponEvent } from '../../../src/events.ts';
import { idToBytes } from '../../../src/projections/log/eventRows.ts';
import { compareCoupon } from '../../../src/projections/verify/compareCoupon.ts';
import { endWalk, startWalk, takeEvent, type Versions } from '../../../src/projections/verify/couponWalk.ts';
import type { CouponInTables } from '../../../src/projections/verify/readMysql.ts';
import type { CouponInRedis } from '../../../src/projections/verify/readRedis.ts';
import { couponRef, created, grabbed, recounted } from '../../support/sampleEvents.ts';

// A coupon of three pieces, of which bob and eve have grabbed one each. No store is involved.

const sea = couponRef('sea');
const creation = created(sea, 3);
const bob = grabbed(sea, 2, 'bob', 2);
const eve = grabbed(sea, 3, 'eve', 1);
const rowOf = (event: CouponEvent) => ({
  customer: event.type === 'CouponGrabbed' ? Buffer.from(event.data.customer) : null,
  grabbed_at: event.type === 'CouponGrabbed' ? event.occurredAt : null,
});

interface GivenStores {
  events?: CouponEvent[];
  inOutbox?: Versions[];
  /** Fields that differ from the log. */
  redis?: Partial<CouponInRedis>;
  tables?: Partial<CouponInTables>;
  loggedBefore?: number;
}
const couponColumns = {
  amount: 3,
  stock: 5,
  description: 'd',
  created_at: creation.occurredAt,
  version: 3,
  pieces_left: 1,
};
const lacking = { id: null, amount: 0, stock: 0, description: null, left: 0, version: 0, holders: 0, versionAfter: 0 };

function compare(given: GivenStores) {
  const { events = [creation, bob, eve], inOutbox = [], redis = {}, tables = {}, loggedBefore = 3 } = given;
  const offer = { id: sea.id, amount: 3, stock: 5, description: 'd' };
  const inRedis = { ...offer, left: 1, version: 3, holders: 2, versionAfter: 3, ...redis };
  const inTables = { coupon: couponColumns, grabRows: 2, sales: 2, ...tables };
  const walk = startWalk('ann/sea', inRedis.version, inOutbox);
  for (const event of events) takeEvent(walk, event, rowOf(event));
  endWalk(walk);
  compareCoupon(walk, { id: idToBytes(sea.id), seller: 'ann', name: 'sea', loggedBefore }, inRedis, inTables);
  return walk.report;
}

const comparisons: [behaviour: string, stores: GivenStores, mismatches: string[]][] = [
  ['stores that agree with the log have no mismatch', {}, []],
  ['Redis without the coupon is a mismatch', { redis: lacking }, ['Redis lacks the coupon']],
  [
    'another coupon of the same name in Redis is a mismatch',
    { redis: { id: '0193f5a1-7c00-7000-8000-000000000001' } },
    ['Redis has another coupon of this name, 0193f5a1-7c00-7000-8000-000000000001'],
  ],
  [
    'Redis that is behind the log is a mismatch',
    { redis: { version: 2, versionAfter: 2, left: 2, holders: 1 } },
    ['Redis is at version 2, the log at 3'],
  ],
  [
    'Redis that is ahead of the log by versions in its outbox is no mismatch',
    { redis: { version: 4, versionAfter: 4, left: 0, holders: 3 }, inOutbox: [{ from: 4, to: 4 }] },
    [],
  ],
  [
    'pieces in Redis that do not follow from its version are a mismatch',
    { redis: { left: 2 } },
    ['Redis has 2 left of 3 at version 3'],
  ],
  ['a missing holder is a mismatch', { redis: { holders: 1 } }, ['Redis has 1 holders at version 3']],
  ['a holder of a grab during the reads is no mismatch', { redis: { holders: 3, versionAfter: 4 } }, []],
  [
    'a holder more than the grabs during the reads is a mismatch, which names both versions',
    { redis: { amount: 9, left: 7, holders: 4, versionAfter: 4 } },
    ['Redis has 4 holders at version 3 to 4', 'amount, stock or description in Redis differ from the log'],
  ],
  [
    'more holders than pieces are oversold',
    { redis: { holders: 4, versionAfter: 5 } },
    ['oversold: 4 holders of 3 pieces'],
  ],
  [
    'another stock in Redis is a mismatch',
    { redis: { stock: 6 } },
    ['amount, stock or description in Redis differ from the log'],
  ],
  ['a coupon without its row is a mismatch', { tables: { coupon: undefined } }, ['the table coupons lacks the coupon']],
  [
    'a row with another creation time is a mismatch',
    { tables: { coupon: { ...couponColumns, created_at: 1 } } },
    ['amount, stock, description or creation time in the table coupons differ from the log'],
  ],
  [
    'a row with another number of pieces is a mismatch',
    { tables: { coupon: { ...couponColumns, pieces_left: 0 } } },
    ['the table coupons has 0 left at version 3, the log 1 at 3'],
  ],
  [
    'a row of a coupon without a log is a mismatch',
    { redis: lacking, events: [], loggedBefore: 0, tables: { grabRows: 0, sales: 0 } },
    [
      'Redis lacks the coupon',
      'the table coupons has the coupon, the log does not',
      'the table coupons has 1 left at version 3, the log 0 at 0',
    ],
  ],
  ['a row of no grab is a mismatch', { tables: { grabRows: 3 } }, ['coupon_grabs has 1 rows that are not in the log']],
  [
    'a sale that was not counted is a mismatch',
    { tables: { sales: 1 } },
    ['sales_per_minute counts 1 grabs, the log has 2'],
  ],
];

const test = suite('the comparison of a coupon with Redis and the tables');
for (const [behaviour, stores, mismatches] of comparisons) {
  test(behaviour, () => {
    const report = compare(stores);
    assert.equal(
      report.mismatches.map((text) => text.replace(/^ann\/sea: /, '')),
      mismatches,
    );
    assert.is(report.wrong, mismatches.length);
  });
}

test('each side is counted as of the version that Redis had, while the log goes on', () => {
  const { log, mysql, redis } = compare({
    redis: { version: 2, versionAfter: 2, left: 2, holders: 1 },
    loggedBefore: 2,
  });
  const totals = { coupons: 1, pieces: 3, left: 2, holders: 1, events: 2 };
  assert.equal([log, mysql, redis], [totals, totals, totals]);
});

test('a recount after the version that Redis had takes no piece', () => {
  const { log, redis } = compare({
    events: [creation, bob, recounted(sea, 3, 2)],
    redis: { version: 2, versionAfter: 2, left: 2, holders: 1 },
  });
  const totals = { coupons: 1, pieces: 3, left: 2, holders: 1, events: 2 };
  assert.equal([log, redis], [totals, totals]);
});

test('a recounted version is an event without a holder in every total', () => {
  const { log, mysql, redis, mismatches } = compare({
    events: [creation, bob, recounted(sea, 3, 2)],
    redis: { left: 2, holders: 1 },
    tables: { coupon: { ...couponColumns, pieces_left: 2 }, grabRows: 1, sales: 1 },
  });
  const totals = { coupons: 1, pieces: 3, left: 2, holders: 1, events: 3 };
  assert.equal([log, mysql, redis], [totals, totals, totals]);
  assert.equal(mismatches, []);
});
test.run();
