import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { CouponGrabbed, DecidedEvent } from '../../src/events.ts';
import { createGate } from '../../src/infra/gate.ts';
import { allPartitions, keys } from '../../src/infra/keys.ts';
import { type Delivery, decodeEntry, type RawEntry } from '../../src/infra/outbox.ts';
import { loadScripts } from '../../src/infra/scripts.ts';
import { openMysql } from '../../src/infra/stores/openMysql.ts';
import { openRedis } from '../../src/infra/stores/redis.ts';
import { unwatched } from '../../src/infra/telemetry/batchWatch.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { createNewerReleases } from '../../src/infra/telemetry/newerReleases.ts';
import { applyBatch } from '../../src/projections/applyBatch.ts';
import { idToBytes } from '../../src/projections/log/eventRows.ts';
import { startMysqlWriter } from '../../src/projections/mysqlWriter.ts';
import { isOfSeveral, splitEntry } from '../../src/projections/splitEntry.ts';
import {
  couponRef,
  created,
  delivery,
  deliveryWithPrior,
  grabbed,
  released,
  restocked,
} from '../support/sampleEvents.ts';
import { openTestStores } from '../support/testStores.ts';

// An entry of several coupons: a fault of one of them must not hold up the grabs of the others.

const { config, close } = await openTestStores();
const log = createLog('silent');
const { redis, close: closeRedis } = await openRedis(config.redisUrl, log);
await loadScripts(redis);
const { mysql, close: closeMysql } = await openMysql(config.mysqlUrl);
const test = suite('an entry of several coupons');

test.before.each(async () => {
  await redis.del(...allPartitions.flatMap((partition) => [keys.outbox(partition), keys.deadLetters(partition)]));
});

const [sea, hut] = [couponRef('sea'), couponRef('hut')];
const at = 1_700_000_000_000_000;
let codes = 0;
/** A grab at the time of its entry, with a code of its own. */
const grabOf = (...[coupon, version, customer, left]: Parameters<typeof grabbed>): CouponGrabbed => ({
  ...grabbed(coupon, version, customer, left, `CODE${String(++codes).padStart(8, '0')}`),
  occurredAt: at,
});
/** Given the entry of a delivery in the outbox. What it holds does not matter: the events are in memory. */
async function givenStored(whole: Delivery): Promise<Delivery> {
  const id = (await redis.xadd(keys.outbox(0), '*', 'type', 'CouponGrabbed')) ?? '';
  return { ...whole, entry: { partition: 0, id } };
}
const outbox = async () => (await redis.xrange(keys.outbox(0), '-', '+')) as RawEntry[];
const deadLetters = async () => (await redis.xrange(keys.deadLetters(0), '-', '+')) as RawEntry[];
const fieldOf = ([, fields]: RawEntry, name: string) => fields[fields.indexOf(name) + 1];

test('becomes an entry for each coupon, with the events and the prior events of the coupon', async () => {
  const withKey = grabOf(hut, 8, 'zoe', 2);
  withKey.data.idempotencyKey = 'key of zoe';
  const prior = [restocked(hut, 6, 1, 5, 3), released(grabOf(hut, 2, 'tom', 1), 7, 3)];
  const grabs = [grabOf(sea, 2, 'bob', 8), grabOf(sea, 3, 'é"\\/ve', 7), withKey];
  const whole = await givenStored(deliveryWithPrior(prior, ...grabs));
  await redis.xadd(keys.outbox(0), '*', 'type', 'later');

  const parts = await splitEntry(redis, whole);

  const [later, ...entries] = await outbox();
  assert.is(later && fieldOf(later, 'type'), 'later');
  const decoded = entries.map((raw) => decodeEntry(0, raw));
  assert.equal(decoded, parts);
  assert.equal(
    decoded.map(({ events, prior: carried }) => [events, carried]),
    [
      [grabs.slice(0, 2), []],
      [[withKey], prior],
    ],
  );
});

test('that is gone from the outbox has parts without entries, and nothing is written', async () => {
  const whole = delivery(grabOf(sea, 2, 'bob', 8), grabOf(hut, 2, 'eve', 8));

  const parts = await splitEntry(redis, whole);

  assert.equal(
    parts.map(({ entry, events }) => [entry, events.length]),
    [
      [undefined, 1],
      [undefined, 1],
    ],
  );
  assert.equal(await outbox(), []);
});

