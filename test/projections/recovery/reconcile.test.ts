import { rejects } from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { registerUser } from '../../../src/commands/users/registerUser.ts';
import { keys } from '../../../src/infra/keys.ts';
import { connectOnce } from '../../../src/infra/stores/mysql.ts';
import { createLog } from '../../../src/infra/telemetry/log.ts';
import { insertEvents } from '../../../src/projections/insertEvents.ts';
import { eventColumns, idToBytes, toLogRows } from '../../../src/projections/log/eventRows.ts';
import { projectionTransaction } from '../../../src/projections/log/pause.ts';
import { verifyOne } from '../../../src/projections/verify/verifyStores.ts';
import { listCoupons } from '../../../src/queries/listCoupons.ts';
import { openSystem } from '../../../src/system.ts';
import { gateOpens, lockCoupons } from '../../support/outages.ts';
import { assertSameAs, type Snapshot, snapshotOf } from '../../support/redisSnapshot.ts';
import { grabbed } from '../../support/sampleEvents.ts';
import { customer, givenCoupon, grabOutcome, loggedEvents, openTestSystem, settled } from '../../support/testSystem.ts';

const { system, config, close } = await openTestSystem();
const { redis, gate } = system;
const test = suite('reconcile');
const grab = (by: string, name: string) => grabOutcome(system, customer(by), { seller: 'ann', name });
const reconciled = () => gateOpens(system);

const snapshot = () => snapshotOf(redis);
const assertSame = (before: Snapshot) => assertSameAs(redis, before);

/** Given users, a coupon without grabs, one with two holders, and one with more holders than a batch of the rebuild has. */
test.before(async () => {
  await registerUser(system, { username: 'bob', password: 'secret', kind: 'customer', address: '192.0.2.1' });
  await registerUser(system, { username: 'ann', password: 'secret', kind: 'seller', address: '192.0.2.1' });
  await givenCoupon(system, 'ann', 'untouched', 3);
  await givenCoupon(system, 'ann', 'two of three', 3);
  for (const name of ['bob', 'eve']) await grab(name, 'two of three');
  await givenCoupon(system, 'ann', 'many', 2_500);
  await Promise.all(Array.from({ length: 2_400 }, (_, i) => grab(`customer ${i}`, 'many')));
  await settled(system);
});

test('after a flush no grab is decided until Redis is rebuilt from the log', async () => {
  const before = await snapshot();

  await redis.flushall();

  await rejects(() => grab('bob', 'untouched'), /not reconciled/);
  await reconciled();
  await assertSame(before);
});

test('after a flush and a rebuild, holders are still holders, and no piece is sold twice', async () => {
  await redis.flushall();
  await rejects(() => grab('bob', 'two of three'));
  await reconciled();

  assert.is(await grab('bob', 'two of three'), 'already-grabbed');
  assert.is(await grab('zoe', 'two of three'), 'grabbed');
  assert.is(await grab('tom', 'two of three'), 'sold-out');
});

test('after a flush no query is answered until Redis is rebuilt', async () => {
  await redis.flushall();
  await rejects(() => grab('bob', 'many'));

  await rejects(() => listCoupons(system, customer('bob'), { username: 'ann', page: 1 }));

  await reconciled();
  assert.is((await listCoupons(system, customer('bob'), { username: 'ann', page: 1 })).length, 3);
});

test('a process that starts with an empty Redis rebuilds it before its start is complete', async () => {
  await settled(system);
  const before = await snapshot();
  await redis.flushall();

  const other = await openSystem(config, createLog('silent'));

  await assertSame(before);
  await other.close();
});

test('a coupon that is behind the log is rebuilt, and the other coupons do not change', async () => {
  await settled(system);
  const before = await snapshot();
  await redis.hset(keys.coupon({ seller: 'ann', name: 'many' }), 'version', 5, 'left', 2_496);
  await redis.del(keys.holders({ seller: 'ann', name: 'many' }), keys.marker);

  const other = await openSystem(config, createLog('silent'));

  await assertSame(before);
  await other.close();
});

test('losing the connection shuts the gate immediately, and reconciling the next connection opens it', async () => {
  const reasonAtClose = new Promise<string | undefined>((resolve) => redis.once('close', () => resolve(gate.reason())));

  redis.stream.destroy();

  assert.match((await reasonAtClose) ?? 'open', /not reconciled/);
  await reconciled();
  assert.is(await grab('kim', 'untouched'), 'grabbed');
});

test('readyz and lists detect a flush and do not answer from an empty Redis', async () => {
  await settled(system);

  for (const read of [
    () => system.fence.mustStand(),
    () => listCoupons(system, customer('bob'), { username: 'ann', page: 1 }),
    () => listCoupons(system, customer('bob'), { username: 'bob', page: 1 }),
  ]) {
    await redis.flushall();
    await rejects(read, /not reconciled/);
    await reconciled();
  }
});

