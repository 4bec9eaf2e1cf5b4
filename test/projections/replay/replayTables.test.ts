import { rejects } from 'node:assert/strict';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { DecidedEvent } from '../../../src/events.ts';
import { connectMysql } from '../../../src/infra/stores/mysql.ts';
import { openMysql } from '../../../src/infra/stores/openMysql.ts';
import { applyBatch } from '../../../src/projections/applyBatch.ts';
import { idToBytes } from '../../../src/projections/log/eventRows.ts';
import { projections } from '../../../src/projections/registry.ts';
import type { Difference } from '../../../src/projections/replay/compareTables.ts';
import type { Replay } from '../../../src/projections/replay/rebuildShadows.ts';
import { openReplaySession, type ReplaySession } from '../../../src/projections/replay/replaySession.ts';
import { replayAndCompare, replayAndSwap, replayUntil } from '../../../src/projections/replay/replayTables.ts';
import { couponRef, created, delivery, grabbed } from '../../support/sampleEvents.ts';
import { tableShape } from '../../support/tableShape.ts';
import { createDatabase } from '../../support/testStores.ts';
import { wholeLife } from '../../support/wholeLife.ts';

const url = await createDatabase();
const { mysql, close } = await openMysql(url);
const test = suite('replay');

const TABLES = ['coupons', 'coupon_grabs', 'sales_per_minute'];
const replay: Replay = { projections, signal: new AbortController().signal, onProgress: () => {} };

const rowsOf = (table: string) => mysql(table).orderByRaw('1, 2');
const allRows = () => Promise.all(TABLES.map(rowsOf));
const shapeOf = (table: string) => tableShape(mysql, table);
const tableNames = async () => (await mysql.raw('SHOW TABLES'))[0].flatMap(Object.values).sort();

async function inSession<T>(work: (session: ReplaySession) => Promise<T>): Promise<T> {
  const { session, close: closeSession } = await openReplaySession(url);
  try {
    return await work(session);
  } finally {
    await closeSession();
  }
}
const compare = async () => {
  const found: Difference[] = [];
  await inSession((session) => replayAndCompare(session, replay, (difference) => found.push(difference)));
  return found;
};

const sea = couponRef('sea');
const mountain = couponRef('mountain');
test.before(async () => {
  await applyBatch(mysql, [delivery(created(sea, 5)), delivery(created(mountain, 3))]);
  // Two processes may commit versions out of order.
  await applyBatch(mysql, [delivery(grabbed(sea, 3, 'eve', 3)), delivery(grabbed(mountain, 2, 'bob', 2))]);
  await applyBatch(mysql, [delivery(grabbed(sea, 2, 'bob', 4)), delivery(grabbed(sea, 4, 'zoe 😀', 2))]);
});

test('a replay of undamaged tables changes no row and no key, however often it runs', async () => {
  const [rows, shapes] = [await allRows(), await Promise.all(TABLES.map(shapeOf))];
  for (let round = 0; round < 2; round++) {
    const { events } = await inSession((session) => replayAndSwap(session, replay));
    assert.is(events, 6);
    assert.equal(await allRows(), rows);
    assert.equal(await Promise.all(TABLES.map(shapeOf)), shapes);
  }
});

test('a replay restores lost and damaged rows', async () => {
  const rows = await allRows();
  await mysql('coupon_grabs')
    .where({ customer: Buffer.from('bob') })
    .delete();
  await mysql('coupons').update({ pieces_left: 77 });
  await mysql('sales_per_minute').delete();
  await inSession((session) => replayAndSwap(session, replay));
  assert.equal(await allRows(), rows);
});

test('the projection applies batches to the tables that were swapped in', async () => {
  await applyBatch(mysql, [delivery(grabbed(mountain, 3, 'eve', 1))]);
  const [coupon] = await mysql('coupons').where({ id: idToBytes(mountain.id) });
  assert.is(coupon.pieces_left, 1);
});

