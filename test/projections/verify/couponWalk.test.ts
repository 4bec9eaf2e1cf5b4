import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { grabOf } from '../../../src/coupon/pieces.ts';
import type { CouponEvent } from '../../../src/events.ts';
import { endWalk, type PieceColumns, startWalk, takeEvent } from '../../../src/projections/verify/couponWalk.ts';
import type { Versions } from '../../../src/projections/verify/versions.ts';
import { rowsOf } from '../../support/grabRows.ts';
import {
  closed,
  couponRef,
  created,
  grabbed,
  paused,
  recounted,
  redeemed,
  released,
  restocked,
  resumed,
  termsChanged,
  undone,
} from '../../support/sampleEvents.ts';
import { wholeLife } from '../../support/wholeLife.ts';

// A coupon of three pieces, of which bob and eve have grabbed one each. No store is involved.

const sea = couponRef('sea');
const creation = created(sea, 3);
const bob = grabbed(sea, 2, 'bob', 2);
const eve = grabbed(sea, 3, 'eve', 1);
const life = wholeLife(sea);
/** Events with a code. The time of an event is START + its version. */
const START = 1_700_000_000_000_000;
const coded = grabbed(sea, 2, 'bob', 2, 'CODE2');
const terms = { stock: 5, description: 'd' };

interface GivenLog {
  events?: CouponEvent[];
  /** Columns of coupon_grabs that differ from the log, by the version of the grab. */
  rows?: Record<number, Partial<PieceColumns>>;
  redisVersion?: number;
  inOutbox?: Versions[];
}

