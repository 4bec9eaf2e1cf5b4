import { rejects } from 'node:assert/strict';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { GrabRequest } from '../../../src/commands/decideGrabs.ts';
import { keys } from '../../../src/infra/keys.ts';
import { runScript } from '../../../src/infra/scripts.ts';
import { idToBytes } from '../../../src/projections/log/eventRows.ts';
import { lifeOf } from '../../support/couponLife.ts';
import { decideGrabsOf } from '../../support/decideGrabsOf.ts';
import { gateOpens } from '../../support/outages.ts';
import { assertSameAs, snapshotOf } from '../../support/redisSnapshot.ts';
import { openTestSystem, settled } from '../../support/testSystem.ts';

// Everything that the scripts and the inline projection write about the life of a coupon follows from the log.

const { system, close } = await openTestSystem();
const { redis } = system;
const test = suite('the rebuild of whole lives');
const HOUR = 3_600_000_000;
const PAGE = 10_000;
const now = Date.now() * 1_000;

// As at a registration: every seller with a coupon is a user.
test.before(async () => {
  await redis.set(keys.userView('ann'), 'seller');
});

async function rebuilt(): Promise<void> {
  await settled(system);
  const before = await snapshotOf(redis);
  await redis.flushall();
  await reconciled();
  await assertSameAs(redis, before);
}

async function reconciled(): Promise<void> {
  await redis.del(keys.marker);
  await rejects(() => system.fence.mustStand());
  await gateOpens(system);
}

test('a coupon with every event, with keys for all of them, is rebuilt as the scripts left it', async () => {
  const of = { seller: 'ann', name: 'whole life' };
  const life = lifeOf(system, of);
  const withKey = (key: string) => lifeOf(system, of, key);
  const limits = { startsAt: now - HOUR, endsAt: now + HOUR, validFrom: now - HOUR, validUntil: now + HOUR };
  await withKey('a new coupon').create(4, { ...limits, perCustomer: 3 });
  const [first, second] = [await withKey('first, with a comma').grab('bob'), await withKey('second').grab('bob')];
  const eves = await life.grab('eve');
  await withKey('back').release('bob', first);
  await withKey('till 1').redeem(second);
  await withKey('an error').undo(second);
  await withKey('till 2').redeem(second);
  await life.redeem(eves);
  await withKey('pause').pause();
  await withKey('more').restock(3);
  await withKey('resume').resume();
  await life.undo(eves);
  await life.release('eve');
  await withKey('third').grab('bob');
  await withKey('terms').change({ stock: 6, description: 'new \u5238', validFrom: null, startsAt: null });
  await life.pause();
  await life.resume();
  await withKey('the end').close();

  await rebuilt();

  assert.is(await redis.hlen(keys.requests(of)), 11);
  assert.equal(Object.keys(await redis.hgetall(keys.redemptions(of))), [second]);
  assert.is(await redis.hget(keys.coupon(of), 'released'), '2');
});

test('coupons whose events are plain, or few, keep the hash of the first releases', async () => {
  const plain = lifeOf(system, { seller: 'ann', name: 'plain' });
  await plain.create(2);
  await plain.grab('bob');
  const back = lifeOf(system, { seller: 'ann', name: 'all back' });
  await back.create(1);
  await back.release('bob', await back.grab('bob'));
  await back.grab('bob');
  await back.release('bob');
  await lifeOf(system, { seller: 'ann', name: 'paused' }).create(1, { validUntil: now + HOUR });
  await lifeOf(system, { seller: 'ann', name: 'paused' }).pause();

  await rebuilt();

  assert.equal(Object.keys(await redis.hgetall(keys.coupon({ seller: 'ann', name: 'plain' }))).sort(), [
    ...['amount', 'description', 'id', 'left', 'name', 'seller', 'stock', 'version'],
  ]);
});

