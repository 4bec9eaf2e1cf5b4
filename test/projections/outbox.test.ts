import { setTimeout as sleep } from 'node:timers/promises';
import { v7 as uuidv7 } from 'uuid';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decideGrabs } from '../../src/commands/decideGrabs.ts';
import { grabCoupon } from '../../src/commands/grabCoupon.ts';
import { createBus } from '../../src/infra/bus.ts';
import { keys, partitionOf } from '../../src/infra/keys.ts';
import { outboxDepth } from '../../src/infra/outbox.ts';
import { customer, givenCoupon, loggedEvents, openTestSystem, settled } from '../support/testSystem.ts';

// What stays in the outbox, and what becomes of it.

const { system, close } = await openTestSystem();
const { redis } = system;
const test = suite('the outbox');

/** A grab by a process that dies right after the script: nothing is published. */
async function grabAndDie(who: string, name: string): Promise<void> {
  const asked = [{ customer: who, idempotencyKey: '' }];
  await decideGrabs({ ...system, bus: createBus() }, { seller: 'ann', name }, asked);
}

test('an entry that nobody applied is published again: MySQL and the view have it', async () => {
  await givenCoupon(system, 'ann', 'left behind', 3);
  await grabAndDie('bob', 'left behind');
  assert.is(await redis.exists(keys.customerView('bob')), 0);
  await settled(system);
  assert.equal((await loggedEvents(system, 'ann', 'left behind')).at(-1)?.data, { customer: 'bob', left: 2 });
  assert.equal(await redis.zrange(keys.customerView('bob'), 0, '-1'), ['ann/left behind']);
});

test('an entry from before the clock of Redis was set back is published again like any other', async () => {
  await givenCoupon(system, 'ann', 'set back', 3);
  await settled(system);
  const partition = partitionOf({ seller: 'ann', name: 'set back' });
  const inAnHour = `${Date.now() + 3_600_000}-0`;
  const { id = '' } = await redis.hgetall(keys.coupon({ seller: 'ann', name: 'set back' }));
  const fields = { type: 'CouponGrabbed', coupon: id, seller: 'ann', name: 'set back', version: 2, at: 5, left: 2 };
  await redis.xadd(keys.outbox(partition), inAnHour, ...Object.entries(fields).flat(), 'customers', '["bob"]');
  await settled(system);
  assert.is((await loggedEvents(system, 'ann', 'set back')).length, 2);
});

test('a view that could not be written keeps its entry in the outbox until it can', async () => {
  await givenCoupon(system, 'ann', 'broken view', 3);
  // Given a key of another type where the view belongs.
  await redis.set(keys.customerView('eve'), 'in the way');
  const outcome = await grabCoupon(system, customer('eve'), { seller: 'ann', name: 'broken view' });
  assert.is(outcome, 'grabbed');
  // It keeps nothing out of MySQL, neither itself nor the entry behind it, which the relay brings.
  await grabAndDie('tom', 'broken view');
  while ((await loggedEvents(system, 'ann', 'broken view')).length < 3) await sleep(50);
  await sleep(100);
  assert.is(await outboxDepth(redis), 1);
  await redis.del(keys.customerView('eve'));
  await settled(system);
  assert.equal(await redis.zrange(keys.customerView('eve'), 0, '-1'), ['ann/broken view']);
});

test('an entry that nobody can read goes to the dead letters, and those behind it are applied', async () => {
  await givenCoupon(system, 'ann', 'behind it', 3);
  const partition = partitionOf({ seller: 'ann', name: 'behind it' });
  await redis.xadd(keys.outbox(partition), '*', 'type', 'CouponGrabbed', 'nonsense', 'x');
  await grabAndDie('zoe', 'behind it');
  await settled(system);
  assert.is((await loggedEvents(system, 'ann', 'behind it')).length, 2);
  const [[, fields] = ['', []]] = await redis.xrange(keys.deadLetters(partition), '-', '+');
  assert.ok(fields.includes('nonsense'));
  assert.match(fields[fields.indexOf('reason') + 1] ?? '', /unreadable/);
});

test('an event that contradicts the log goes to the dead letters, and the log stays as it was', async () => {
  await givenCoupon(system, 'ann', 'contradiction', 3);
  await grabAndDie('bob', 'contradiction');
  await settled(system);
  const before = await loggedEvents(system, 'ann', 'contradiction');
  const partition = partitionOf({ seller: 'ann', name: 'contradiction' });
  const id = before[0]?.coupon.id ?? '';
  const fields = {
    type: 'CouponGrabbed',
    coupon: id,
    seller: 'ann',
    name: 'contradiction',
    version: 2,
    at: 5,
    left: 2,
  };
  await redis.xadd(keys.outbox(partition), '*', ...Object.entries(fields).flat(), 'customers', '["mallory"]');
  await settled(system);
  assert.equal(await loggedEvents(system, 'ann', 'contradiction'), before);
  assert.is(
    await redis.xlen(keys.deadLetters(partition)),
    partition === partitionOf({ seller: 'ann', name: 'behind it' }) ? 2 : 1,
  );
});

test('events that MySQL keeps refusing go to the dead letters, and those of the same batch are applied', async () => {
  // Given a second creation of a coupon that is there, a grab of one that is not, and good grabs around them.
  await givenCoupon(system, 'ann', 'refused', 3);
  const partition = partitionOf({ seller: 'ann', name: 'refused' });
  const dead = await redis.xlen(keys.deadLetters(partition));
  await grabAndDie('bob', 'refused');
  const add = (fields: object) => redis.xadd(keys.outbox(partition), '*', ...Object.entries(fields).flat());
  const common = { seller: 'ann', name: 'refused', at: 5 };
  await add({ type: 'CouponCreated', coupon: uuidv7(), ...common, version: 1, amount: 1, stock: 1, description: '' });
  await add({ type: 'CouponGrabbed', coupon: uuidv7(), ...common, version: 2, left: 1, customers: '["bob"]' });
  await grabAndDie('eve', 'refused');

  await settled(system);
  const events = await loggedEvents(system, 'ann', 'refused');
  assert.equal(
    events.map(({ version }) => version),
    [1, 2, 3],
  );
  const letters = (await redis.xrange(keys.deadLetters(partition), '-', '+')).slice(dead);
  const reasons = letters.map(([, fields]) => fields[fields.indexOf('reason') + 1] ?? '');
  assert.is(reasons.length, 2);
  assert.match(reasons.join(), /Duplicate entry/);
  assert.match(reasons.join(), /never created/);
});

test.after(close);
test.run();
