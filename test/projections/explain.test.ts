import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { CouponGrabbed } from '../../src/events.ts';
import type { Delivery } from '../../src/infra/outbox.ts';
import { openMysql } from '../../src/infra/stores/openMysql.ts';
import { applyBatch } from '../../src/projections/applyBatch.ts';
import {
  couponRef,
  created,
  delivery,
  grabbed,
  paused,
  redeemed,
  restocked,
  termsChanged,
} from '../support/sampleEvents.ts';
import { createDatabase } from '../support/testStores.ts';

// Every statement of the projection reads its tables by a key, and docs/SQL.md says by which. The tables have little more rows than a
// batch looks up: at this size servers prefer a scan when they have the choice.

const { mysql, close } = await openMysql(await createDatabase());
const test = suite('the plans of the projection');

const COUPONS = 600;
const coupons = Array.from({ length: COUPONS }, (_, i) => couponRef(`planned ${i}`));
const first = coupons.map((coupon) => grabbed(coupon, 2, 'bob', 8, 'FIRST'));
const batches = (of: (grab: CouponGrabbed, place: number) => Delivery) => first.map(of);

test.before(async () => {
  await applyBatch(mysql, [
    ...coupons.map((coupon) => delivery(created(coupon, 9))),
    ...first.map((grab, i) => delivery(withCode(grab, i))),
  ]);
});

/** Codes are unique in the whole table. */
const withCode = (grab: CouponGrabbed, place: number) => ({ ...grab, data: { ...grab.data, code: `C${place}` } });

interface Plan {
  table: string | null;
  type: string | null;
  key: string | null;
}

/** Applies a batch. Resolves to the statements that read or update, without their values, each with its plan. */
async function plansOf(batch: readonly Delivery[]): Promise<Map<string, string>> {
  const statements: string[] = [];
  const onQuery = ({ sql }: { sql: string }) => statements.push(sql);
  mysql.on('query', onQuery);
  await applyBatch(mysql, batch);
  mysql.off('query', onQuery);
  const plans = new Map<string, string>();
  for (const statement of statements.filter((sql) => /^(SELECT|UPDATE)/.test(sql))) {
    const [rows] = await mysql.raw(`EXPLAIN FORMAT=TRADITIONAL ${statement}`);
    const read = (rows as Plan[]).filter(({ table }) => table !== 'given');
    plans.set(
      statement.replace(/JSON_TABLE\(.*\) given/, 'JSON_TABLE(...) given').replace(/IN \([^)]*\)/, 'IN (...)'),
      read.map(({ type, key }) => `${type} ${key}`).join(', '),
    );
  }
  return plans;
}

test('every statement reads its table by the key that docs/SQL.md names', async () => {
  const terms = { stock: 5, description: 'd' };
  // Known grabs and new ones, some of them in a minute that has no counter yet.
  const grabs = [
    ...batches((grab, i) => delivery(withCode(grab, i))),
    ...batches(({ coupon, occurredAt }, i) =>
      delivery({ ...grabbed(coupon, 3, 'eve', 7), occurredAt: occurredAt + (i % 2) * 60_000_000 }),
    ),
  ];
  const changes = [
    ...batches((grab, i) => delivery(redeemed(withCode(grab, i), 4, 7))),
    ...batches(({ coupon }) => delivery(restocked(coupon, 5, 1, 10, 8))),
    ...batches(({ coupon }) => delivery(paused(coupon, 6, 8))),
    ...batches(({ coupon }) => delivery(termsChanged(coupon, 7, 8, terms))),
  ];

  const plans = [...(await plansOf(grabs)), ...(await plansOf(changes))];

  const documented = readFileSync(new URL('../../docs/SQL.md', import.meta.url), 'utf8')
    .split('\n')
    .flatMap((line) => /^\| `([^`]+)` \| ([^|]+) \|$/.exec(line)?.slice(1, 3) ?? []);
  assert.equal(Object.fromEntries(plans), Object.fromEntries(pairs(documented)));
});

function* pairs(list: readonly string[]): Generator<[string, string]> {
  for (let i = 0; i < list.length; i += 2) yield [list[i] ?? '', list[i + 1] ?? ''];
}

test.after(close);
test.run();