for (const perCustomer of [1, 2]) {
  test(`pieces of earlier pages of the log are given back and joined, with a limit of ${perCustomer}`, async () => {
    const coupon = { seller: 'ann', name: `large ${perCustomer}` };
    const life = lifeOf(system, coupon);
    await life.create(PAGE * 3, perCustomer === 1 ? {} : { perCustomer });
    const names = Array.from({ length: PAGE * 0.7 }, (_, i) => `${perCustomer} ${i}`);
    const grabAll = async (of: readonly string[]) => {
      for (let i = 0; i < of.length; i += 500) {
        const requests = of.slice(i, i + 500).map((name, place): GrabRequest => {
          return { customer: name, idempotencyKey: place % 3 === 0 ? `key ${place}` : '' };
        });
        await decideGrabsOf(system, coupon, requests);
        await settled(system);
      }
    };
    /** The code of the first piece of the n-th customer. */
    const codeOf = async (n: number) =>
      (await redis.hget(keys.holders(coupon), names[n] ?? ''))?.split(/[, \n]/)[1] ?? '';
    await grabAll(names);
    const [third, redeemed, last] = [await codeOf(2), await codeOf(500), await codeOf(names.length - 1)];
    for (const name of names.slice(0, 2)) await lifeOf(system, coupon, 'back').release(name);
    await life.redeem(redeemed);
    await life.redeem(last);
    await grabAll(perCustomer === 1 ? [...names.slice(0, 1), ...names.map((name) => `second ${name}`)] : names);
    await life.undo(redeemed);
    await lifeOf(system, coupon, 'back').release(names[2] ?? '', third);
    await life.release(names[500] ?? '', redeemed);
    await settled(system);
    const [logged] = await system.mysql('coupons').where({ name: `large ${perCustomer}` });
    assert.ok(logged.version > PAGE, `${logged.version} events`);

    await rebuilt();
  });
}

test('a coupon that is behind the log loses what it had before, and the events that it carried', async () => {
  const coupon = { seller: 'ann', name: 'plain' };
  await settled(system);
  const before = await snapshotOf(redis);
  await redis.hset(keys.coupon(coupon), { version: 1, left: 2, phase: 'paused', released: 1 });
  for (const key of [keys.holders, keys.redemptions, keys.requests, keys.unloggedChanges, keys.unloggedPieces])
    await redis.hset(key(coupon), 'lost', 1);

  await reconciled();

  await assertSameAs(redis, before);
});

test('a coupon without holders is not put in place if Redis was emptied while it was built', async () => {
  const coupon = { seller: 'ann', name: 'emptied' };
  const restored = [
    keys.coupon,
    keys.holders,
    keys.redemptions,
    keys.requests,
    keys.unloggedChanges,
    keys.unloggedPieces,
  ];
  const built = (['holders', 'redemptions', 'requests'] as const).map((kind) => keys.built(kind, coupon, 'a test'));
  const restore = () =>
    runScript(redis, 'restoreCoupon', [...restored.map((key) => key(coupon)), ...built], ['1', '0', 'version', '1']);

  assert.equal(await restore(), ['incomplete']);

  // Nor if another hash of the build was written since then.
  await redis.hset(built[0] ?? '', 'bob', '2');
  assert.equal(await restore(), ['incomplete']);
  assert.is(await redis.exists(...built, keys.coupon(coupon)), 0);
});

test('a coupon whose log contradicts itself is set apart as the tables have it, and mended with the log', async () => {
  const coupon = { seller: 'ann', name: 'damaged life' };
  const life = lifeOf(system, coupon);
  await life.create(5, { endsAt: now + HOUR, perCustomer: 2 });
  await life.release('bob', await life.grab('bob'));
  await life.redeem(await life.grab('eve'));
  await life.change({ endsAt: null, validUntil: now + HOUR });
  await life.pause();
  await settled(system);
  const fields = await redis.hgetall(keys.coupon(coupon));
  const event = {
    coupon_id: idToBytes(fields.id ?? ''),
    version: 8,
    seller: Buffer.from('ann'),
    name: Buffer.from(coupon.name),
  };
  const data = JSON.stringify({ customer: 'bob', grab: 2, left: 5 });
  await system.mysql('event_log').insert({ ...event, type: 'GrabReleased', occurred_at: 1, data });
  await system.mysql('coupons').where({ name: coupon.name }).update({ version: 8 });
  await redis.hset(keys.coupon(coupon), 'endsAt', '1');

  await reconciled();

  const { damaged, ...apart } = await redis.hgetall(keys.coupon(coupon));
  assert.equal(apart, { ...fields, version: '8' });
  assert.is(damaged, 'the event log releases a piece that bob does not hold at version 8');
});

test.after(close);
test.run();
