import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Delivery } from '../../src/infra/outbox.ts';
import { openMysql } from '../../src/infra/stores/openMysql.ts';
import { applyBatch } from '../../src/projections/applyBatch.ts';
import { idToBytes } from '../../src/projections/log/eventRows.ts';
import {
  couponRef,
  created,
  delivery,
  deliveryWithPrior,
  grabbed,
  paused,
  redeemed,
  released,
  restocked,
  resumed,
  undone,
} from '../support/sampleEvents.ts';
import { createDatabase } from '../support/testStores.ts';

// Events that others depend on: they come with the later event, in a delivery of their own, or both, in any order.

const { mysql, close } = await openMysql(await createDatabase());
const test = suite('events that depend on earlier events');

/** Given a coupon of three pieces with a grab that MySQL has, which is version 2. */
async function givenGrab(name: string) {
  const coupon = couponRef(name);
  const grab = grabbed(coupon, 2, 'bob', 2);
  await applyBatch(mysql, [delivery(created(coupon, 3)), delivery(grab)]);
  return { coupon, grab };
}

/** Then: what the tables have about a coupon. */
async function tables(couponId: string) {
  const id = idToBytes(couponId);
  const [coupon] = await mysql('coupons').where({ id });
  const log = await mysql('event_log').where({ coupon_id: id }).orderBy('version').pluck('version');
  const grabs = await mysql('coupon_grabs').where({ coupon_id: id }).orderBy('version');
  return {
    log,
    left: coupon?.pieces_left,
    amount: coupon?.amount,
    released: grabs.filter(({ released_at }) => released_at !== null).map(({ version }) => version),
    redeemed: grabs.filter(({ redeemed_at }) => redeemed_at !== null).map(({ version }) => version),
  };
}

type Arrangement = (restock: Delivery, first: Delivery, second: Delivery) => Delivery[][];
const arrangements: [how: string, batches: Arrangement][] = [
  ['in one batch', (restock, first, second) => [[first, restock, second]]],
  ['before the own delivery', (restock, first, second) => [[first], [second], [restock]]],
  ['after the own delivery', (restock, first, second) => [[restock], [first, second]]],
  [
    'in two batches that overlap',
    (restock, first, second) => [
      [second, restock],
      [restock, first, second],
    ],
  ],
];
for (const [how, batchesOf] of arrangements) {
  test(`an event that comes as prior of two grabs and as an own event is applied once: ${how}`, async () => {
    const { coupon } = await givenGrab(`prior ${how}`);
    const restock = restocked(coupon, 3, 2, 5, 4);
    const grabs = [grabbed(coupon, 4, 'eve', 3), grabbed(coupon, 5, 'tom', 2)];
    const [first, second] = grabs.map((grab) => deliveryWithPrior([restock], grab)) as [Delivery, Delivery];

    for (const batch of batchesOf(delivery(restock), first, second)) {
      const { committed } = await applyBatch(mysql, batch);
      assert.equal(committed, batch);
    }

    assert.equal(await tables(coupon.id), { log: [1, 2, 3, 4, 5], left: 2, amount: 5, released: [], redeemed: [] });
  });
}

test('the log gets a prior event even if its own delivery never comes', async () => {
  const { coupon, grab } = await givenGrab('prior alone');

  await applyBatch(mysql, [deliveryWithPrior([released(grab, 3, 3)], grabbed(coupon, 4, 'eve', 2))]);

  assert.equal(await tables(coupon.id), { log: [1, 2, 3, 4], left: 2, amount: 3, released: [2], redeemed: [] });
});

test('a delivery whose prior event contradicts the log is damaged, and none of its events is applied', async () => {
  const { coupon } = await givenGrab('contradiction');
  await applyBatch(mysql, [delivery(paused(coupon, 3, 2))]);
  const contradicting = deliveryWithPrior([resumed(coupon, 3, 2)], grabbed(coupon, 4, 'eve', 1));

  const { damaged } = await applyBatch(mysql, [contradicting]);

  assert.equal(damaged, [contradicting]);
  assert.equal((await tables(coupon.id)).log, [1, 2, 3]);
});