test('a replay leaves no other tables behind', async () => {
  assert.equal(
    (await tableNames()).filter((name: string) => name.includes('replay')),
    [],
  );
});

test('a replay of one projection does not change the tables of the others', async () => {
  const [, , sales] = await allRows();
  await mysql('sales_per_minute').delete();
  await mysql('coupons')
    .where({ id: idToBytes(sea.id) })
    .update({ stock: 6 });
  const only = projections.filter(({ name }) => name === 'sales_per_minute');
  await inSession((session) => replayAndSwap(session, { ...replay, projections: only }));
  const [coupons, , salesNow] = await allRows();
  assert.equal(salesNow, sales);
  assert.ok(coupons?.some(({ stock }) => stock === 6));
  await mysql('coupons').update({ stock: 5 });
});

test('a comparison of undamaged tables finds no difference', async () => {
  assert.equal(await compare(), []);
});

test('a comparison names missing, unexpected and different rows, and changes nothing', async () => {
  const gone = { coupon_id: idToBytes(sea.id), version: 2 };
  const [row] = await mysql('coupon_grabs').where(gone);
  await mysql('coupon_grabs').where(gone).delete();
  await mysql('coupon_grabs').insert({ ...gone, version: 9, customer: 'nobody', grabbed_at: 1 });
  await mysql('coupons')
    .where({ id: idToBytes(sea.id) })
    .update({ pieces_left: 1 });
  const before = await allRows();
  const found = await compare();
  assert.equal(
    found.map(({ kind, table }) => [kind, table]),
    [
      ['different', 'coupons'],
      ['missing', 'coupon_grabs'],
      ['unexpected', 'coupon_grabs'],
    ],
  );
  assert.match(found[0]?.text ?? '', /pieces_left: 1, rebuilt 2/);
  assert.match(found[1]?.text ?? '', /version=2/);
  assert.equal(await allRows(), before);
  await mysql('coupon_grabs')
    .where({ ...gone, version: 9 })
    .delete();
  await mysql('coupon_grabs').insert(row);
  await mysql('coupons')
    .where({ id: idToBytes(sea.id) })
    .update({ pieces_left: 2 });
});

test('replayUntil leaves the tables as of a position or a time beside the live tables', async () => {
  const live = await allRows();
  const [first] = await mysql('event_log').where({ coupon_id: idToBytes(sea.id), version: 3 });
  await inSession((session) => replayUntil(session, replay, { position: first.position }));
  const versions = () =>
    mysql('coupon_grabs_at')
      .where({ coupon_id: idToBytes(sea.id) })
      .orderBy('version')
      .pluck('version');
  assert.equal(await versions(), [3]);
  await inSession((session) => replayUntil(session, replay, { occurredAt: 1_700_000_000_000_002 }));
  assert.equal(await versions(), [2]);
  const [coupon] = await mysql('coupons_at').where({ id: idToBytes(sea.id) });
  assert.is(coupon.pieces_left, 4);
  assert.equal(await allRows(), live);
});

test('a second replay of the same database is refused, a replay of another database is not', async () => {
  await inSession(async () => {
    await rejects(() => openReplaySession(url), /another replay or import is running/);
  });
  const other = await openReplaySession(await createDatabase());
  await other.close();
});

test('a replay that is stopped at any step before the swap leaves the live tables unchanged', async () => {
  const rows = await allRows();
  await mysql('coupons').update({ stock: 6 });
  for (let stopAt = 0; stopAt < 4; stopAt++) {
    const stop = new AbortController();
    let steps = 0;
    const onProgress = () => {
      if (steps++ === stopAt) stop.abort();
    };
    const stopped = { ...replay, signal: stop.signal, onProgress };
    const outcome = await inSession((session) => replayAndSwap(session, stopped)).then(
      () => 'swapped',
      () => 'stopped',
    );
    const [coupon] = await mysql('coupons');
    assert.is(coupon.stock, outcome === 'swapped' ? 5 : 6, `stopped at ${stopAt}`);
    assert.equal(
      (await tableNames()).filter((name: string) => name.includes('replay')),
      [],
    );
    if (outcome === 'swapped') await mysql('coupons').update({ stock: 6 });
  }
  await mysql('coupons').update({ stock: 5 });
  assert.equal(await allRows(), rows);
});

