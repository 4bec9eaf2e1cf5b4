import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createCoupon } from '../../src/commands/createCoupon.ts';
import { createBus } from '../../src/infra/bus.ts';
import { keys } from '../../src/infra/keys.ts';
import { outboxDepth } from '../../src/infra/outbox.ts';
import { unwatched } from '../../src/infra/telemetry/batchWatch.ts';
import { startMysqlWriter } from '../../src/projections/mysqlWriter.ts';
import { decideGrabsOf } from '../support/decideGrabsOf.ts';
import { gateOpens, lockCoupons } from '../support/outages.ts';
import {
  customer,
  givenCoupon,
  grabOutcome,
  loggedEvents,
  openTestSystem,
  seller,
  settled,
} from '../support/testSystem.ts';

const { system, close } = await openTestSystem();
const test = suite('the MySQL writer');

/** Given a coupon with a locked row: the transaction with its first grab waits, and later events gather in the queue. */
async function givenWaitingTransaction(name: string): Promise<() => Promise<void>> {
  await givenCoupon(system, 'ann', name, 10);
  await settled(system);
  const unlock = await lockCoupons(system, name);
  await grabOutcome(system, customer('bob'), { seller: 'ann', name });
  return unlock;
}

test('grabs are answered while a transaction waits, and are in MySQL afterwards', async () => {
  const unlock = await givenWaitingTransaction('slow');

  for (const name of ['eve', 'zoe'])
    assert.is(await grabOutcome(system, customer(name), { seller: 'ann', name: 'slow' }), 'grabbed');
  assert.is(await outboxDepth(system.redis), 3);
  await unlock();

  await settled(system);
  assert.is((await loggedEvents(system, 'ann', 'slow')).length, 4);
});

test('a queue with hundreds of the longest descriptions is split into transactions that MySQL accepts', async () => {
  const description = "'".repeat(16_000);
  const unlock = await givenWaitingTransaction('long');

  for (let i = 0; i < 700; i++) {
    const coupon = { seller: 'ann', name: `long ${i}`, amount: 1, stock: 1, description };
    assert.is(await createCoupon(system, seller('ann'), coupon), 'created');
  }
  await unlock();

  await settled(system);
  const [counted] = await system.mysql('coupons').where({ description }).count({ coupons: '*' });
  assert.is(counted?.coupons, 700);
});

test('a failed batch is retried even when nothing else is in the queue', async () => {
  await givenCoupon(system, 'ann', 'fails last', 3_000);
  await settled(system);
  // Given a separate writer whose first transaction is slow, and whose second one fails after all others have ended.
  let transactions = 0;
  const mysql = new Proxy(system.mysql, {
    get(target, name) {
      if (name !== 'transaction') return Reflect.get(target, name);
      return async (...args: Parameters<typeof target.transaction>) => {
        const place = ++transactions;
        if (place === 1) await sleep(300);
        if (place === 2) {
          await sleep(1_200);
          throw new Error('the connection was lost');
        }
        return target.transaction(...args);
      };
    },
  });
  const bus = createBus();
  const own = startMysqlWriter({ ...system, mysql, watch: unwatched });
  bus.on('CouponGrabbed', own.writer.enqueue);
  const grab = (first: number, count: number) =>
    decideGrabsOf(
      { ...system, bus },
      { seller: 'ann', name: 'fails last' },
      Array.from({ length: count }, (_, i) => ({ customer: `customer ${first + i}`, idempotencyKey: '' })),
    );

  await grab(0, 1);
  await sleep(50);
  for (let i = 0; i < 5; i++) await grab(1 + 500 * i, 500);

  const applied = await Promise.race([own.writer.idle().then(() => true), sleep(20_000, false, { ref: false })]);
  await own.close();
  assert.ok(applied);
  await settled(system);
  assert.is((await loggedEvents(system, 'ann', 'fails last')).length, 2_502);
});

test('a grab that is queued when an older Redis connects gets its view entry from the outbox of that Redis', async () => {
  const { redis } = system;
  const unlock = await givenWaitingTransaction('older');
  const view = keys.customerView('bob');
  const listed = await redis.zrange(view, 0, '-1');
  // Given the data of a Redis that was copied between the decision and its view: it has the holder and the outbox entry.
  await redis
    .multi()
    .zrem(view, listed.at(-1) ?? '')
    .del(keys.marker)
    .exec();
  const [closed, ready] = [once(redis, 'close'), once(redis, 'ready')];
  redis.stream.destroy();
  await Promise.all([closed, ready]);

  await unlock();

  await gateOpens(system);
  await settled(system);
  assert.equal(await redis.zrange(view, 0, '-1'), listed);
  assert.is((await loggedEvents(system, 'ann', 'older')).length, 2);
});

test.after(close);
test.run();