const pieceEvents = { 'a release': released, 'a redemption': redeemed, 'an undone redemption': undone } as const;
for (const [what, eventOf] of Object.entries(pieceEvents)) {
  test(`${what} is early until MySQL has the grab of its piece, and the others of its batch are applied`, async () => {
    const { coupon } = await givenGrab(`early ${what}`);
    const grab = grabbed(coupon, 3, 'eve', 1);
    const early = delivery(eventOf(grab, 4, 2));
    const other = delivery(grabbed(coupon, 5, 'tom', 1));

    const first = await applyBatch(mysql, [early, other]);

    assert.equal([first.early, first.committed], [[early], [other]]);
    assert.equal((await tables(coupon.id)).log, [1, 2, 5]);

    // When the grab has come, then the event is applied.
    await applyBatch(mysql, [delivery(grab)]);
    const second = await applyBatch(mysql, [early]);

    assert.equal(second.committed, [early]);
    assert.equal((await tables(coupon.id)).log, [1, 2, 3, 4, 5]);
  });

  test(`${what} before its grab in the same batch is applied`, async () => {
    const coupon = couponRef(`together ${what}`);
    const grab = grabbed(coupon, 2, 'bob', 2);
    const batch = [delivery(eventOf(grab, 3, 3)), delivery(grab), delivery(created(coupon, 3))];

    const { committed } = await applyBatch(mysql, batch);

    assert.equal(committed, batch);
    const { released: isReleased, redeemed: isRedeemed, log } = await tables(coupon.id);
    assert.equal(
      [log, isReleased, isRedeemed],
      [[1, 2, 3], what === 'a release' ? [2] : [], what === 'a redemption' ? [2] : []],
    );
  });
}

test('a grab whose prior release lacks its grab is early as a whole', async () => {
  const { coupon } = await givenGrab('early prior');
  const early = deliveryWithPrior([released(grabbed(coupon, 3, 'eve', 1), 4, 2)], grabbed(coupon, 5, 'tom', 1));

  const result = await applyBatch(mysql, [early]);

  assert.equal(result.early, [early]);
  assert.equal((await tables(coupon.id)).log, [1, 2]);
});

test('a release is early when the delivery of its grab is damaged, and so is each event that depends on the release', async () => {
  const { coupon } = await givenGrab('damaged grab');
  // The log has another grab of version 2.
  const damaged = delivery(grabbed(coupon, 2, 'mallory', 2), grabbed(coupon, 3, 'eve', 1));
  const release = released(grabbed(coupon, 3, 'eve', 1), 4, 2);
  const regrab = grabbed(coupon, 5, 'tom', 1);
  const early = [delivery(redeemed(regrab, 6, 1)), deliveryWithPrior([release], regrab), delivery(release)];

  const result = await applyBatch(mysql, [...early, damaged]);

  assert.equal(result.damaged, [damaged]);
  assert.equal(new Set(result.early), new Set(early));
  assert.equal(result.committed, []);
  assert.equal((await tables(coupon.id)).log, [1, 2]);
});

test('a release of a piece whose grab is in the log alone is early, since the table has no row to change', async () => {
  const { coupon, grab } = await givenGrab('lost row');
  await mysql('coupon_grabs')
    .where({ coupon_id: idToBytes(coupon.id) })
    .delete();

  const early = delivery(released(grab, 3, 3));
  const result = await applyBatch(mysql, [early]);

  assert.equal(result.early, [early]);
});

test('the pieces of 1,200 redemptions are found in batches of look-ups', async () => {
  const coupons = Array.from({ length: 1_200 }, (_, i) => couponRef(`many ${i}`));
  const grabs = coupons.map((coupon) => grabbed(coupon, 2, 'bob', 0));
  await applyBatch(
    mysql,
    coupons.map((coupon) => delivery(created(coupon, 1))),
  );
  await applyBatch(
    mysql,
    grabs.map((grab) => delivery(grab)),
  );

  const { committed } = await applyBatch(
    mysql,
    grabs.map((grab) => delivery(redeemed(grab, 3, 0))),
  );

  assert.is(committed.length, 1_200);
});

/** The statements of a batch, each as its verb and its table. */
async function statementsOf(...batch: Delivery[]): Promise<string[]> {
  const statements: string[] = [];
  const onQuery = ({ sql }: { sql: string }) => {
    const [, verb, table] = /^(\w+).*?\b(?:FROM|INTO|STRAIGHT_JOIN) (?!JSON_TABLE)(\w+)/s.exec(sql) ?? [];
    if (verb !== undefined && table !== undefined) statements.push(`${verb} ${table}`);
  };
  mysql.on('query', onQuery);
  await applyBatch(mysql, batch);
  mysql.off('query', onQuery);
  return statements;
}

test('a batch of new grabs alone searches neither the log nor the tables for other events of a life', async () => {
  const { coupon } = await givenGrab('statements');

  const statements = await statementsOf(delivery(grabbed(coupon, 3, 'eve', 1)), delivery(grabbed(coupon, 4, 'tom', 0)));

  assert.equal(statements, [
    'SELECT projection_pause',
    'SELECT coupons',
    'INSERT event_log',
    'INSERT coupon_grabs',
    'UPDATE coupons',
    'UPDATE sales_per_minute',
  ]);
});

test.after(close);
test.run();