test('a comparison that is stopped ends without comparing further, and leaves no tables behind', async () => {
  const stop = new AbortController();
  const onProgress = ({ phase }: { phase: string }) => {
    if (phase === 'comparing') stop.abort(new Error('stopped'));
  };
  const stopped = { ...replay, signal: stop.signal, onProgress };
  await rejects(() => inSession((session) => replayAndCompare(session, stopped, () => {})), /stopped/);
  assert.equal(
    (await tableNames()).filter((name: string) => name.includes('replay')),
    [],
  );
});

test('events that are applied during a replay are in the tables after its swap', async () => {
  const coupon = couponRef('busy');
  const customers = 300;
  const other = connectMysql(url);
  await applyBatch(mysql, [delivery(created(coupon, customers))]);
  let version = 1;
  let selling = true;
  const sell = async (on: typeof mysql) => {
    while (selling && version <= customers) {
      version++;
      await applyBatch(on, [delivery(grabbed(coupon, version, `customer ${version}`, customers + 1 - version))]);
    }
  };
  const sales = [sell(mysql), sell(other.mysql)];
  for (let round = 0; round < 5; round++) await inSession((session) => replayAndSwap(session, replay));
  selling = false;
  await Promise.all(sales);
  await other.close();
  const [counted] = await mysql('coupon_grabs')
    .where({ coupon_id: idToBytes(coupon.id) })
    .count({ grabs: '*' });
  assert.is(counted?.grabs, version - 1);
  assert.equal(await compare(), []);
});

test('a replay and a comparison agree with tables whose events of every type were applied out of order', async () => {
  const swapped = wholeLife(couponRef('swapped'));
  // The creation and the grabs first, and the latest of the other events before the earlier ones.
  const isFirst = ({ type }: DecidedEvent) => type === 'CouponCreated' || type === 'CouponGrabbed';
  for (const events of [swapped.filter(isFirst), swapped.filter((event) => !isFirst(event)).reverse()])
    for (const event of events) await applyBatch(mysql, [delivery(event)]);
  await applyBatch(
    mysql,
    wholeLife(couponRef('in one batch')).map((event) => delivery(event)),
  );

  assert.equal(await compare(), []);

  const rows = await allRows();
  await mysql('coupons').update({ phase: 'open', amount_version: 1, valid_from: null });
  await mysql('coupon_grabs').update({ code: null, released_at: null, redeemed_at: 5 });
  await inSession((session) => replayAndSwap(session, replay));
  assert.equal(await allRows(), rows);
});

test('the readable view of a rebuilt table shows every time as a time, and an absent one as NULL', async () => {
  const coupon = couponRef('readable');
  const windows = { startsAt: 1_700_000_000_000_002, endsAt: 1_700_000_060_000_000, validFrom: 1_700_000_000_000_005 };
  await applyBatch(mysql, [delivery(created(coupon, 3, windows))]);
  const [newest] = await mysql('event_log').max({ position: 'position' });

  await inSession((session) => replayUntil(session, replay, { position: Number(newest?.position) }));

  const columns = ['created_at', 'starts_at', 'ends_at', 'valid_from', 'valid_until'];
  const asText = columns.map((column) => mysql.raw('CAST(?? AS CHAR) AS ??', [column, column]));
  const [shown] = await mysql('coupons_at_readable').select(asText).where({ name: 'readable' });
  assert.equal(
    { ...shown },
    {
      created_at: '2023-11-14 22:13:20.000001',
      starts_at: '2023-11-14 22:13:20.000002',
      ends_at: '2023-11-14 22:14:20.000000',
      valid_from: '2023-11-14 22:13:20.000005',
      valid_until: null,
    },
  );
});

test.after(close);
test.run();
