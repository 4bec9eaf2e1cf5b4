import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { CouponEvent } from '../../../src/events.ts';
import {
  endWalk,
  type GrabColumns,
  startWalk,
  takeEvent,
  type Versions,
} from '../../../src/projections/verify/couponWalk.ts';
import { couponRef, created, grabbed, recounted } from '../../support/sampleEvents.ts';

// A coupon of three pieces, of which bob and eve have grabbed one each. No store is involved.

const sea = couponRef('sea');
const creation = created(sea, 3);
const bob = grabbed(sea, 2, 'bob', 2);
const eve = grabbed(sea, 3, 'eve', 1);
const rowOf = (event: CouponEvent): GrabColumns => ({
  customer: event.type === 'CouponGrabbed' ? Buffer.from(event.data.customer) : null,
  grabbed_at: event.type === 'CouponGrabbed' ? event.occurredAt : null,
});

interface GivenLog {
  events?: CouponEvent[];
  /** Rows of coupon_grabs that differ from the log, by version. */
  rows?: Record<number, GrabColumns>;
  redisVersion?: number;
  inOutbox?: Versions[];
}

function walkThrough({ events = [creation, bob, eve], rows = {}, redisVersion = 3, inOutbox = [] }: GivenLog) {
  const walk = startWalk('ann/sea', redisVersion, inOutbox);
  for (const event of events) takeEvent(walk, event, rows[event.version] ?? rowOf(event));
  endWalk(walk);
  return walk;
}
const inWords = (mismatches: string[]) => mismatches.map((text) => text.replace(/^ann\/sea: /, ''));

const walks: [
  behaviour: string,
  log: GivenLog,
  mismatches: string[],
  counts?: { onTheirWay?: number; gaps?: number },
][] = [
  ['a log in which each grab has its row has no mismatch', {}, []],
  [
    'a version that is in the outbox is on its way to the log',
    { events: [creation, bob], inOutbox: [{ from: 3, to: 3 }] },
    [],
    { onTheirWay: 1 },
  ],
  [
    'a version between others that is in no store is a gap',
    { events: [creation, eve] },
    ['version 2 is neither in the log nor in the outbox'],
    { gaps: 1 },
  ],
  [
    'versions after the last event that are in no store are gaps',
    { redisVersion: 5 },
    ['versions 4 to 5 are neither in the log nor in the outbox'],
    { gaps: 2 },
  ],
  [
    'of the missing versions, only the ones that are not in the outbox are gaps',
    {
      redisVersion: 7,
      inOutbox: [
        { from: 6, to: 6 },
        { from: 3, to: 4 },
      ],
    },
    ['version 5 is neither in the log nor in the outbox', 'version 7 is neither in the log nor in the outbox'],
    { onTheirWay: 2, gaps: 2 },
  ],
  [
    'a version that Redis did not have yet when it was read may be missing',
    { events: [creation, eve], redisVersion: 1 },
    [],
  ],
  [
    'an event of a coupon with another name is a mismatch',
    { events: [creation, { ...bob, coupon: { ...sea, name: 'mountain' } }, eve] },
    ['version 2 names another coupon'],
  ],
  [
    'a grab without its row is a mismatch',
    { rows: { 2: { customer: null, grabbed_at: null } } },
    ['coupon_grabs lacks version 2'],
  ],
  [
    'a row with another customer is a mismatch',
    { rows: { 2: { customer: Buffer.from('tom'), grabbed_at: bob.occurredAt } } },
    ['coupon_grabs and the log differ at version 2'],
  ],
  [
    'a row with another time is a mismatch',
    { rows: { 2: { customer: Buffer.from('bob'), grabbed_at: 1 } } },
    ['coupon_grabs and the log differ at version 2'],
  ],
  [
    'a grab that takes more than one piece is a mismatch',
    { events: [creation, grabbed(sea, 2, 'bob', 1), eve] },
    ['version 2 has 1 pieces left, which does not follow from the versions before it'],
  ],
  [
    'a grab that takes no piece is a mismatch',
    { events: [creation, grabbed(sea, 2, 'bob', 3), eve] },
    ['version 2 has 3 pieces left, which does not follow from the versions before it'],
  ],
  [
    'a grab after a recounted version may lack the piece that a later recount gives back',
    { events: [creation, recounted(sea, 2, 3), eve, recounted(sea, 4, 2)], redisVersion: 4 },
    [],
  ],
  [
    'a grab after a recount has the piece that the recount gave back',
    { events: [creation, recounted(sea, 2, 3), grabbed(sea, 3, 'eve', 2)] },
    [],
  ],
  [
    'a row at a recounted version is a mismatch',
    {
      events: [creation, bob, recounted(sea, 3, 2)],
      rows: { 3: { customer: Buffer.from('eve'), grabbed_at: eve.occurredAt } },
    },
    ['coupon_grabs has a grab at version 3, where the log has none'],
  ],
  [
    'a log whose last event has the wrong number of pieces is a mismatch',
    { events: [creation, bob, recounted(sea, 3, 1)] },
    ['the log ends with 1 pieces left, its versions leave 2'],
  ],
];

const test = suite("the walk through a coupon's log");
for (const [behaviour, log, mismatches, { onTheirWay = 0, gaps = 0 } = {}] of walks) {
  test(behaviour, () => {
    const { report } = walkThrough(log);
    assert.equal(inWords(report.mismatches), mismatches);
    assert.is(report.wrong, mismatches.length);
    assert.equal([report.onTheirWay, report.gaps], [onTheirWay, gaps]);
  });
}

test('every mismatch is counted, and the first 20 are kept in words', () => {
  const sale = Array.from({ length: 30 }, (_, i) => grabbed(sea, i + 2, `customer ${i}`, 29 - i));
  const rows = Object.fromEntries(sale.map(({ version }) => [version, { customer: null, grabbed_at: null }]));
  const { report } = walkThrough({ events: [created(sea, 30), ...sale], rows, redisVersion: 31 });
  assert.is(report.wrong, 30);
  assert.is(report.mismatches.length, 20);
  assert.is(report.mismatches[19], 'ann/sea: coupon_grabs lacks version 21');
});
test.run();
