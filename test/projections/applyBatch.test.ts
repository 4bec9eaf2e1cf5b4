import { rejects } from 'node:assert/strict';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { DecidedEvent } from '../../src/events.ts';
import { connectMysql } from '../../src/infra/stores/mysql.ts';
import { openMysql } from '../../src/infra/stores/openMysql.ts';
import { applyBatch } from '../../src/projections/applyBatch.ts';
import { idToBytes, rowsToEvents } from '../../src/projections/log/eventRows.ts';
import { couponRef, created, delivery, grabbed, paused } from '../support/sampleEvents.ts';
import { createDatabase } from '../support/testStores.ts';

const url = await createDatabase();
const { mysql, close } = await openMysql(url);
const test = suite('applyBatch');

/** Given events that MySQL has already. */
const given = (...events: DecidedEvent[]) => applyBatch(mysql, [delivery(...events)]);

/** Then: what the tables have about a coupon. */
const tables = async (couponId: string) => {
  const id = idToBytes(couponId);
  const [coupon] = await mysql('coupons').where({ id });
  const log = await mysql('event_log').where({ coupon_id: id }).orderBy('version').pluck('version');
  const grabs = await mysql('coupon_grabs').where({ coupon_id: id }).orderBy('version').pluck('customer');
  return { left: coupon?.pieces_left, version: coupon?.version, log, grabs: grabs.map(String) };
};

test('a batch writes the log, the coupon and its grabs', async () => {
  const coupon = couponRef('together');
  const batch = [delivery(created(coupon, 3)), delivery(grabbed(coupon, 2, 'bob', 2), grabbed(coupon, 3, 'eve', 1))];

  const { committed } = await applyBatch(mysql, batch);

  assert.equal(committed, batch);
  assert.equal(await tables(coupon.id), { left: 1, version: 3, log: [1, 2, 3], grabs: ['bob', 'eve'] });
});

test('names and descriptions with special characters are logged byte for byte', async () => {
  for (const text of [
    "it's",
    'a\\b',
    'what? ?? :x',
    '"quoted"',
    'bób 😀',
    "x'); DROP TABLE event_log; --",
    'tab\tand\nline',
  ]) {
    const coupon = { ...couponRef(text), seller: text };
    const event = created(coupon, 3);
    const described = { ...event, data: { ...event.data, description: text } };

    await applyBatch(mysql, [delivery(described, grabbed(coupon, 2, text, 2))]);

    const rows = await mysql('event_log')
      .where({ coupon_id: idToBytes(coupon.id) })
      .orderBy('version');
    assert.equal(rowsToEvents(rows), [described, grabbed(coupon, 2, text, 2)]);
    assert.equal((await tables(coupon.id)).grabs, [text]);
  }
});

test('a repeated batch of 1,200 coupons is recognised completely and changes nothing', async () => {
  const many = Array.from({ length: 1_200 }, (_, i) => created(couponRef(`one of many ${i}`), 1));
  const batch = many.map((event) => delivery(event));
  await applyBatch(mysql, batch);

  const { committed } = await applyBatch(mysql, batch);

  assert.is(committed.length, 1_200);
  const [counted] = await mysql('event_log')
    .whereIn(
      'coupon_id',
      many.map(({ coupon }) => idToBytes(coupon.id)),
    )
    .count({ events: '*' });
  assert.is(counted?.events, 1_200);
});

test('applying a batch a second time changes nothing', async () => {
  const coupon = couponRef('twice');
  const batch = [delivery(created(coupon, 3)), delivery(grabbed(coupon, 2, 'bob', 2))];
  await applyBatch(mysql, batch);
  const before = await tables(coupon.id);

  const { committed } = await applyBatch(mysql, batch);

  assert.equal(committed, batch);
  assert.equal(await tables(coupon.id), before);
});

test('an event that is in a batch twice is applied once', async () => {
  const coupon = couponRef('twice in one');
  const grab = grabbed(coupon, 2, 'bob', 2);

  const { committed } = await applyBatch(mysql, [delivery(created(coupon, 3)), delivery(grab), delivery(grab)]);

  assert.is(committed.length, 3);
  assert.equal((await tables(coupon.id)).log, [1, 2]);
});

test('when batches arrive out of order, pieces_left is that of the highest version', async () => {
  const coupon = couponRef('out of order');
  await given(created(coupon, 5));
  await given(grabbed(coupon, 4, 'zoe', 2));

  await applyBatch(mysql, [delivery(grabbed(coupon, 2, 'bob', 4)), delivery(grabbed(coupon, 3, 'eve', 3))]);

  assert.equal(await tables(coupon.id), {
    left: 2,
    version: 4,
    log: [1, 2, 3, 4],
    grabs: ['bob', 'eve', 'zoe'],
  });
});