test('is told from an entry of one coupon, also by its prior events', () => {
  assert.is(isOfSeveral(delivery(grabOf(sea, 2, 'bob', 8), grabOf(sea, 3, 'eve', 7))), false);
  assert.is(isOfSeveral(delivery(grabOf(sea, 2, 'bob', 8), grabOf(hut, 2, 'eve', 8))), true);
});

/** When the writer applies the deliveries and then closes, after it has had the time to make dead letters. */
async function applied(...deliveries: Delivery[]): Promise<void> {
  const { writer, close: closeWriter } = startMysqlWriter({
    mysql,
    redis,
    gate: createGate(log),
    watch: unwatched,
    newerReleases: createNewerReleases(log),
    log,
  });
  for (const one of deliveries) writer.enqueue(one, Promise.resolve());
  await writer.idle();
  await closeWriter();
}
const versionsOf = (couponId: string) =>
  mysql('event_log')
    .where({ coupon_id: idToBytes(couponId) })
    .orderBy('version')
    .pluck('version');
const given = (...events: DecidedEvent[]) =>
  applyBatch(
    mysql,
    events.map((event) => delivery(event)),
  );

test('is applied but for the coupons whose grabs are damaged, refused or without a creation, which become dead letters', async () => {
  const [good, damaged] = [couponRef('good'), couponRef('damaged')];
  const [refused, unknown] = [couponRef('refused'), couponRef('unknown')];
  const other = grabOf(damaged, 2, 'mallory', 8);
  await given(...[good, damaged, refused].map((coupon) => created(coupon, 9)), other);
  const twice = grabOf(refused, 2, 'eve', 8);
  // The code of this grab belongs to another one, which MySQL refuses.
  twice.data.code = other.data.code;
  const grabs = [
    grabOf(damaged, 2, 'bob', 8),
    grabOf(good, 2, 'bob', 8),
    twice,
    grabOf(unknown, 2, 'tom', 8),
    grabOf(good, 3, 'eve', 7),
  ];
  const whole = await givenStored(delivery(...grabs));

  await applied(whole);

  assert.equal(await Promise.all([good, damaged, refused, unknown].map(({ id }) => versionsOf(id))), [
    [1, 2, 3],
    [1, 2],
    [1],
    [],
  ]);
  const letters = await deadLetters();
  assert.equal(
    Object.fromEntries(
      letters.map((letter) => [
        fieldOf(letter, 'coupon'),
        // Neither the statement nor the code, which are in the words of MySQL and of its driver.
        fieldOf(letter, 'reason')?.replace(/^Duplicate entry '\[secret\]' for key '[\w.]+'$/, 'refused'),
      ]),
    ),
    {
      [damaged.id]: 'the log has another event of this version',
      [refused.id]: 'refused',
      [unknown.id]: 'its coupon was never created, or its piece never grabbed',
    },
  );
  assert.equal(await outbox(), []);
});

test('that is gone is applied from memory all the same, and an entry with its id that comes back is left alone', async () => {
  const [good, damaged] = [couponRef('from memory'), couponRef('damaged in memory')];
  await given(created(good, 9), created(damaged, 9), grabOf(damaged, 2, 'mallory', 8));
  const whole = await givenStored(delivery(grabOf(damaged, 2, 'bob', 8), grabOf(good, 2, 'bob', 8)));
  // Given a Redis that loses the entry, and gets an older file with it while the parts are under way.
  const id = whole.entry.id;
  const restoring = new Proxy(redis, {
    get(target, name) {
      if (name !== 'splitEntry') return Reflect.get(target, name, target);
      return async (...args: string[]) => {
        await redis.del(keys.outbox(0));
        const reply = await (target as unknown as { splitEntry(...args: string[]): Promise<unknown> }).splitEntry(
          ...args,
        );
        await redis.xadd(keys.outbox(0), id, 'type', 'CouponGrabbed');
        return reply;
      };
    },
  });
  const { writer, close: closeWriter } = startMysqlWriter({
    mysql,
    redis: restoring,
    gate: createGate(log),
    watch: unwatched,
    newerReleases: createNewerReleases(log),
    log,
  });

  writer.enqueue(whole, Promise.resolve());
  await writer.idle();
  await closeWriter();

  assert.equal(await versionsOf(good.id), [1, 2]);
  assert.equal(
    (await outbox()).map(([stored]) => stored),
    [id],
  );
  assert.equal(await deadLetters(), []);
});

test.after(async () => {
  await closeMysql();
  await closeRedis();
  await close();
});
test.run();
