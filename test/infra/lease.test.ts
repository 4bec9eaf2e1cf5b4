import { rejects } from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { grabCoupon } from '../../src/commands/grabCoupon.ts';
import { openAll } from '../../src/infra/closers.ts';
import { openLease } from '../../src/infra/lease.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { openSystem } from '../../src/system.ts';
import { openTestStores } from '../support/testStores.ts';
import { customer, givenCoupon, settled } from '../support/testSystem.ts';

// Two processes on the same stores: who compares Redis with MySQL first lets the other put away what it has in memory.

const log = createLog('silent');
const { one, two, config, close } = await openAll(async (remember) => {
  const stores = await openTestStores();
  remember(stores.close);
  const one = await openSystem(stores.config, log);
  remember(one.close);
  const two = await openSystem(stores.config, log);
  remember(two.close);
  return { one: one.system, two: two.system, config: stores.config };
});
const test = suite('the lease');
const always = async () => true;
const grab = (system: typeof one, who: string, name: string) =>
  grabCoupon(system, customer(who), { seller: 'ann', name });

test('after a flush, a 201 that only another process knows of is still a 201', async () => {
  // Given a grab in the memory of the second process, which can't get into MySQL.
  await givenCoupon(one, 'ann', 'last piece', 1);
  await settled(one);
  const lock = await one.mysql.transaction();
  await lock('coupons').where({ name: 'last piece' }).forUpdate();
  assert.is(await grab(two, 'bob', 'last piece'), 'grabbed');
  // When Redis is flushed, and the first process, which knows nothing of it, is asked for the same piece.
  await one.redis.flushall();
  await rejects(() => grab(one, 'eve', 'last piece'), /not reconciled/);
  await sleep(1_500);
  await rejects(() => grab(one, 'eve', 'last piece'), /not reconciled/);
  await lock.rollback();
  while (one.gate.reason() !== undefined || two.gate.reason() !== undefined) await sleep(10);
  assert.is(await grab(one, 'eve', 'last piece'), 'sold-out');
  assert.is(await grab(two, 'bob', 'last piece'), 'already-grabbed');
});

test('two that find Redis emptied at once mend it once', async () => {
  await givenCoupon(one, 'ann', 'sea', 50);
  for (let i = 0; i < 30; i++) await grab(one, `customer ${i}`, 'sea');
  await settled(one);
  const reconciled: unknown[] = [];
  const countingLog = createLog('silent');
  countingLog.info = (...line: unknown[]) => void (line[1] === 'reconciled' && reconciled.push(line));
  await one.redis.flushall();
  const started = await Promise.all([openSystem(config, countingLog), openSystem(config, countingLog)]);
  for (const { close } of started) await close();
  assert.ok(reconciled.length <= 1);
  while (one.gate.reason() !== undefined) await sleep(10);
  assert.is(await grab(one, 'customer 7', 'sea'), 'already-grabbed');
});

test('who wants it alone waits until nobody shares it, and shuts out who comes later', async () => {
  const [a, b] = [openLease(config.mysqlUrl, log), openLease(config.mysqlUrl, log)];
  const done: string[] = [];
  await a.lease.share();
  const alone = b.lease.alone(async () => {
    done.push('alone');
    await sleep(300);
    done.push('alone no more');
  }, always);
  await sleep(300);
  assert.equal(done, []);
  // The two systems share it as well; closing them is closing the test, so they are told of a flush instead.
  await one.redis.flushall();
  const again = a.lease.alone(async () => void done.push('the other'), always);
  await Promise.all([alone, again]);
  assert.equal(done, ['alone', 'alone no more', 'the other']);
  await a.close();
  await b.close();
});

test('who waits to have it alone stops waiting when another has done the work and sells', async () => {
  const [seller, late] = [openLease(config.mysqlUrl, log), openLease(config.mysqlUrl, log)];
  // Given one that has done the work and shares the lease from then on, before the other, which has seen it undone, came to wait.
  await seller.lease.share();
  let isNeeded = true;
  const alone = late.lease.alone(
    () => Promise.reject(new Error('done twice')),
    async () => isNeeded,
  );
  await sleep(200);
  isNeeded = false;
  await alone;
  await late.lease.share();
  await late.close();
  await seller.close();
});

test('without the lease the work is not done, even when it comes to be needed in that very moment', async () => {
  const { lease, close } = openLease(config.mysqlUrl, log);
  const answers = [false, true];
  await lease.alone(
    () => Promise.reject(new Error('done without the lease')),
    async () => answers.shift() ?? false,
  );
  await close();
});

test('a lease ends with the connection of its process', async () => {
  const [dead, other] = [openLease(config.mysqlUrl, log), openLease(config.mysqlUrl, log)];
  await dead.lease.share();
  await dead.close();
  let ran = false;
  await one.redis.flushall();
  await other.lease.alone(async () => {
    ran = true;
  }, always);
  assert.ok(ran);
  await other.close();
});

test.after(close);
test.run();
