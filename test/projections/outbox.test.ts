import { setTimeout as sleep } from 'node:timers/promises';
import { v7 as uuidv7 } from 'uuid';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createBus } from '../../src/infra/bus.ts';
import { keys, partitionOf } from '../../src/infra/keys.ts';
import { outboxDepth } from '../../src/infra/outbox.ts';
import { decideGrabsOf } from '../support/decideGrabsOf.ts';
import { customer, givenCoupon, grabOutcome, loggedEvents, openTestSystem, settled } from '../support/testSystem.ts';

// Entries that stay in the outbox: the relay publishes them again, or moves them to the dead letters.

const { system, close } = await openTestSystem();
const { redis } = system;
const test = suite('the outbox');

/** Given a grab by a process that dies right after the script call, so that the grab is not published. */
async function givenUnpublishedGrab(by: string, name: string): Promise<void> {
  const grabs = [{ customer: by, idempotencyKey: '' }];
  await decideGrabsOf({ ...system, bus: createBus() }, { seller: 'ann', name }, grabs);
}

/** Given an entry that no script has written. Resolves to its id. */
const givenEntry = (partition: number, fields: object, id = '*') =>
  redis.xadd(keys.outbox(partition), id, ...Object.entries(fields).flat());

/** The reasons of the dead letters of a partition, without the first `skip` of them. */
async function deadLetterReasons(partition: number, skip = 0): Promise<string[]> {
  const letters = await redis.xrange(keys.deadLetters(partition), '-', '+');
  return letters.slice(skip).map(([, fields]) => fields[fields.indexOf('reason') + 1] ?? '');
}

test('an entry that was not published is published later, and MySQL and the view have its event', async () => {
  await givenCoupon(system, 'ann', 'left behind', 3);
  await givenUnpublishedGrab('bob', 'left behind');
  assert.is(await redis.exists(keys.customerView('bob')), 0);

  await settled(system);

  const [, grab] = await loggedEvents(system, 'ann', 'left behind');
  const code = grab?.type === 'CouponGrabbed' ? grab.data.code : undefined;
  assert.equal(grab?.data, { customer: 'bob', left: 2, code });
  assert.equal(await redis.zrange(keys.customerView('bob'), 0, '-1'), [`ann/left behind/${code}`]);
});

test('an entry with an id in the future, as after the clock of Redis was set back, is published again too', async () => {
  await givenCoupon(system, 'ann', 'set back', 3);
  await settled(system);
  const coupon = { seller: 'ann', name: 'set back' };
  const inAnHour = `${Date.now() + 3_600_000}-0`;
  const { id = '' } = await redis.hgetall(keys.coupon(coupon));
  const fields = { type: 'CouponGrabbed', coupon: id, ...coupon, version: 2, at: 5, left: 2, customers: '["bob"]' };

  await givenEntry(partitionOf(coupon), fields, inAnHour);
  await settled(system);

  assert.is((await loggedEvents(system, 'ann', 'set back')).length, 2);
});

test('an entry whose view cannot be written stays in the outbox until the view can be written', async () => {
  // Given a key of another type in the place of the view.
  await givenCoupon(system, 'ann', 'broken view', 3);
  await redis.set(keys.customerView('eve'), 'in the way');

  const outcome = await grabOutcome(system, customer('eve'), { seller: 'ann', name: 'broken view' });
  assert.is(outcome, 'grabbed');
  await givenUnpublishedGrab('tom', 'broken view');

  // Then MySQL has this grab and the next one, but the entry of this grab stays.
  while ((await loggedEvents(system, 'ann', 'broken view')).length < 3 || (await outboxDepth(redis)) > 1)
    await sleep(50);
  await sleep(100);
  assert.is(await outboxDepth(redis), 1);

  // When the view can be written, then the entry is applied to it.
  await redis.del(keys.customerView('eve'));
  await settled(system);
  const [piece] = await redis.zrange(keys.customerView('eve'), 0, '-1');
  assert.match(piece ?? '', /^ann\/broken view\/\w{12}$/);
});

