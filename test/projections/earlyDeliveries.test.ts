import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createGate } from '../../src/infra/gate.ts';
import { keys } from '../../src/infra/keys.ts';
import { loadScripts } from '../../src/infra/scripts.ts';
import { openMysql } from '../../src/infra/stores/openMysql.ts';
import { openRedis } from '../../src/infra/stores/redis.ts';
import { unwatched } from '../../src/infra/telemetry/batchWatch.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { createNewerReleases } from '../../src/infra/telemetry/newerReleases.ts';
import { applyBatch } from '../../src/projections/applyBatch.ts';
import { idToBytes } from '../../src/projections/log/eventRows.ts';
import { startMysqlWriter } from '../../src/projections/mysqlWriter.ts';
import { couponRef, created, delivery, grabbed } from '../support/sampleEvents.ts';
import { openTestStores } from '../support/testStores.ts';

// A delivery whose coupon is created by another process, which has waited for MySQL for longer than a delivery may be postponed.

const { config, close } = await openTestStores();
const log = createLog('silent');
const { redis, close: closeRedis } = await openRedis(config.redisUrl, log);
await loadScripts(redis);
const { mysql, close: closeMysql } = await openMysql(config.mysqlUrl);
const test = suite('a delivery that is early');

/** Longer than the patience with a delivery that is postponed. */
const OUTAGE_MS = 11_000;
const now = performance.now.bind(performance);
let passed = 0;
performance.now = () => now() + passed;

/** The writer applies a grab of the coupon; `onLook` is called each time before it looks into the outbox for the creation. */
async function applyGrab(coupon: ReturnType<typeof couponRef>, onLook: () => Promise<void>): Promise<void> {
  const xrange = redis.xrange.bind(redis);
  redis.xrange = (async (...args: Parameters<typeof xrange>) => {
    await onLook();
    return xrange(...args);
  }) as typeof redis.xrange;
  const { writer, close: closeWriter } = startMysqlWriter({
    ...{ mysql, redis, gate: createGate(log), watch: unwatched, log },
    newerReleases: createNewerReleases(log),
  });
  const id = (await redis.xadd(keys.outbox(0), '*', 'type', 'CouponGrabbed')) ?? '';
  writer.enqueue({ ...delivery(grabbed(coupon, 2, 'bob', 8)), entry: { partition: 0, id } }, Promise.resolve());
  const outage = setTimeout(() => {
    passed += OUTAGE_MS;
  }, 300);
  await writer.idle();
  clearTimeout(outage);
  await closeWriter();
  redis.xrange = xrange;
}
const letters = () => redis.xlen(keys.deadLetters(0));
const versionsOf = (coupon: ReturnType<typeof couponRef>) =>
  mysql('event_log')
    .where({ coupon_id: idToBytes(coupon.id) })
    .orderBy('version')
    .pluck('version');

test('is applied when the other process applies the creation between the attempt and the look into the outbox', async () => {
  const coupon = couponRef('late');
  let looks = 0;

  await applyGrab(coupon, async () => {
    if (++looks === 1) await applyBatch(mysql, [delivery(created(coupon, 9))]);
  });

  assert.equal((await versionsOf(coupon)).map(Number), [1, 2]);
  assert.is(await letters(), 0);
});

test('becomes a dead letter when nobody has the creation', async () => {
  const coupon = couponRef('never');

  await applyGrab(coupon, async () => {});

  assert.equal(await versionsOf(coupon), []);
  assert.is(await letters(), 1);
});

test.after(async () => {
  await closeMysql();
  await closeRedis();
  await close();
});
test.run();
