import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { pauseCoupon } from '../../src/commands/changes/pauseCoupon.ts';
import { restockCoupon } from '../../src/commands/changes/restockCoupon.ts';
import { resumeCoupon } from '../../src/commands/changes/resumeCoupon.ts';
import { grabCoupon } from '../../src/commands/grabCoupon.ts';
import { redeemCode } from '../../src/commands/pieces/redeemCode.ts';
import { releaseGrab } from '../../src/commands/pieces/releaseGrab.ts';
import { undoRedemption } from '../../src/commands/pieces/undoRedemption.ts';
import { createBus } from '../../src/infra/bus.ts';
import { type CouponName, keys, partitionOf } from '../../src/infra/keys.ts';
import { type Delivery, outboxDepth } from '../../src/infra/outbox.ts';
import { runScript } from '../../src/infra/scripts.ts';
import { insertEvents } from '../../src/projections/insertEvents.ts';
import { projectionTransaction } from '../../src/projections/log/pause.ts';
import { createViewProjection } from '../../src/projections/redisViews.ts';
import { decideGrabsOf } from '../support/decideGrabsOf.ts';
import { lockCoupons } from '../support/outages.ts';
import { paused } from '../support/sampleEvents.ts';
import { customer, givenCoupon, loggedEvents, openTestSystem, seller, settled } from '../support/testSystem.ts';

// Events of a coupon's life on their way from Redis to MySQL: until MySQL has them, later entries carry them.

const { system, close } = await openTestSystem();
const { redis } = system;
const test = suite('events that are confirmed');
const ann = seller('ann');

/** Given a coupon that MySQL has, with a grab of bob. Resolves to the coupon and the code. */
async function givenGrab(name: string): Promise<{ coupon: CouponName; code: string }> {
  const coupon = { seller: 'ann', name };
  await givenCoupon(system, 'ann', name, 9);
  const grab = await grabCoupon(system, customer('bob'), coupon);
  if (grab.outcome !== 'grabbed') throw new Error(`not grabbed: ${grab.outcome}`);
  await settled(system);
  return { coupon, code: grab.code };
}

const unloggedOf = async (coupon: CouponName) => ({
  changes: await redis.hkeys(keys.unloggedChanges(coupon)),
  pieces: await redis.hkeys(keys.unloggedPieces(coupon)),
});
const typesIn = async (name: string) => (await loggedEvents(system, 'ann', name)).map(({ type }) => type);

/** When another customer grabs. Resolves to the types of the events that the grab carries. */
async function typesCarried(coupon: CouponName, by: string): Promise<string[]> {
  const bus = createBus();
  const deliveries: Delivery[] = [];
  bus.on('CouponGrabbed', (delivery) => deliveries.push(delivery));
  await decideGrabsOf({ ...system, bus }, coupon, [{ customer: by, idempotencyKey: '' }]);
  return deliveries.flatMap(({ prior }) => prior.map(({ type }) => type));
}

test('grabs carry the changes of their coupon until MySQL has them', async () => {
  const { coupon } = await givenGrab('carried');
  const unlock = await lockCoupons(system, 'carried');
  await pauseCoupon(system, ann, coupon);
  await resumeCoupon(system, ann, coupon);
  await restockCoupon(system, ann, { ...coupon, amount: 3 });
  assert.equal((await typesCarried(coupon, 'eve')).sort(), ['CouponPaused', 'CouponRestocked', 'CouponResumed']);

  await unlock();
  await settled(system);

  assert.equal(await unloggedOf(coupon), { changes: [], pieces: [] });
  assert.equal(await typesCarried(coupon, 'tom'), []);
});

test('a release, a redemption and its undoing are confirmed when MySQL has them', async () => {
  const { coupon, code } = await givenGrab('pieces');
  const unlock = await lockCoupons(system, 'pieces');
  assert.is((await redeemCode(system, ann, { seller: 'ann', code })).result, 'redeemed');
  assert.equal((await unloggedOf(coupon)).pieces, [code]);
  assert.is((await undoRedemption(system, ann, { seller: 'ann', code })).result, 'undone');
  assert.is(await releaseGrab(system, customer('bob'), { ...coupon, customer: 'bob', code }), 'released');

  await unlock();
  await settled(system);

  assert.equal(await unloggedOf(coupon), { changes: [], pieces: [] });
  assert.equal(await typesIn('pieces'), [
    'CouponCreated',
    'CouponGrabbed',
    'CouponRedeemed',
    'RedemptionUndone',
    'GrabReleased',
  ]);
});

