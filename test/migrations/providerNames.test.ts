import { rejects } from 'node:assert/strict';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { down, up } from '../../migrations/0009_provider_names.ts';
import { openMysql } from '../../src/infra/stores/openMysql.ts';
import { applyBatch } from '../../src/projections/applyBatch.ts';
import { couponRef, created, delivery, grabbed } from '../support/sampleEvents.ts';
import { createDatabase } from '../support/testStores.ts';

const { mysql, close } = await openMysql(await createDatabase());
const test = suite('the migration of the names of users');
const shapes = () =>
  Promise.all(
    ['event_log', 'coupons', 'coupon_grabs', 'sales_per_minute'].map(
      async (table) => (await mysql.raw(`SHOW CREATE TABLE ${table}`))[0][0]['Create Table'],
    ),
  );

test('can be reverted and repeated, with rows in the tables', async () => {
  const coupon = couponRef('sea');
  await applyBatch(mysql, [delivery(created(coupon, 3)), delivery(grabbed(coupon, 2, 'bob', 2))]);
  const before = await shapes();

  await down(mysql);
  assert.ok((await shapes()).every((shape) => shape.includes('varbinary(256)')));
  await up(mysql);
  await up(mysql);

  assert.equal(await shapes(), before);
  assert.is(String((await mysql('coupon_grabs').first()).customer), 'bob');
});

test('the longest name of a user fits, and is not cut when the migration is reverted', async () => {
  const longest = 'p'.repeat(32) + '\u{1f600}'.repeat(255);
  const coupon = { ...couponRef('long'), seller: longest };
  await applyBatch(mysql, [delivery(created(coupon, 3)), delivery(grabbed(coupon, 2, longest, 2))]);

  await rejects(() => down(mysql), /Data (truncated|too long)/);

  const rows = await mysql('coupon_grabs').where({ customer: longest });
  assert.is(rows.length, 1);
});

test.after(close);
test.run();
