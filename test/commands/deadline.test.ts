import { rejects } from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createCoupon } from '../../src/commands/createCoupon.ts';
import { createGrabLine } from '../../src/commands/grabLine.ts';
import { keys } from '../../src/infra/keys.ts';
import { COMMAND_TIMEOUT_MS } from '../../src/infra/shards/connectRedis.ts';
import { openRedisClock, type RedisClock } from '../../src/infra/stores/redisClock.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import type { System } from '../../src/system.ts';
import { createBatch, createOne } from '../support/batches.ts';
import { lifeOf } from '../support/couponLife.ts';
import { decideGrabsOf } from '../support/decideGrabsOf.ts';
import { interceptRedis } from '../support/interceptRedis.ts';
import { freezeRedis } from '../support/outages.ts';
import { customer, givenCoupon, grabOutcome, openTestSystem, seller } from '../support/testSystem.ts';

const { system, close } = await openTestSystem();
const { redis, clock } = system;
const test = suite('the deadline of a command');
const coupon = { seller: 'ann', name: 'sea' };
/** The Redis decides as before, and another clock is that of Redis. */
const withClock = (clock: RedisClock) => ({
  shardOf: (partition: number) => ({ ...system.shardOf(partition), clock }),
});

async function grabUntilDecided(name: string): Promise<string> {
  for (;;) {
    try {
      return await grabOutcome(system, customer(name), coupon);
    } catch {
      await sleep(20);
    }
  }
}

test('a grab that reaches Redis after its client got a 503 takes no piece', async () => {
  await givenCoupon(system, 'ann', 'sea', 3);
  const continueRedis = await freezeRedis(system);

  // The command stays in the socket of Redis for longer than the caller waits.
  await rejects(() => grabOutcome(system, customer('bob'), coupon), /timed out/);
  continueRedis();

  assert.is(await grabUntilDecided('eve'), 'grabbed');
  assert.equal(await redis.hkeys(keys.holders(coupon)), ['eve']);
});

test('a command whose deadline has passed fails, takes no piece and creates no coupon', async () => {
  const late = { ...system, ...withClock({ ...clock, deadline: () => clock.deadline(-1) }) };
  const grabLine = createGrabLine(late);

  await rejects(() => grabOutcome({ ...late, grabLine }, customer('tom'), coupon), /held up/);
  await rejects(() =>
    createCoupon(late, seller('ann'), { ...coupon, name: 'x', amount: 1, stock: 1, description: '' }),
  );

  assert.is(await redis.exists(keys.coupon({ seller: 'ann', name: 'x' })), 0);
  assert.is(await redis.hexists(keys.holders(coupon), 'tom'), 0);
});

test('the time that the oldest grab of a script call has waited is subtracted from the deadline', async () => {
  const requested: number[] = [];
  const deadline = (ms: number) => {
    requested.push(ms);
    return clock.deadline(ms);
  };
  const grabs = [{ customer: 'kim', idempotencyKey: '' }];

  const arrivedOneSecondAgo = performance.now() - 1_000;
  await decideGrabsOf({ ...system, ...withClock({ ...clock, deadline }) }, coupon, grabs, arrivedOneSecondAgo);

  assert.is(requested.length, 1);
  assert.ok(Number(requested[0]) <= 2_000);
});

