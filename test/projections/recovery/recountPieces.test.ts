import { rejects } from 'node:assert/strict';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { CouponEvent } from '../../../src/events.ts';
import { openMysql } from '../../../src/infra/stores/openMysql.ts';
import { createLog } from '../../../src/infra/telemetry/log.ts';
import { insertEvents } from '../../../src/projections/insertEvents.ts';
import { type EventRow, idToBytes, rowToEvent } from '../../../src/projections/log/eventRows.ts';
import { projectionTransaction } from '../../../src/projections/log/pause.ts';
import { recountPieces } from '../../../src/projections/recovery/recountPieces.ts';
import { archiveEvents } from '../../support/archiveEvents.ts';
import {
  closed,
  couponRef,
  created,
  grabbed,
  paused,
  redeemed,
  released,
  restocked,
  resumed,
  termsChanged,
  undone,
} from '../../support/sampleEvents.ts';
import { createDatabase } from '../../support/testStores.ts';

const { mysql, close } = await openMysql(await createDatabase());
const test = suite('the recounting of pieces');
const AT = 1_700_000_111_000_000;

/** Given a coupon whose log has these events. */
const given = (...events: CouponEvent[]) => projectionTransaction(mysql, (_trx, run) => insertEvents(run, events));
const recount = (id: string) => recountPieces({ mysql, log: createLog('silent') }, idToBytes(id), AT);

/** Then: the recount events of a coupon's log, as their versions and the pieces left. */
async function recounts(id: string): Promise<[version: number, left: number][]> {
  const rows: EventRow[] = await mysql('event_log')
    .where({ coupon_id: idToBytes(id), type: 'PiecesRecounted' })
    .orderBy('version');
  return rows.map(rowToEvent).map((event) => [event.version, event.type === 'PiecesRecounted' ? event.data.left : 0]);
}

test('the pieces left are all pieces after the last restock, without the grabs, with the released pieces', async () => {
  // Given a lost grab of version 4: the events after it count its piece as taken.
  const coupon = couponRef('counted');
  const bob = grabbed(coupon, 2, 'bob', 2);
  const eve = grabbed(coupon, 3, 'eve', 1);
  const tom = grabbed(coupon, 8, 'tom', 6);
  await given(created(coupon, 3), bob, eve);
  await given(restocked(coupon, 5, 2, 5, 2), released(bob, 6, 3), restocked(coupon, 7, 4, 9, 7), tom);

  const version = await recount(coupon.id);

  assert.is(version, 9);
  assert.equal(await recounts(coupon.id), [
    [4, 1],
    [9, 9 - 3 + 1],
  ]);
  const [row] = await mysql('coupons').where({ id: idToBytes(coupon.id) });
  assert.equal([row.pieces_left, row.version, row.amount], [7, 9, 9]);
});

test('redemptions take no piece', async () => {
  const coupon = couponRef('redeemed');
  const bob = grabbed(coupon, 2, 'bob', 2);
  await given(created(coupon, 3), bob, redeemed(bob, 3, 2), undone(bob, 4, 2), grabbed(coupon, 6, 'eve', 1));

  await recount(coupon.id);

  assert.equal(await recounts(coupon.id), [
    [5, 2],
    [7, 1],
  ]);
});

for (const left of [0, 3]) {
  test(`a gap above the archived events is closed, with ${left} of them still in the log`, async () => {
    // Given four archived events, then a lost redemption, a release, another lost version, and a redemption.
    const coupon = couponRef(`archived ${left}`);
    const bob = grabbed(coupon, 2, 'bob', 2);
    await given(created(coupon, 3), bob, grabbed(coupon, 3, 'eve', 1), restocked(coupon, 4, 4, 7, 5));
    await archiveEvents(mysql, coupon, left);
    await given(released(bob, 6, 6), redeemed(grabbed(coupon, 3, 'eve', 1), 8, 6));

    const version = await recount(coupon.id);

    assert.is(version, 9);
    assert.equal(await recounts(coupon.id), [
      [5, 5],
      [7, 6],
      [9, 7 - 2 + 1],
    ]);
  });
}

const bobsGrab = (coupon: CouponEvent['coupon']) => grabbed(coupon, 2, 'bob', 8);
const known: [what: string, eventOf: (coupon: CouponEvent['coupon']) => CouponEvent, table: string][] = [
  ['a grab', (coupon) => grabbed(coupon, 3, 'eve', 7), 'coupon_grabs'],
  ['a release', (coupon) => released(bobsGrab(coupon), 3, 9), 'coupon_grabs'],
  ['a redemption', (coupon) => redeemed(bobsGrab(coupon), 3, 8), 'coupon_grabs'],
  ['an undone redemption', (coupon) => undone(bobsGrab(coupon), 3, 8), 'coupon_grabs'],
  ['a restock', (coupon) => restocked(coupon, 3, 1, 10, 9), 'coupons'],
  ['a pause', (coupon) => paused(coupon, 3, 8), 'coupons'],
  ['a resumed sale', (coupon) => resumed(coupon, 3, 8), 'coupons'],
  ['a close', (coupon) => closed(coupon, 3, 8), 'coupons'],
  ['changed terms', (coupon) => termsChanged(coupon, 3, 8, { stock: 1, description: '' }), 'coupons'],
];
for (const [what, eventOf, table] of known) {
  test(`a gap whose event the tables have is damage and stays: ${what}`, async () => {
    // Given the event in the tables, and a log that has lost it.
    const coupon = couponRef(`known ${what}`);
    await given(created(coupon, 9), bobsGrab(coupon), eventOf(coupon), grabbed(coupon, 4, 'zoe', 7));
    await loseEvent(coupon.id, 3);

    await rejects(() => recount(coupon.id), new RegExp(`the event log lacks version 3, which ${table} has`));

    assert.equal(await recounts(coupon.id), []);
  });
}

/** Deletes an event from the log, which refuses DELETE: the trigger is away for a moment. */
async function loseEvent(id: string, version: number): Promise<void> {
  const [[trigger]] = await mysql.raw('SHOW CREATE TRIGGER event_log_keeps_unarchived');
  await mysql.raw('DROP TRIGGER event_log_keeps_unarchived');
  await mysql('event_log')
    .where({ coupon_id: idToBytes(id), version })
    .delete();
  await mysql.raw(trigger['SQL Original Statement']);
}

test.after(close);
test.run();
