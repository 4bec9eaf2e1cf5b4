import { rejects } from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import type { Knex } from 'knex';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { down, up } from '../../migrations/0005_coupon_life.ts';
import { openMysql } from '../../src/infra/stores/openMysql.ts';
import { applyBatch } from '../../src/projections/applyBatch.ts';
import { idToBytes } from '../../src/projections/log/eventRows.ts';
import { couponRef, created, delivery, grabbed, released } from '../support/sampleEvents.ts';
import { tableShape } from '../support/tableShape.ts';
import { createDatabase } from '../support/testStores.ts';

const { mysql, close } = await openMysql(await createDatabase());
const test = suite("the migration of a coupon's life");

const shapes = () => Promise.all(['coupons', 'coupon_grabs'].map((table) => tableShape(mysql, table)));
// Given the tables as this migration leaves them: the later ones are reverted.
const migrations = new URL('../../migrations/', import.meta.url);
for (const file of readdirSync(migrations).sort().reverse()) {
  if (file > '0005_coupon_life.ts') await (await import(new URL(file, migrations).href)).down(mysql);
}
const newShapes = await shapes();
await down(mysql);
const oldShapes = await shapes();

/** Given a coupon with a grab, as the tables held them before the migration. */
async function givenOldRows(name: string) {
  const id = idToBytes(couponRef(name).id);
  const coupon = {
    seller: 'ann',
    name,
    amount: 3,
    stock: 5,
    description: 'd',
    pieces_left: 2,
    version: 2,
    created_at: 1,
  };
  const grab = { version: 2, customer: 'bob', grabbed_at: 2 };
  await mysql('coupons').insert({ id, ...coupon });
  await mysql('coupon_grabs').insert({ coupon_id: id, ...grab });
  return { id, coupon, grab };
}

/** A knex that fails at the statement with this number, and later. */
function interruptedAt(place: number): Knex {
  let statements = 0;
  const raw = (sql: string) => (++statements < place ? mysql.raw(sql) : Promise.reject(new Error('interrupted')));
  return { raw } as unknown as Knex;
}

/** Interrupts a migration at each of its statements in turn, and completes it. Resolves to the number of its statements. */
async function interruptEverywhere(
  migrate: typeof up,
  revert: typeof down,
  expected: Awaited<ReturnType<typeof shapes>>,
): Promise<number> {
  for (let place = 1; ; place++) {
    const outcome = await migrate(interruptedAt(place)).then(
      () => 'complete',
      ({ message }: Error) => message,
    );
    if (outcome === 'complete') return place - 1;
    assert.is(outcome, 'interrupted');
    await migrate(mysql);
    assert.equal(await shapes(), expected);
    await revert(mysql);
  }
}

test('existing rows keep their values and get the meaning that they had', async () => {
  const { id, coupon, grab } = await givenOldRows('old');

  await up(mysql);

  const [couponRow] = await mysql('coupons').where({ id });
  assert.equal(
    { ...couponRow, seller: String(couponRow.seller), name: String(couponRow.name) },
    {
      ...{ id, ...coupon, per_customer: 1, phase: 'open' },
      ...{ starts_at: null, ends_at: null, valid_from: null, valid_until: null },
      ...{ amount_version: 1, terms_version: 1, phase_version: 1 },
    },
  );
  const [grabRow] = await mysql('coupon_grabs').where({ coupon_id: id });
  assert.equal(
    { ...grabRow, customer: String(grabRow.customer) },
    { coupon_id: id, ...grab, code: null, redeemed_at: null, released_at: null, changed_version: 0 },
  );
});

test('a migration that was interrupted at any statement is completed by the next start', async () => {
  await down(mysql);

  const statements = await interruptEverywhere(up, down, newShapes);

  assert.ok(statements >= 8, `only ${statements} statements`);
  assert.equal(await shapes(), newShapes);
});

test('the reverse of the migration brings the old tables back, also after an interruption at any statement', async () => {
  await up(mysql);

  const statements = await interruptEverywhere(down, up, oldShapes);

  assert.ok(statements >= 6, `only ${statements} statements`);
  assert.equal(await shapes(), oldShapes);
});

test('the reverse of the migration fails on a customer with two pieces of a coupon, and changes nothing', async () => {
  await up(mysql);
  const coupon = couponRef('two pieces');
  const first = grabbed(coupon, 2, 'bob', 2);
  const events = [created(coupon, 3), first, released(first, 3, 3), grabbed(coupon, 4, 'bob', 2)];
  await applyBatch(
    mysql,
    events.map((event) => delivery(event)),
  );

  await rejects(() => down(mysql), /Duplicate entry/);

  assert.equal(await shapes(), newShapes);
});

test('two grabs cannot have the same code', async () => {
  const coupon = couponRef('same code');
  await applyBatch(mysql, [delivery(created(coupon, 3)), delivery(grabbed(coupon, 2, 'bob', 2, '0123456789AB'))]);

  await rejects(() => applyBatch(mysql, [delivery(grabbed(coupon, 3, 'eve', 1, '0123456789AB'))]), /Duplicate entry/);
});

const lookUps: [what: string, table: string, where: string, key: string][] = [
  ['the grabs of a customer', 'coupon_grabs', "customer IN ('bob', 'eve')", 'customer'],
  ['the coupons of a seller', 'coupons', "seller IN ('ann', 'eve')", 'name'],
  ['the pieces of a customer of one coupon', 'coupon_grabs', "coupon_id = X'00' AND customer = 'bob'", 'customers'],
  ['the piece of a code', 'coupon_grabs', "code = '0123456789AB'", 'code'],
];
for (const [what, table, where, key] of lookUps) {
  test(`an index finds ${what}`, async () => {
    const [[plan]] = await mysql.raw(`EXPLAIN FORMAT=TRADITIONAL SELECT 1 FROM ${table} WHERE ${where}`);

    assert.ok(String(plan.possible_keys).split(',').includes(key), JSON.stringify(plan));
  });
}

test.after(close);
test.run();
