import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { couponFields } from '../../../src/coupon/couponFields.ts';
import { grabOf } from '../../../src/coupon/pieces.ts';
import { evolve } from '../../../src/coupon/state.ts';
import type { CouponEvent } from '../../../src/events.ts';
import { idToBytes } from '../../../src/projections/log/eventRows.ts';
import { compareCoupon } from '../../../src/projections/verify/compareCoupon.ts';
import { endWalk, startWalk, takeEvent } from '../../../src/projections/verify/couponWalk.ts';
import type { CouponInTables } from '../../../src/projections/verify/readMysql.ts';
import type { CouponInRedis } from '../../../src/projections/verify/readRedis.ts';
import type { InOutbox } from '../../../src/projections/verify/versions.ts';
import { rowsOf } from '../../support/grabRows.ts';
import { couponRef, created, grabbed, paused, recounted, redeemed, restocked } from '../../support/sampleEvents.ts';
import { wholeLife } from '../../support/wholeLife.ts';

// A coupon of three pieces, of which bob and eve have grabbed one each. No store is involved.

const sea = couponRef('sea');
const creation = created(sea, 3);
const bob = grabbed(sea, 2, 'bob', 2, 'CODE2');
const eve = grabbed(sea, 3, 'eve', 1);
const plain = [creation, bob, eve];
const life = wholeLife(sea);

type Fields = Record<string, string | undefined>;
interface GivenStores {
  events?: CouponEvent[];
  /** The events that Redis has; those of the log if absent. */
  inRedis?: CouponEvent[];
  inOutbox?: InOutbox;
  /** Fields of the hash in Redis that differ; undefined for absent ones. */
  hash?: Fields;
  redis?: Partial<CouponInRedis>;
  /** Columns of the row that differ. */
  row?: Partial<CouponInTables['coupon']>;
  tables?: Partial<CouponInTables>;
  loggedBefore?: number;
  /** The customers who hold pieces by the log, if they were counted. */
  customers?: number;
}

const stateAfter = (events: readonly CouponEvent[]) =>
  events.reduce((state, event) => evolve(state, event), undefined as ReturnType<typeof evolve> | undefined);
const versionOf = (events: readonly CouponEvent[], types: CouponEvent['type'][]) =>
  events.findLast(({ type }) => types.includes(type))?.version ?? 1;
const outboxOf = (from: number, to: number, hasChanges = false): InOutbox => ({ versions: [{ from, to }], hasChanges });

/** The row of the table coupons that follows from the events. */
function rowAfter(events: readonly CouponEvent[]): CouponInTables['coupon'] {
  const state = stateAfter(events);
  if (state === undefined) return undefined;
  return {
    ...{ id: idToBytes(sea.id), seller: Buffer.from('ann'), name: Buffer.from('sea') },
    ...{ version: state.version, amount: state.amount, pieces_left: state.left, phase: state.phase },
    ...{ stock: state.stock, description: state.description, per_customer: state.perCustomer },
    ...{ starts_at: state.startsAt ?? null, ends_at: state.endsAt ?? null },
    ...{ valid_from: state.validFrom ?? null, valid_until: state.validUntil ?? null },
    created_at: creation.occurredAt,
    amount_version: versionOf(events, ['CouponRestocked']),
    terms_version: versionOf(events, ['TermsChanged']),
    phase_version: versionOf(events, ['CouponPaused', 'CouponResumed', 'CouponClosed']),
  };
}

function compare(given: GivenStores) {
  const { events = plain, inRedis = events, inOutbox, hash = {}, row = {}, customers } = given;
  const state = stateAfter(inRedis);
  const fields: Fields = { ...(state && couponFields(state)), ...hash };
  for (const [field, value] of Object.entries(fields)) if (value === undefined) delete fields[field];
  const holders = state === undefined ? 0 : state.grabbed - state.released;
  const counts = { holders, redemptions: state?.redeemed ?? 0, unlogged: 0, ...given.redis };
  const found = { fields: fields as Record<string, string>, version: Number(fields.version ?? 0), ...counts };
  const grabs = events.filter(({ type }) => type === 'CouponGrabbed').length;
  const tables = { coupon: rowAfter(events), grabRows: grabs, grabbers: grabs, sales: grabs, ...given.tables };
  if (tables.coupon !== undefined) tables.coupon = { ...tables.coupon, ...row };
  const walk = startWalk('ann/sea', found.version, inOutbox);
  const inTable = rowsOf(events);
  for (const event of events) takeEvent(walk, event, inTable(grabOf(event) ?? event.version));
  endWalk(walk);
  walk.customers = customers;
  const { loggedBefore = events.at(-1)?.version ?? 0 } = given;
  compareCoupon(walk, { id: idToBytes(sea.id), seller: 'ann', name: 'sea', loggedBefore }, found, tables);
  return walk.report;
}