function walkThrough({ events = [creation, bob, eve], rows = {}, redisVersion = 3, inOutbox = [] }: GivenLog) {
  const walk = startWalk('ann/sea', redisVersion, { versions: inOutbox, hasChanges: false });
  const inTable = rowsOf(events);
  for (const event of events) {
    const grab = grabOf(event) ?? event.version;
    takeEvent(walk, event, { ...inTable(grab), ...rows[grab] });
  }
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
  ['a log with every event has no mismatch', { events: life, redisVersion: 17 }, []],
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
    'a log that does not begin with the creation is a mismatch',
    { events: [paused(sea, 1, 3), bob, eve] },
    ['version 1 is CouponPaused'],
  ],
  [
    'a second creation is a mismatch',
    { events: [creation, { ...creation, version: 2 }, grabbed(sea, 3, 'eve', 2)] },
    ['version 2 is CouponCreated'],
  ],

  // The rows of coupon_grabs.
  ['a grab without its row is a mismatch', { rows: { 2: { customer: null } } }, ['coupon_grabs lacks version 2']],
  [
    'a row with another customer is a mismatch',
    { rows: { 2: { customer: Buffer.from('tom') } } },
    ['coupon_grabs and the log differ at version 2'],
  ],
  [
    'a row with another time is a mismatch',
    { rows: { 2: { grabbed_at: 1 } } },
    ['coupon_grabs and the log differ at version 2'],
  ],
  [
    'a row with another code is a mismatch',
    { rows: { 2: { code: 'CODE2' } } },
    ['coupon_grabs and the log differ at version 2'],
  ],
  [
    'a row that is redeemed without an event is a mismatch',
    { rows: { 2: { redeemed_at: START } } },
    ['coupon_grabs and the log differ at version 2'],
  ],
  [
    'a row that an event of no log has changed is a mismatch',
    { rows: { 2: { redeemed_at: START, changed_version: 9 } } },
    ['coupon_grabs has 1 rows that changed without an event of the log'],
  ],
  [
    'a release that coupon_grabs lacks is a mismatch',
    {
      events: [creation, bob, released(bob, 3, 3)],
      rows: { 2: { released_at: null, changed_version: 0 } },
    },
    ['coupon_grabs and the log differ at version 3'],
  ],
  [
    'a row with another time of its release is a mismatch',
    { events: [creation, bob, released(bob, 3, 3)], rows: { 2: { released_at: 1 } } },
    ['coupon_grabs and the log differ at version 3'],
  ],
  [
    'a row that is redeemed after the redemption was undone is a mismatch',
    {
      events: [creation, coded, redeemed(coded, 3, 2), undone(coded, 4, 2)],
      rows: { 2: { redeemed_at: START + 3 } },
      redisVersion: 4,
    },
    ['coupon_grabs and the log differ at version 4'],
  ],
  [
    'an event about a piece without a row is a mismatch',
    { events: [creation, bob, released(eve, 3, 3)] },
    ['coupon_grabs lacks the grab of version 3'],
  ],

  // The pieces left.
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
    'a release that gives no piece back is a mismatch',
    { events: [creation, bob, released(bob, 3, 2), grabbed(sea, 4, 'eve', 2)], redisVersion: 4 },
    ['version 3 has 2 pieces left, which does not follow from the versions before it'],
  ],
  [
    'a redemption that takes a piece is a mismatch',
    { events: [creation, coded, redeemed(coded, 3, 1), grabbed(sea, 4, 'eve', 1)], redisVersion: 4 },
    ['version 3 has 1 pieces left, which does not follow from the versions before it'],
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
    'after the recount that ends a repair, the pieces are counted exactly again',
    {
      events: [
        creation,
        recounted(sea, 2, 3),
        eve,
        recounted(sea, 4, 2),
        grabbed(sea, 5, 'tom', 0),
        recounted(sea, 6, 1),
      ],
      redisVersion: 6,
    },
    ['version 5 has 0 pieces left, which does not follow from the versions before it'],
  ],
  [
    'a row at a recounted version is a mismatch',
    {
      events: [creation, bob, recounted(sea, 3, 2)],
      rows: { 3: { customer: Buffer.from('eve') } },
    },
    ['coupon_grabs has a grab at version 3, where the log has none'],
  ],
  [
    'a log whose last event has the wrong number of pieces is a mismatch',
    { events: [creation, bob, recounted(sea, 3, 1)] },
    ['the log ends with 1 pieces left, its versions leave 2'],
  ],

  // Events that the rule would have refused at their moment.
  [
    'a grab before the start is a mismatch',
    { events: [created(sea, 3, { startsAt: START + 3 }), bob, eve] },
    ['version 2, CouponGrabbed, should have been refused: not-started'],
  ],
  [
    'a grab at the end of the sale is a mismatch',
    { events: [created(sea, 3, { endsAt: START + 3 }), bob, eve] },
    ['version 3, CouponGrabbed, should have been refused: ended'],
  ],
  [
    'a grab before a start that was changed is a mismatch',
    { events: [creation, termsChanged(sea, 2, 3, { ...terms, startsAt: START + 4 }), grabbed(sea, 3, 'eve', 2)] },
    ['version 3, CouponGrabbed, should have been refused: not-started'],
  ],
  [
    'a grab of a paused coupon is a mismatch',
    { events: [creation, paused(sea, 2, 3), grabbed(sea, 3, 'eve', 2)] },
    ['version 3, CouponGrabbed, should have been refused: paused'],
  ],
  [
    'a grab of a closed coupon is a mismatch',
    { events: [creation, closed(sea, 2, 3), grabbed(sea, 3, 'eve', 2)] },
    ['version 3, CouponGrabbed, should have been refused: closed'],
  ],
  [
    'a restock of a closed coupon is a mismatch',
    { events: [creation, closed(sea, 2, 3), restocked(sea, 3, 1, 4, 4)] },
    ['version 3, CouponRestocked, should have been refused: closed'],
  ],
  [
    'a restock to a wrong number of pieces is a mismatch',
    { events: [creation, bob, restocked(sea, 3, 1, 5, 4)] },
    ['version 3, CouponRestocked, has amount 5 instead of 4'],
  ],
  [
    'a second pause is a mismatch',
    { events: [creation, paused(sea, 2, 3), paused(sea, 3, 3)] },
    ['version 3, CouponPaused, should have been refused: paused'],
  ],
  [
    'resuming an open sale is a mismatch',
    { events: [creation, bob, resumed(sea, 3, 2)] },
    ['version 3, CouponResumed, should have been refused: not-paused'],
  ],
  [
    'a second closing is a mismatch',
    { events: [creation, closed(sea, 2, 3), closed(sea, 3, 3)] },
    ['version 3, CouponClosed, should have been refused: closed'],
  ],
  [
    'terms with an empty window are a mismatch',
    { events: [creation, bob, termsChanged(sea, 3, 2, { ...terms, startsAt: START, endsAt: START })] },
    ['version 3, TermsChanged, should have been refused: empty-window'],
  ],
  [
    'a redemption before the validity is a mismatch',
    { events: [created(sea, 3, { validFrom: START + 4 }), coded, redeemed(coded, 3, 2)] },
    ['version 3, CouponRedeemed, should have been refused: not-valid-yet'],
  ],
  [
    'a redemption after the validity is a mismatch',
    { events: [created(sea, 3, { validUntil: START + 3 }), coded, redeemed(coded, 3, 2)] },
    ['version 3, CouponRedeemed, should have been refused: no-longer-valid'],
  ],
  [
    'codes of a closed coupon may be redeemed, and pieces given back',
    {
      events: [creation, coded, closed(sea, 3, 2), redeemed(coded, 4, 2), undone(coded, 5, 2), released(coded, 6, 3)],
      redisVersion: 6,
    },
    [],
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
  const rows = Object.fromEntries(sale.map(({ version }) => [version, { customer: null }]));
  const { report } = walkThrough({ events: [created(sea, 30), ...sale], rows, redisVersion: 31 });
  assert.is(report.wrong, 30);
  assert.is(report.mismatches.length, 20);
  assert.is(report.mismatches[19], 'ann/sea: coupon_grabs lacks version 21');
});
test.run();
