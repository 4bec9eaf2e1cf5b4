import { rejects } from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { grabCoupon } from '../../../src/commands/grabCoupon.ts';
import { registerUser } from '../../../src/commands/registerUser.ts';
import { keys } from '../../../src/infra/keys.ts';
import { connectOnce } from '../../../src/infra/stores/mysql.ts';
import { createLog } from '../../../src/infra/telemetry/log.ts';
import { insertEvents } from '../../../src/projections/insertEvents.ts';
import { eventColumns, idToBytes, toLogRows } from '../../../src/projections/log/eventRows.ts';
import { projectionTransaction } from '../../../src/projections/log/pause.ts';
import { verifyOne } from '../../../src/projections/verify/verifyStores.ts';
import { listCoupons } from '../../../src/queries/listCoupons.ts';
import { openSystem } from '../../../src/system.ts';
import { grabbed } from '../../support/sampleEvents.ts';
import { customer, givenCoupon, loggedEvents, openTestSystem, settled } from '../../support/testSystem.ts';

const { system, config, close } = await openTestSystem();
const { redis, gate } = system;
const test = suite('reconcile');
const grab = (who: string, name: string) => grabCoupon(system, customer(who), { seller: 'ann', name });

async function untilOpen(): Promise<void> {
  for (let waits = 0; gate.reason() !== undefined; waits++) {
    if (waits > 1_000) throw new Error(`the gate stays shut: ${gate.reason()}`);
    await sleep(10);
  }
}

/** Everything in Redis but what belongs to one life of it. */
async function snapshot() {
  const found = (await redis.keys('seckill:*'))
    .filter((key) => !/fence|marker|outbox|acks|reconciling|built/.test(key))
    .sort();
  const read = async (key: string) => {
    const type = await redis.type(key);
    if (type === 'hash') return Object.entries(await redis.hgetall(key)).sort();
    if (type === 'zset') return redis.zrange(key, 0, '-1', 'WITHSCORES');
    return redis.get(key);
  };
  return Promise.all(found.map(async (key) => [key, await read(key), await redis.ttl(key)]));
}

/** Says what differs, not all that does not. */
async function assertSame(before: Awaited<ReturnType<typeof snapshot>>): Promise<void> {
  const lines = (entries: typeof before) => new Set(entries.map((entry) => JSON.stringify(entry)));
  const [had, has] = [lines(before), lines(await snapshot())];
  assert.equal(
    { lost: [...had].filter((line) => !has.has(line)), new: [...has].filter((line) => !had.has(line)) },
    { lost: [], new: [] },
  );
}

test.before(async () => {
  await registerUser(system, { username: 'bob', password: 'secret', kind: 'customer' });
  await registerUser(system, { username: 'ann', password: 'secret', kind: 'seller' });
  await givenCoupon(system, 'ann', 'untouched', 3);
  await givenCoupon(system, 'ann', 'two of three', 3);
  for (const who of ['bob', 'eve']) await grab(who, 'two of three');
  await givenCoupon(system, 'ann', 'many', 2_500);
  await Promise.all(Array.from({ length: 2_400 }, (_, i) => grab(`customer ${i}`, 'many')));
  await settled(system);
});

test('a flush is noticed: no grab is decided until Redis is back as the log has it', async () => {
  const before = await snapshot();
  await redis.flushall();
  await rejects(() => grab('bob', 'untouched'), /not reconciled/);
  await untilOpen();
  await assertSame(before);
});

test('after a flush holders are still holders, and no piece is sold twice', async () => {
  await redis.flushall();
  await rejects(() => grab('bob', 'two of three'));
  await untilOpen();
  assert.is(await grab('bob', 'two of three'), 'already-grabbed');
  assert.is(await grab('zoe', 'two of three'), 'grabbed');
  assert.is(await grab('tom', 'two of three'), 'sold-out');
});

test('queries wait for reconcile as well', async () => {
  await redis.flushall();
  await rejects(() => grab('bob', 'many'));
  await rejects(() => listCoupons(system, customer('bob'), { username: 'ann', page: 1 }));
  await untilOpen();
  assert.is((await listCoupons(system, customer('bob'), { username: 'ann', page: 1 })).length, 3);
});

test('a process that starts on an emptied Redis mends it before it takes grabs', async () => {
  await settled(system);
  const before = await snapshot();
  await redis.flushall();
  const other = await openSystem(config, createLog('silent'));
  await assertSame(before);
  await other.close();
});

test('a coupon that is behind the log is mended, one that is not is left alone', async () => {
  await settled(system);
  const before = await snapshot();
  await redis.hset(keys.coupon({ seller: 'ann', name: 'many' }), 'version', 5, 'left', 2_496);
  await redis.del(keys.holders({ seller: 'ann', name: 'many' }), keys.marker);
  const other = await openSystem(config, createLog('silent'));
  await assertSame(before);
  await other.close();
});