const comparisons: [behaviour: string, stores: GivenStores, mismatches: string[]][] = [
  ['stores that agree with the log have no mismatch', {}, []],
  [
    'stores that agree with a log of every event have no mismatch',
    { events: life, redis: { holders: 1 }, customers: 1 },
    [],
  ],

  // Redis.
  ['Redis without the coupon is a mismatch', { inRedis: [] }, ['Redis lacks the coupon']],
  [
    'another coupon of the same name in Redis is a mismatch',
    { hash: { id: '0193f5a1-7c00-7000-8000-000000000001' } },
    ['Redis has another coupon of this name, 0193f5a1-7c00-7000-8000-000000000001'],
  ],
  [
    'Redis that is behind the log is a mismatch',
    { inRedis: plain.slice(0, 2) },
    ['Redis is at version 2, the log at 3'],
  ],
  ['Redis that has gone on since the log was read is no mismatch', { inRedis: plain.slice(0, 2), loggedBefore: 2 }, []],
  [
    'Redis that is ahead of the log by versions in its outbox is no mismatch',
    { inRedis: [...plain, grabbed(sea, 4, 'tom', 0)], inOutbox: outboxOf(4, 4) },
    [],
  ],
  [
    'Redis that has taken more pieces than the versions in its outbox is a mismatch',
    {
      inRedis: [creation, bob, grabbed(sea, 3, 'eve', 0)],
      events: plain.slice(0, 2),
      inOutbox: outboxOf(3, 3),
      hash: { left: '0' },
      redis: { holders: 3 },
    },
    ['Redis has 0 left of 3 at version 3, the log 2'],
  ],
  [
    'Redis that has redeemed more codes than the versions in its outbox is a mismatch',
    {
      inRedis: plain,
      events: plain.slice(0, 2),
      inOutbox: outboxOf(3, 3),
      hash: { redeemed: '1' },
      redis: { redemptions: 1 },
    },
    ['Redis has 1 left of 3 at version 3, the log 2'],
  ],
  [
    'pieces in Redis that do not follow from its version are a mismatch',
    { hash: { left: '2' }, redis: { holders: 1 } },
    ['Redis at version 3 has left 2, the log 1'],
  ],
  [
    'a missing holder is a mismatch',
    { redis: { holders: 1 } },
    ['Redis has 1 holders at version 3, with 1 left of 3 pieces'],
  ],
  [
    'a holder too many is a mismatch',
    { redis: { holders: 3 } },
    ['Redis has 3 holders at version 3, with 1 left of 3 pieces'],
  ],
  [
    'fewer holders than pieces are no mismatch with a higher limit',
    {
      events: [created(sea, 3, { perCustomer: 2 }), bob, grabbed(sea, 3, 'bob', 1)],
      redis: { holders: 1 },
      tables: { grabbers: 1 },
    },
    [],
  ],
  [
    'fewer holders than the limit needs for the pieces are a mismatch',
    { events: [created(sea, 3, { perCustomer: 2 }), bob, eve, grabbed(sea, 4, 'eve', 0)], redis: { holders: 1 } },
    ['Redis has 1 holders at version 4, with 0 left of 3 pieces'],
  ],
  [
    'another number of holders than the customers of the log is a mismatch',
    { events: [created(sea, 3, { perCustomer: 2 }), bob, eve], redis: { holders: 1 }, customers: 2 },
    ['Redis has 1 holders at version 3, the log 2'],
  ],
  ['more holders than pieces are oversold', { redis: { holders: 4 } }, ['oversold: 4 holders of 3 pieces']],
  [
    'another number of redeemed codes than Redis counts is a mismatch',
    { redis: { redemptions: 1 } },
    ['Redis has 1 redeemed codes at version 3, and counts 0'],
  ],
  [
    'a number of redemptions that the log does not have is a mismatch',
    { hash: { redeemed: '1' }, redis: { redemptions: 1 } },
    ['Redis at version 3 has redeemed 1, the log (none)'],
  ],
  ['another stock in Redis is a mismatch', { hash: { stock: '6' } }, ['Redis at version 3 has stock 6, the log 5']],
  [
    'another phase in Redis is a mismatch',
    { hash: { phase: 'paused' } },
    ['Redis at version 3 has phase paused, the log (none)'],
  ],
  [
    'an end of the sale that Redis lacks is a mismatch',
    { events: [created(sea, 3, { endsAt: 1_700_000_000_000_009 }), bob, eve], hash: { endsAt: undefined } },
    ['Redis at version 3 has endsAt (none), the log 1700000000000009'],
  ],
  [
    'another limit in Redis is a mismatch',
    { hash: { perCustomer: '2' } },
    ['Redis at version 3 has perCustomer 2, the log (none)'],
  ],
  [
    'another amount in Redis is a mismatch',
    { hash: { amount: '4' }, redis: { holders: 3 } },
    ['Redis at version 3 has amount 4, the log 3'],
  ],
  [
    'terms are compared while grabs are on their way to the log',
    { inRedis: [...plain, grabbed(sea, 4, 'tom', 0)], inOutbox: outboxOf(4, 4), hash: { stock: '6' } },
    ['Redis at version 4 has stock 6, the log 5'],
  ],
  [
    'terms that differ by changes on their way to the log are no mismatch',
    {
      inRedis: [...plain, restocked(sea, 4, 2, 5, 3), paused(sea, 5, 3)],
      inOutbox: outboxOf(4, 5, true),
    },
    [],
  ],
  [
    'a limit that no change on its way can explain is a mismatch',
    { inRedis: [...plain, paused(sea, 4, 1)], inOutbox: outboxOf(4, 4, true), hash: { perCustomer: '2' } },
    ['Redis at version 4 has perCustomer 2, the log (none)'],
  ],
  [
    'a coupon that Redis has set apart is a mismatch',
    { hash: { damaged: 'the event log lacks version 2' } },
    ['Redis has set the coupon apart: the event log lacks version 2'],
  ],

  // The tables.
  ['a coupon without its row is a mismatch', { tables: { coupon: undefined } }, ['the table coupons lacks the coupon']],
  [
    'a row with another creation time is a mismatch',
    { row: { created_at: 1 } },
    [`MySQL has created_at 1, the log ${creation.occurredAt}`],
  ],
  ['a row with another number of pieces is a mismatch', { row: { pieces_left: 0 } }, ['MySQL has left 0, the log 1']],
  ['a row with another version is a mismatch', { row: { version: 2 } }, ['MySQL has version 2, the log 3']],
  ['a row with another window is a mismatch', { row: { starts_at: 7 } }, ['MySQL has startsAt 7, the log (none)']],
  ['a row with another phase is a mismatch', { row: { phase: 'closed' } }, ['MySQL has phase closed, the log (none)']],
  ['a row with another limit is a mismatch', { row: { per_customer: 2 } }, ['MySQL has perCustomer 2, the log (none)']],
  [
    'a row whose phase comes from another event is a mismatch',
    { events: [...plain, paused(sea, 4, 1)], row: { phase_version: 3 } },
    ['MySQL has phase_version 3, the log 4'],
  ],
  [
    'a row of a coupon without a log is a mismatch',
    { inRedis: [], events: [], tables: { coupon: rowAfter(plain) } },
    ['Redis lacks the coupon', 'the table coupons has the coupon, the log does not'],
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

const totals = { coupons: 1, pieces: 3, left: 2, held: 1, released: 0, redeemed: 0, events: 2 };

test('each side is counted as of the version that Redis had, while the log goes on', () => {
  const { log, mysql, redis } = compare({ inRedis: plain.slice(0, 2), loggedBefore: 2 });
  assert.equal([log, mysql, redis], [totals, totals, totals]);
});

test('changes and redemptions after the version that Redis had are left out of all totals', () => {
  const events = [creation, bob, redeemed(bob, 3, 2), restocked(sea, 4, 2, 5, 4)];
  const { log, mysql, redis } = compare({ events, inRedis: events.slice(0, 2), loggedBefore: 2 });
  assert.equal([log, mysql, redis], [totals, totals, totals]);
});

test('a recount after the version that Redis had takes no piece', () => {
  const events = [creation, bob, recounted(sea, 3, 2)];
  const { log, redis } = compare({ events, inRedis: events.slice(0, 2) });
  assert.equal([log, redis], [totals, totals]);
});

test('a recounted version is an event without a piece in every total', () => {
  const { log, mysql, redis, mismatches } = compare({ events: [creation, bob, recounted(sea, 3, 2)] });
  assert.equal([log, mysql, redis], Array(3).fill({ ...totals, events: 3 }));
  assert.equal(mismatches, []);
});

test('pieces that were given back and redeemed are counted on every side', () => {
  const { log, mysql, redis } = compare({ events: life, redis: { holders: 1 } });
  const expected = { coupons: 1, pieces: 7, left: 5, held: 2, released: 2, redeemed: 1, events: 17 };
  assert.equal([log, mysql, redis], [expected, expected, expected]);
});

test('without the coupon in Redis, the log and the tables are counted to their end', () => {
  const { log, mysql, redis } = compare({ inRedis: [] });
  const end = { ...totals, left: 1, held: 2, events: 3 };
  assert.equal([log, mysql, redis.coupons], [end, end, 0]);
});
test.run();