test('an entry that cannot be decoded moves to the dead letters, and later entries are applied', async () => {
  await givenCoupon(system, 'ann', 'behind it', 3);
  const partition = partitionOf({ seller: 'ann', name: 'behind it' });
  await givenEntry(partition, { type: 'CouponGrabbed', nonsense: 'x' });
  await givenUnpublishedGrab('zoe', 'behind it');

  await settled(system);

  assert.is((await loggedEvents(system, 'ann', 'behind it')).length, 2);
  const [[, fields] = ['', []]] = await redis.xrange(keys.deadLetters(partition), '-', '+');
  assert.ok(fields.includes('nonsense'));
  assert.match((await deadLetterReasons(partition))[0] ?? '', /unreadable/);
});

test('an entry that comes again is deleted, and no dead letter, even if the version of its coupon was damaged', async () => {
  await givenCoupon(system, 'ann', 'damaged version', 3);
  await givenUnpublishedGrab('bob', 'damaged version');
  const coupon = { seller: 'ann', name: 'damaged version' };
  const partition = partitionOf(coupon);
  const [[, fields] = ['', []]] = await redis.xrevrange(keys.outbox(partition), '+', '-');
  await settled(system);
  const deadBefore = await redis.xlen(keys.deadLetters(partition));
  await system
    .mysql('coupons')
    .where({ name: Buffer.from(coupon.name) })
    .update({ version: 1 });

  await redis.xadd(keys.outbox(partition), '*', ...fields);
  await settled(system);

  assert.is(await redis.xlen(keys.deadLetters(partition)), deadBefore);
  assert.is((await loggedEvents(system, 'ann', 'damaged version')).length, 2);
});

test('an entry that contradicts the log moves to the dead letters, and the log does not change', async () => {
  await givenCoupon(system, 'ann', 'contradiction', 3);
  await givenUnpublishedGrab('bob', 'contradiction');
  await settled(system);
  const before = await loggedEvents(system, 'ann', 'contradiction');
  const coupon = { seller: 'ann', name: 'contradiction' };
  const partition = partitionOf(coupon);
  const id = before[0]?.coupon.id ?? '';

  // The log has a grab of bob with this version.
  const fields = { type: 'CouponGrabbed', coupon: id, ...coupon, version: 2, at: 5, left: 2, customers: '["mallory"]' };
  await givenEntry(partition, fields);
  await settled(system);

  assert.equal(await loggedEvents(system, 'ann', 'contradiction'), before);
  assert.is(
    await redis.xlen(keys.deadLetters(partition)),
    partition === partitionOf({ seller: 'ann', name: 'behind it' }) ? 2 : 1,
  );
});

test('entries that MySQL refuses repeatedly move to the dead letters, and the others in their batch are applied', async () => {
  // Given a second creation of the coupon, a grab of a coupon that was never created and a redemption of a piece that was never
  // grabbed, between two valid grabs.
  await givenCoupon(system, 'ann', 'refused', 3);
  const partition = partitionOf({ seller: 'ann', name: 'refused' });
  const deadBefore = await redis.xlen(keys.deadLetters(partition));
  const common = { seller: 'ann', name: 'refused', at: 5 };
  const creation = {
    type: 'CouponCreated',
    coupon: uuidv7(),
    ...common,
    version: 1,
    amount: 1,
    stock: 1,
    description: '',
  };
  const grab = { type: 'CouponGrabbed', coupon: uuidv7(), ...common, version: 2, left: 1, customers: '["bob"]' };
  const { id: coupon = '' } = await redis.hgetall(keys.coupon({ seller: 'ann', name: 'refused' }));
  const piece = { customer: 'bob', grab: 8, code: 'CODE' };
  const redemption = { type: 'CouponRedeemed', coupon, ...common, version: 9, left: 1, ...piece };
  await givenUnpublishedGrab('bob', 'refused');
  for (const fields of [creation, grab, redemption]) await givenEntry(partition, fields);
  await givenUnpublishedGrab('eve', 'refused');

  await settled(system);

  const events = await loggedEvents(system, 'ann', 'refused');
  assert.equal(
    events.map(({ version }) => version),
    [1, 2, 3],
  );
  const reasons = await deadLetterReasons(partition, deadBefore);
  assert.is(reasons.length, 3);
  assert.is(reasons.filter((reason) => /Duplicate entry/.test(reason)).length, 1);
  assert.is(reasons.filter((reason) => /never created, or its piece never grabbed/.test(reason)).length, 2);
});

test.after(close);
test.run();
