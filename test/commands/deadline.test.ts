import { rejects } from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createCoupon } from '../../src/commands/createCoupon.ts';
import { decideGrabs } from '../../src/commands/decideGrabs.ts';
import { grabCoupon } from '../../src/commands/grabCoupon.ts';
import { createGrabLine } from '../../src/commands/grabLine.ts';
import { keys } from '../../src/infra/keys.ts';
import { openRedisClock } from '../../src/infra/stores/redisClock.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { customer, givenCoupon, openTestSystem, seller } from '../support/testSystem.ts';

const { system, close } = await openTestSystem();
const { redis, clock } = system;
const test = suite('a deadline');
const coupon = { seller: 'ann', name: 'sea' };

/** The process id of the Redis that this file has started. */
const redisPid = async () => Number(/^process_id:(\d+)/m.exec(await redis.info('server'))?.[1]);

async function grabbedAgain(who: string): Promise<string> {
  for (;;) {
    try {
      return await grabCoupon(system, customer(who), coupon);
    } catch {
      await sleep(20);
    }
  }
}

test('a grab that Redis gets to after its caller was told "unknown" does nothing', async () => {
  await givenCoupon(system, 'ann', 'sea', 3);
  const pid = await redisPid();
  // When Redis stands still for longer than the caller waits, with the command in its socket.
  process.kill(pid, 'SIGSTOP');
  await rejects(() => grabCoupon(system, customer('bob'), coupon), /timed out/);
  process.kill(pid, 'SIGCONT');
  assert.is(await grabbedAgain('eve'), 'grabbed');
  assert.equal(await redis.hkeys(keys.holders({ seller: 'ann', name: 'sea' })), ['eve']);
});

test('a command whose deadline has passed is a fault, takes no piece and creates nothing', async () => {
  const late = { ...system, clock: { ...clock, deadline: () => clock.deadline(-1) } };
  const grabLine = createGrabLine(late);
  await rejects(() => grabCoupon({ ...late, grabLine }, customer('tom'), coupon), /held up/);
  await rejects(() =>
    createCoupon(late, seller('ann'), { ...coupon, name: 'x', amount: 1, stock: 1, description: '' }),
  );
  assert.is(await redis.exists(keys.coupon({ seller: 'ann', name: 'x' })), 0);
  assert.is(await redis.hexists(keys.holders({ seller: 'ann', name: 'sea' }), 'tom'), 0);
});

test('what the oldest grab of a call has waited in line is taken off the deadline', async () => {
  const asked: number[] = [];
  const deadline = (ms: number) => {
    asked.push(ms);
    return clock.deadline(ms);
  };
  const since = performance.now() - 1_000;
  await decideGrabs(
    { ...system, clock: { ...clock, deadline } },
    coupon,
    [{ customer: 'kim', idempotencyKey: '' }],
    since,
  );
  assert.is(asked.length, 1);
  assert.ok(Number(asked[0]) <= 2_000);
});

test('a deadline is never later than it should be on the clock of Redis, and hardly earlier', async () => {
  const [seconds = 0, microseconds = 0] = (await redis.time()).map(Number);
  const before = seconds * 1_000_000 + microseconds;
  const deadline = Number(clock.deadline(0));
  const [after = 0, more = 0] = (await redis.time()).map(Number);
  assert.ok(deadline <= after * 1_000_000 + more);
  assert.ok(deadline > before - 1_000_000);
});

test('a clock of Redis that was set forward is measured anew after the first late command', async () => {
  const { clock: stale, close: closeClock } = await openRedisClock({ redis, log: createLog('silent') });
  closeClock();
  let skew = -10_000;
  const skewed = {
    deadline: (ms: number) => stale.deadline(ms + skew),
    measure: async () => {
      skew = 0;
    },
  };
  const late = { ...system, grabLine: createGrabLine({ ...system, clock: skewed }) };
  await rejects(() => grabCoupon(late, customer('zoe'), coupon), /held up/);
  assert.is(await grabCoupon(late, customer('zoe'), coupon), 'grabbed');
});

test.after(close);
test.run();