test('a win that waits for MySQL survives a flush, and its piece is not sold again', async () => {
  // Given a win that stays in the queue of the process, because its transaction in MySQL has to wait.
  await givenCoupon(system, 'ann', 'last piece', 1);
  await settled(system);
  const unlock = await lockCoupons(system, 'last piece');
  assert.is(await grab('bob', 'last piece'), 'grabbed');

  await redis.flushall();

  // Then the gate stays shut until the win is in MySQL.
  await rejects(() => grab('eve', 'last piece'), /not reconciled/);
  await sleep(300);
  assert.match(gate.reason() ?? 'open', /not reconciled/);
  await unlock();
  await reconciled();
  assert.is(await grab('eve', 'last piece'), 'sold-out');
  assert.is(await grab('bob', 'last piece'), 'already-grabbed');
});

test('a flush during reconcile starts reconcile again', async () => {
  await settled(system);
  const before = await snapshot();

  for (let round = 0; round < 10; round++) {
    await redis.flushall();
    await rejects(() => grab('bob', 'untouched'), /not reconciled/);
    await sleep(round * 4);
    await redis.flushall();
    // If reconcile had just ended before the second flush, mustStand() detects the flush.
    let stands = false;
    while (!stands) {
      await reconciled();
      stands = await system.fence.mustStand().then(
        () => true,
        () => false,
      );
    }
    await assertSame(before);
  }
});

/** Given a coupon whose log has version 3 and lacks version 2. Resolves to the coupon's id. */
async function givenGap(name: string): Promise<string> {
  await givenCoupon(system, 'ann', name, 9);
  await settled(system);
  const { id = '' } = await redis.hgetall(keys.coupon({ seller: 'ann', name }));
  const event = grabbed({ id, seller: 'ann', name }, 3, 'bob', 7);
  await projectionTransaction(system.mysql, (_trx, run) => insertEvents(run, [event]));
  return id;
}
async function reconcileAgain(): Promise<void> {
  await redis.del(keys.marker);
  await rejects(() => system.fence.mustStand());
  await reconciled();
}

test('a version that Redis lost before its client was answered is filled in the log and takes no piece', async () => {
  await givenGap('lost');

  await reconcileAgain();

  // Then the log has no gap, and its last event has the pieces that are really left.
  const events = await loggedEvents(system, 'ann', 'lost');
  assert.equal(
    events.map(({ version, type, data }) => [version, type, 'left' in data ? data.left : data.amount]),
    [
      [1, 'CouponCreated', 9],
      [2, 'PiecesRecounted', 9],
      [3, 'CouponGrabbed', 7],
      [4, 'PiecesRecounted', 8],
    ],
  );
  const [coupon] = await system.mysql('coupons').where({ name: 'lost' });
  assert.equal([coupon.version, coupon.pieces_left], [4, 8]);

  // Then exactly these pieces can be grabbed, and the stores agree.
  assert.is(await grab('bob', 'lost'), 'already-grabbed');
  for (let i = 0; i < 8; i++) assert.is(await grab(`customer ${i}`, 'lost'), 'grabbed');
  assert.is(await grab('one more', 'lost'), 'sold-out');
  await settled(system);
  assert.is((await loggedEvents(system, 'ann', 'lost')).at(-1)?.version, 12);
  const { connection, close: closeConnection } = await connectOnce(config.mysqlUrl);
  const report = await verifyOne({ redis, connection }, 'ann/lost');
  await closeConnection();
  assert.equal(report?.mismatches, []);
  const totals = { coupons: 1, pieces: 9, left: 0, held: 9, released: 0, redeemed: 0, events: 12 };
  assert.equal(report?.log, totals);

  // Then a rebuild from the log gives the same Redis.
  const before = await snapshot();
  await redis.flushall();
  await rejects(() => system.fence.mustStand());
  await reconciled();
  await assertSame(before);
});

test('grabs of a coupon whose log lost an event fail until the log is repaired, and other coupons are sold', async () => {
  // Given a gap in the log whose event MySQL has applied before.
  const id = await givenGap('damaged');
  await system.mysql('coupon_grabs').insert({ coupon_id: idToBytes(id), version: 2, customer: 'eve', grabbed_at: 1 });

  for (let round = 0; round < 2; round++) {
    await reconcileAgain();
    await rejects(() => grab('bob', 'damaged'), /events of this coupon are damaged/);
    assert.match(await system.metrics.text(), /^seckill_damaged_coupons 1$/m);
    assert.is(await grab(`new customer ${round}`, 'untouched'), 'grabbed');
  }

  // When an operator has restored the event, then grabs of the coupon are decided again.
  const rows = toLogRows([grabbed({ id, seller: 'ann', name: 'damaged' }, 2, 'eve', 8)]);
  await system.mysql.raw(`INSERT INTO event_log (${eventColumns}) VALUES ${rows}`);
  await reconcileAgain();
  assert.is(await grab('bob', 'damaged'), 'already-grabbed');
  assert.match(await system.metrics.text(), /^seckill_damaged_coupons 0$/m);
});

test('a Redis with data of another number of partitions is refused at the start', async () => {
  await redis.set(keys.partitions, 8);

  await rejects(() => openSystem(config, createLog('silent')), /REDIS_URL: .*8 partitions/);
  await redis.set(keys.partitions, 16);
});

test.after(close);
test.run();