const WAIT_MS = 1_000;
type Life = ReturnType<typeof lifeOf>;
/** Each command with what it waits for before its script decides. */
const waits: [command: string, waitsFor: string, send: (life: Life, code: string, deps: System) => Promise<unknown>][] =
  [
    ['a grab', 'claimIdempotencyKey', (life) => life.grab('eve')],
    ['a creation', 'reserveRoom', (_, __, deps) => createOne(deps, 'waited for its room')],
    [
      'a creation with a key',
      'claimIdempotencyKey',
      (_, __, deps) => createOne(deps, 'waited', { idempotencyKey: 'k' }),
    ],
    ['a batch', 'reserveRoom', (_, __, deps) => createBatch(deps, ['one of two', 'two of two'])],
    [
      'a batch with a key',
      'claimIdempotencyKey',
      (_, __, deps) => createBatch(deps, ['1', '2'], { idempotencyKey: 'k2' }),
    ],
    ['a restock', 'claimIdempotencyKey', (life) => life.restock(1)],
    ['a pause', 'claimIdempotencyKey', (life) => life.pause()],
    ['a resume', 'claimIdempotencyKey', (life) => life.resume()],
    ['a close', 'claimIdempotencyKey', (life) => life.close()],
    ['a change of terms', 'claimIdempotencyKey', (life) => life.change({ stock: 7 })],
    ['a redemption', 'hget', (life, code) => life.redeem(code)],
    ['an undone redemption', 'hget', (life, code) => life.undo(code)],
    ['a release', 'hget', (life, code) => life.release('bob', code)],
  ];
for (const [command, waitsFor, send] of waits) {
  test(`the time in which ${command} has waited for ${waitsFor} is subtracted from its deadline`, async () => {
    const name = `${command} after ${waitsFor}`;
    const own = lifeOf(system, { seller: 'ann', name });
    await own.create(3);
    const code = await own.grab('bob');
    if (command === 'a resume') await own.pause();
    if (command === 'an undone redemption') await own.redeem(code);
    const requested: number[] = [];
    const deadline = (ms: number) => {
      requested.push(ms);
      return clock.deadline(ms);
    };
    const around = async ({ name }: { name: string }, reply: () => Promise<unknown>) => {
      if (name === waitsFor) await sleep(WAIT_MS);
      return reply();
    };
    const timed = { ...system, ...withClock({ ...clock, deadline }) };
    const deps = { ...timed, grabLine: createGrabLine(timed), redis: interceptRedis(redis, around, ['hget']) };

    await send(lifeOf(deps, { seller: 'ann', name }, `key of ${command}`), code, deps);

    assert.ok(requested.length > 0);
    // Later steps of a batch, such as its creations after the commit, have a deadline of their own.
    assert.ok(Number(requested[0]) <= COMMAND_TIMEOUT_MS - WAIT_MS + 1, String(requested));
  });
}

test('a deadline in 0 ms is never after the present time of Redis, and less than a second before it', async () => {
  const [seconds = 0, microseconds = 0] = (await redis.time()).map(Number);
  const before = seconds * 1_000_000 + microseconds;

  const deadline = Number(clock.deadline(0));

  const [after = 0, more = 0] = (await redis.time()).map(Number);
  assert.ok(deadline <= after * 1_000_000 + more);
  assert.ok(deadline > before - 1_000_000);
});

test('the latest time is never before the present time of Redis, and less than a second after it', async () => {
  const latest = clock.latest();

  const [seconds = 0, microseconds = 0] = (await redis.time()).map(Number);
  const now = seconds * 1_000_000 + microseconds;
  // The time of Redis was read after `latest`, so it may be later by the round trip.
  assert.ok(clock.latest() >= now);
  assert.ok(latest < now + 1_000_000);
});

test('after the clock of Redis was set forward, the first late command starts a new measurement', async () => {
  const { clock: stale, close: closeClock } = openRedisClock({ redis, log: createLog('silent') });
  await stale.measure();
  closeClock();
  let skew = -10_000;
  const skewed = {
    ...stale,
    deadline: (ms: number) => stale.deadline(ms + skew),
    measure: async () => {
      skew = 0;
    },
  };
  const late = { ...system, grabLine: createGrabLine({ ...system, ...withClock(skewed) }) };

  await rejects(() => grabOutcome(late, customer('zoe'), coupon), /held up/);

  assert.is(await grabOutcome(late, customer('zoe'), coupon), 'grabbed');
});

test.after(close);
test.run();