const confirmations: [what: string, version: string, code: string, left: { changes: string[]; pieces: string[] }][] = [
  ['the event itself', '12', 'CODE', { changes: ['1', '2'], pieces: ['OTHER'] }],
  ['an earlier event of the piece', '1', 'CODE', { changes: ['12', '2'], pieces: ['CODE', 'OTHER'] }],
  ['a later event of the piece', '123', 'CODE', { changes: ['1', '12', '2'], pieces: ['CODE', 'OTHER'] }],
  ['an event without a code', '2', '', { changes: ['1', '12'], pieces: ['CODE', 'OTHER'] }],
];
for (const [what, version, code, left] of confirmations) {
  test(`a confirmation removes its event alone: ${what}`, async () => {
    const coupon = { seller: 'ann', name: `confirmed ${version}` };
    const unlogged = [keys.unloggedChanges(coupon), keys.unloggedPieces(coupon)] as const;
    await redis.hset(unlogged[0], { 1: '["a"]', 12: '["b"]', 2: '["c"]' });
    await redis.hset(unlogged[1], { CODE: '12 ["type","CouponRedeemed"]', OTHER: '12 ["type","CouponRedeemed"]' });

    await runScript(redis, 'confirmLogged', [...unlogged], [version, code]);

    const { changes, pieces } = await unloggedOf(coupon);
    assert.equal({ changes: changes.sort(), pieces: pieces.sort() }, left);
  });
}

test('an event that cannot be confirmed stays in the outbox until it is, and the others are deleted', async () => {
  // Given a key of another type in the place of the unlogged changes.
  const { coupon } = await givenGrab('unconfirmed');
  const other = await givenGrab('confirmed');
  const unlock = await lockCoupons(system);
  await restockCoupon(system, ann, { ...coupon, amount: 3 });
  await restockCoupon(system, ann, { ...other.coupon, amount: 3 });
  await redis.del(keys.unloggedChanges(coupon));
  await redis.set(keys.unloggedChanges(coupon), 'in the way');

  await unlock();
  while ((await typesIn('unconfirmed')).length < 3 || (await outboxDepth(redis)) > 1) await sleep(50);
  await sleep(100);
  assert.is(await outboxDepth(redis), 1);

  await redis.del(keys.unloggedChanges(coupon));
  await settled(system);
  assert.equal(await typesIn('unconfirmed'), ['CouponCreated', 'CouponGrabbed', 'CouponRestocked']);
});

test('no later grab carries a change that became a dead letter', async () => {
  // Given a log that has another event of the version that the change will get.
  const { coupon } = await givenGrab('dead change');
  const { id = '' } = await redis.hgetall(keys.coupon(coupon));
  const other = paused({ id, ...coupon }, 3, 8);
  await projectionTransaction(system.mysql, (_trx, run) => insertEvents(run, [other]));

  await restockCoupon(system, ann, { ...coupon, amount: 3 });
  await settled(system);

  assert.is(await redis.xlen(keys.deadLetters(partitionOf(coupon))), 1);
  assert.equal(await typesCarried(coupon, 'eve'), []);
  await settled(system);
  assert.equal(await typesIn('dead change'), ['CouponCreated', 'CouponGrabbed', 'CouponPaused', 'CouponGrabbed']);
});

test('a redemption that comes before the grab of its piece is applied after it', async () => {
  // Given a grab by a process that dies after it has written the view, so that the relay publishes the grab later.
  const { coupon } = await givenGrab('late grab');
  const grabs = [{ customer: 'zoe', idempotencyKey: '' }];
  const bus = createBus();
  const projectToViews = createViewProjection(redis);
  bus.inline(({ events }) => projectToViews(events));
  const [grab] = await decideGrabsOf({ ...system, bus }, coupon, grabs);
  const code = grab?.outcome === 'grabbed' ? grab.code : '';

  assert.is((await redeemCode(system, ann, { seller: 'ann', code })).result, 'redeemed');
  await settled(system);

  assert.equal(await typesIn('late grab'), ['CouponCreated', 'CouponGrabbed', 'CouponGrabbed', 'CouponRedeemed']);
  const [row] = await system.mysql('coupon_grabs').where({ code });
  assert.ok(row.redeemed_at > row.grabbed_at);
});

test.after(close);
test.run();
