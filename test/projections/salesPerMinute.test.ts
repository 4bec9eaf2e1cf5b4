import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { CouponRef } from '../../src/events.ts';
import { connectMysql } from '../../src/infra/stores/mysql.ts';
import { openMysql } from '../../src/infra/stores/openMysql.ts';
import { applyBatch } from '../../src/projections/applyBatch.ts';
import { idToBytes } from '../../src/projections/log/eventRows.ts';
import { couponRef, created, delivery, grabbed } from '../support/sampleEvents.ts';
import { createDatabase } from '../support/testStores.ts';

const url = await createDatabase();
const { mysql, close } = await openMysql(url);
const test = suite('sales per minute');

const MINUTE = 60_000_000;
const grabAt = (coupon: CouponRef, version: number, minute: number) => ({
  ...grabbed(coupon, version, `customer ${version}`, 100 - version),
  occurredAt: minute * MINUTE + version,
});
const counts = async (coupon: CouponRef): Promise<Record<string, number>> => {
  const rows = await mysql('sales_per_minute').where({ coupon_id: idToBytes(coupon.id) });
  return Object.fromEntries(rows.map(({ minute, grabs }) => [minute, grabs]));
};

test('grabs of the same minute are counted together, also when later transactions apply them', async () => {
  const coupon = couponRef('counted');

  await applyBatch(mysql, [delivery(created(coupon, 100)), delivery(grabAt(coupon, 2, 7), grabAt(coupon, 3, 8))]);
  await applyBatch(mysql, [delivery(grabAt(coupon, 4, 8)), delivery(grabAt(coupon, 5, 9))]);

  assert.equal(await counts(coupon), { 7: 1, 8: 2, 9: 1 });
});

test('a grab that is delivered twice is counted once, in one batch and in two batches', async () => {
  const coupon = couponRef('twice');
  const grab = delivery(grabAt(coupon, 2, 7));

  await applyBatch(mysql, [delivery(created(coupon, 100)), grab, grab]);
  await applyBatch(mysql, [grab, delivery(grabAt(coupon, 3, 7))]);

  assert.equal(await counts(coupon), { 7: 2 });
});

test('when two connections apply the same grabs at the same time, each grab is counted once', async () => {
  const coupon = couponRef('at once');
  const other = connectMysql(url);
  await applyBatch(mysql, [delivery(created(coupon, 100))]);

  for (let version = 2; version < 22; version++) {
    const batch = [delivery(grabAt(coupon, version, version % 3))];
    await Promise.all([applyBatch(mysql, batch), applyBatch(other.mysql, batch)]);
  }
  await other.close();

  assert.equal(await counts(coupon), { 0: 7, 1: 6, 2: 7 });
});

test("the counts of a seller's coupons add up to the sales of the seller", async () => {
  const [one, two] = [
    { ...couponRef('one'), seller: 'sum' },
    { ...couponRef('two'), seller: 'sum' },
  ];

  await applyBatch(
    mysql,
    [one, two].flatMap((coupon) => [delivery(created(coupon, 100)), delivery(grabAt(coupon, 2, 7))]),
  );

  const [row] = await mysql('sales_per_minute')
    .where({ seller: Buffer.from('sum'), minute: 7 })
    .sum({ grabs: 'grabs' });
  assert.is(Number(row?.grabs), 2);
});

test.after(close);
test.run();