test('a grab that arrives before the creation of its coupon is returned as early, and the other events are applied', async () => {
  const [known, unknown] = [couponRef('known'), couponRef('unknown')];
  const early = delivery(grabbed(unknown, 2, 'bob', 0));

  const result = await applyBatch(mysql, [early, delivery(created(known, 1))]);

  assert.equal(result.early, [early]);
  assert.equal((await tables(known.id)).log, [1]);
  assert.equal((await tables(unknown.id)).log, []);
});

test('a grab whose coupon has an id that is no UUID is early, and the other events are applied', async () => {
  const [good, damaged] = [couponRef('good id'), { ...couponRef('damaged id'), id: "it's damaged" }];
  await given(created(good, 9));
  const bad = delivery(grabbed(damaged, 2, 'bob', 8));

  for (const distrust of [false, true]) {
    const { early } = await applyBatch(mysql, [bad, delivery(grabbed(good, 2, 'bob', 8))], distrust);
    assert.equal(early, [bad]);
  }

  assert.equal((await tables(good.id)).log, [1, 2]);
});

test('a different event with a logged version is returned as damaged, and the logged event stays', async () => {
  const coupon = couponRef('damage');
  await given(created(coupon, 3));
  await given(grabbed(coupon, 2, 'bob', 2));
  const other = delivery(grabbed(coupon, 2, 'eve', 2));

  const { damaged, committed } = await applyBatch(mysql, [other]);

  assert.equal([damaged, committed], [[other], []]);
  assert.equal((await tables(coupon.id)).grabs, ['bob']);
});

test('the version of a coupon is the highest in the log, whatever the order and the type of its events', async () => {
  const coupon = couponRef('highest version');
  await given(created(coupon, 9));

  for (const event of [grabbed(coupon, 4, 'bob', 6), paused(coupon, 6, 6), grabbed(coupon, 3, 'eve', 7)]) {
    await given(event);
    const { version, log } = await tables(coupon.id);
    assert.is(version, log.at(-1));
  }
});

test('after a duplicate, a repeated event is found in the log even if the version of its coupon was damaged', async () => {
  const coupon = couponRef('damaged version');
  const grab = delivery(grabbed(coupon, 2, 'bob', 2));
  await given(created(coupon, 3));
  await applyBatch(mysql, [grab]);
  await mysql('coupons')
    .where({ id: idToBytes(coupon.id) })
    .update({ version: 1 });

  await rejects(() => applyBatch(mysql, [grab]), /Duplicate entry/);
  const { committed } = await applyBatch(mysql, [grab], true);

  assert.equal(committed, [grab]);
  assert.equal((await tables(coupon.id)).log, [1, 2]);
});

test('when MySQL refuses one event of a batch, no event of the batch is written', async () => {
  const coupon = couponRef('all or nothing');
  const tooLong = couponRef('x'.repeat(401));

  await rejects(() => applyBatch(mysql, [delivery(created(coupon, 1)), delivery(created(tooLong, 1))]), /too long/i);

  assert.equal((await tables(coupon.id)).log, []);
});

test('when two connections apply the same events at the same time, each event is applied once', async () => {
  const coupon = couponRef('at once');
  const other = connectMysql(url);
  const batches = Array.from({ length: 20 }, (_, i) => [delivery(grabbed(coupon, i + 2, `customer ${i}`, 19 - i))]);
  await given(created(coupon, 20));

  for (const batch of batches) await Promise.all([applyBatch(mysql, batch), applyBatch(other.mysql, batch)]);
  await other.close();

  const { log, left } = await tables(coupon.id);
  assert.equal([log.length, left], [21, 0]);
});

test('two connections apply grabs of the same 600 coupons at the same time, in any order and without a deadlock', async () => {
  const coupons = Array.from({ length: 600 }, (_, i) => couponRef(`shared ${i}`));
  const other = connectMysql(url);
  await given(...coupons.map((coupon) => created(coupon, 100)));
  const grabsOf = (version: number, order: typeof coupons) =>
    order.map((coupon) => delivery(grabbed(coupon, version, `customer ${version}`, 100 - version)));

  // Each version is a new event of one of the two; neither transaction is repeated after a deadlock here.
  for (let version = 2; version < 12; version += 2)
    await Promise.all([
      applyBatch(mysql, grabsOf(version, coupons)),
      applyBatch(other.mysql, grabsOf(version + 1, [...coupons].reverse())),
    ]);
  await other.close();

  const { log, version } = await tables(coupons[0]?.id ?? '');
  assert.equal([log.length, version], [11, 11]);
  const [sum] = await mysql('sales_per_minute')
    .whereIn(
      'coupon_id',
      coupons.map(({ id }) => idToBytes(id)),
    )
    .sum({ grabs: 'grabs' });
  assert.is(Number(sum?.grabs), 6_000);
});

test('the event log refuses UPDATE and DELETE', async () => {
  await rejects(() => mysql('event_log').update({ version: 99 }), /append-only/);
  await rejects(() => mysql('event_log').delete(), /append-only/);
});

test.after(close);
test.run();
