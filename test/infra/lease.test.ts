import { rejects } from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openAll } from '../../src/infra/closers.ts';
import { openLease } from '../../src/infra/lease.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { openSystem } from '../../src/system.ts';
import { gateOpens, lockCoupons } from '../support/outages.ts';
import { openTestStores } from '../support/testStores.ts';
import { customer, givenCoupon, grabOutcome, settled } from '../support/testSystem.ts';

// Two processes on the same stores. A process reconciles only after the other process has written its queue to MySQL.

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
const grab = (system: typeof one, by: string, name: string) =>
  grabOutcome(system, customer(by), { seller: 'ann', name });

test('a win that is only in the queue of one process survives a flush of Redis that another process reconciles', async () => {
  // Given a win in the queue of the second process, whose transaction in MySQL has to wait.
  await givenCoupon(one, 'ann', 'last piece', 1);
  await settled(one);
  const unlock = await lockCoupons(one, 'last piece');
  assert.is(await grab(two, 'bob', 'last piece'), 'grabbed');

  // When Redis is flushed, and another customer grabs the same piece from the first process.
  await one.redis.flushall();

  // Then the grab is not decided until the win is in MySQL, and the piece is not sold again.
  await rejects(() => grab(one, 'eve', 'last piece'), /not reconciled/);
  await sleep(1_500);
  await rejects(() => grab(one, 'eve', 'last piece'), /not reconciled/);
  await unlock();
  await Promise.all([gateOpens(one), gateOpens(two)]);
  assert.is(await grab(one, 'eve', 'last piece'), 'sold-out');
  assert.is(await grab(two, 'bob', 'last piece'), 'already-grabbed');
});

test('of two processes that find an emptied Redis at the same time, at most one rebuilds it', async () => {
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
  await gateOpens(one);
  assert.is(await grab(one, 'customer 7', 'sea'), 'already-grabbed');
});

test('an exclusive lease waits for the shared leases to end, and other exclusive leases wait for it', async () => {
  const [a, b] = [openLease(config.mysqlUrl, log), openLease(config.mysqlUrl, log)];
  const done: string[] = [];
  await a.lease.share();

  const first = b.lease.alone(async () => {
    done.push('first begins');
    await sleep(300);
    done.push('first ends');
  }, always);
  await sleep(300);
  assert.equal(done, []);
  // The two systems share the lease as well. A flush makes them release it.
  await one.redis.flushall();
  const second = a.lease.alone(async () => void done.push('second'), always);
  await Promise.all([first, second]);

  assert.equal(done, ['first begins', 'first ends', 'second']);
  await a.close();
  await b.close();
});

test('a process stops waiting for the exclusive lease when another process has done the work', async () => {
  const [worker, late] = [openLease(config.mysqlUrl, log), openLease(config.mysqlUrl, log)];
  // Given a process that did the work and shares the lease, so that the late process waits for as long as it does.
  await worker.lease.share();
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
  await worker.close();
});

test('without the exclusive lease the work is not done, even if it becomes needed at the last moment', async () => {
  const { lease, close } = openLease(config.mysqlUrl, log);
  // The work is not needed when the lease would be taken, and needed right after.
  const isNeeded = [false, true];

  await lease.alone(
    () => Promise.reject(new Error('done without the lease')),
    async () => isNeeded.shift() ?? false,
  );

  await close();
});

test('a shared lease ends with the connection of its process', async () => {
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