test('a lost connection shuts the gate at once, and the next one opens it', async () => {
  const shut = new Promise<string | undefined>((resolve) => redis.once('close', () => resolve(gate.reason())));
  redis.stream.destroy();
  assert.match((await shut) ?? 'open', /not reconciled/);
  await untilOpen();
  assert.is(await grab('kim', 'untouched'), 'grabbed');
});

test('a flush is noticed by who only reads: readyz and lists do not take an empty Redis for the truth', async () => {
  await settled(system);
  for (const read of [
    () => system.fence.mustStand(),
    () => listCoupons(system, customer('bob'), { username: 'ann', page: 1 }),
    () => listCoupons(system, customer('bob'), { username: 'bob', page: 1 }),
  ]) {
    await redis.flushall();
    await rejects(read, /not reconciled/);
    await untilOpen();
  }
});

test('a flush while a won grab waits for MySQL loses no 201 and sells no piece twice', async () => {
  // Given a coupon whose row another connection has locked, so that its grab stays in the queue of the process.
  await givenCoupon(system, 'ann', 'last piece', 1);
  await settled(system);
  const lock = await system.mysql.transaction();
  await lock('coupons').where({ name: 'last piece' }).forUpdate();
  assert.is(await grab('bob', 'last piece'), 'grabbed');
  await redis.flushall();
  await rejects(() => grab('eve', 'last piece'), /not reconciled/);
  await sleep(300);
  assert.match(gate.reason() ?? 'open', /not reconciled/);
  await lock.rollback();
  await untilOpen();
  assert.is(await grab('eve', 'last piece'), 'sold-out');
  assert.is(await grab('bob', 'last piece'), 'already-grabbed');
});

test('a flush in the middle of reconcile starts it again', async () => {
  await settled(system);
  const before = await snapshot();
  for (let round = 0; round < 10; round++) {
    await redis.flushall();
    await rejects(() => grab('bob', 'untouched'), /not reconciled/);
    await sleep(round * 4);
    await redis.flushall();
    // Whoever reads next finds out, should it have come just after the end.
    let stands = false;
    while (!stands) {
      await untilOpen();
      stands = await system.fence.mustStand().then(
        () => true,
        () => false,
      );
    }
    await assertSame(before);
  }
});

/** Given a coupon whose log has an event of version 3, and none of version 2. */
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
  await untilOpen();
}

test('a version that Redis lost before anybody was told leaves no gap and takes no piece', async () => {
  await givenGap('lost');
  await reconcileAgain();
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
  assert.is(await grab('bob', 'lost'), 'already-grabbed');
  for (let i = 0; i < 8; i++) assert.is(await grab(`customer ${i}`, 'lost'), 'grabbed');
  assert.is(await grab('one more', 'lost'), 'sold-out');
  await settled(system);
  assert.is((await loggedEvents(system, 'ann', 'lost')).at(-1)?.version, 12);
  const { connection, close: closeConnection } = await connectOnce(config.mysqlUrl);
  const report = await verifyOne({ redis, connection }, 'ann/lost');
  await closeConnection();
  assert.equal(report?.mismatches, []);
  assert.equal(report?.log, { coupons: 1, pieces: 9, left: 0, holders: 9, events: 12 });
  // And it is the same after it was rebuilt.
  const before = await snapshot();
  await redis.flushall();
  await rejects(() => system.fence.mustStand());
  await untilOpen();
  await assertSame(before);
});

test('a coupon whose log lacks an event that MySQL had is answered 503 and counted, and the others are sold', async () => {
  const id = await givenGap('damaged');
  await system.mysql('coupon_grabs').insert({ coupon_id: idToBytes(id), version: 2, customer: 'eve', grabbed_at: 1 });
  for (let round = 0; round < 2; round++) {
    await reconcileAgain();
    await rejects(() => grab('bob', 'damaged'), /events of this coupon are damaged/);
    assert.match(await system.metrics.text(), /^seckill_damaged_coupons 1$/m);
    assert.is(await grab(`new customer ${round}`, 'untouched'), 'grabbed');
  }
  // When somebody has found the event, it is sold again.
  const rows = toLogRows([grabbed({ id, seller: 'ann', name: 'damaged' }, 2, 'eve', 8)]);
  await system.mysql.raw(`INSERT INTO event_log (${eventColumns}) VALUES ${rows}`);
  await reconcileAgain();
  assert.is(await grab('bob', 'damaged'), 'already-grabbed');
  assert.match(await system.metrics.text(), /^seckill_damaged_coupons 0$/m);
});

test('data of another number of partitions is refused', async () => {
  await redis.set(keys.partitions, 8);
  await rejects(() => openSystem(config, createLog('silent')), /REDIS_URL: .*8 partitions/);
  await redis.set(keys.partitions, 16);
});

test.after(close);
test.run();
