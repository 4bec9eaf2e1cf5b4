import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { keys } from '../../../src/infra/keys.ts';
import type { SellerCoupon } from '../../../src/queries/sellers/sellerCoupon.ts';
import { createSellerPages } from '../../../src/queries/sellers/sellerPages.ts';
import { lifeOf } from '../../support/couponLife.ts';
import { givenCoupon, openTestSystem, settled } from '../../support/testSystem.ts';

const { system, close } = await openTestSystem();
const test = suite("the pages of a seller's coupons");
const { sellerPages } = system;
const namesOf = (coupons: readonly SellerCoupon[]) => coupons.map(({ name }) => name);
const lefts = async (seller: string, page = 1) => (await sellerPages.read(seller, page)).map(({ left }) => left);

/** The commands that Redis gets while `work` runs, other than those of the sweeps in the background. */
async function commandsOf(work: () => Promise<unknown>): Promise<string[]> {
  const commands: string[] = [];
  const { sendCommand } = system.redis;
  system.redis.sendCommand = (command, stream) => {
    if (['zrange', 'evalsha', 'hmget', 'get'].includes(command.name)) commands.push(command.name);
    return sendCommand.call(system.redis, command, stream);
  };
  await work();
  system.redis.sendCommand = sendCommand;
  return commands;
}

test('requests that share a read get the same array', async () => {
  await givenCoupon(system, 'ann', 'spring', 2);

  const [first, second] = await Promise.all([sellerPages.read('ann', 1), sellerPages.read('ann', 1)]);

  assert.is(first, second);
  assert.ok((await sellerPages.read('ann', 1)) !== first);
});

test('every read shows the grabs and the changes that came before it', async () => {
  const life = lifeOf(system, { seller: 'bea', name: 'spring' });
  await life.create(3);
  assert.equal(await lefts('bea'), [3]);

  await life.grab('bob');
  assert.equal(await lefts('bea'), [2]);
  await life.restock(5);
  assert.equal(await lefts('bea'), [7]);
  await life.change({ description: 'another', stock: 8 });
  const [changed] = await sellerPages.read('bea', 1);
  assert.equal([changed?.description, changed?.stock, changed?.left], ['another', 8, 7]);
});

test('a page that is read again costs one command for its names and one script call for each partition', async () => {
  for (const place of Array(20).keys()) await givenCoupon(system, 'cid', `coupon ${place}`, 2);
  // The projection confirms the creations by script calls of its own.
  await settled(system);
  await sellerPages.read('cid', 1);

  const commands = await commandsOf(() => Promise.all(Array.from({ length: 50 }, () => sellerPages.read('cid', 1))));

  assert.is(commands.filter((name) => name === 'zrange').length, 1);
  assert.ok(commands.length <= 17, commands.join());
});

test('a new coupon is on its page at the next read, and a full page stays as it is', async () => {
  const coupons = Array.from({ length: 25 }, (_, place) => `coupon ${place}`);
  for (const name of coupons.slice(0, 19)) await givenCoupon(system, 'dan', name, 2);
  assert.is((await sellerPages.read('dan', 1)).length, 19);
  assert.equal(await sellerPages.read('dan', 2), []);

  for (const name of coupons.slice(19)) await givenCoupon(system, 'dan', name, 2);

  assert.equal(namesOf(await sellerPages.read('dan', 1)), coupons.slice(0, 20));
  assert.equal(namesOf(await sellerPages.read('dan', 2)), coupons.slice(20));
});

test('a coupon is not fetched again until its version changes or the gate was shut', async () => {
  const life = lifeOf(system, { seller: 'eli', name: 'spring' });
  await life.create(3);
  await sellerPages.read('eli', 1);
  const setStock = (stock: number) => system.redis.hset(keys.coupon({ seller: 'eli', name: 'spring' }), 'stock', stock);
  const stock = async () => (await sellerPages.read('eli', 1))[0]?.stock;

  await setStock(6);
  assert.is(await stock(), 5);
  await life.grab('bob');
  assert.is(await stock(), 6);
  await setStock(7);
  system.gate.shut('a test');
  system.gate.clear('a test');
  assert.is(await stock(), 7);
});

test('the status follows the clock of Redis without an event', async () => {
  const [seconds = 0] = (await system.redis.time()).map(Number);
  await lifeOf(system, { seller: 'fay', name: 'soon' }).create(1, { startsAt: (seconds + 2) * 1_000_000 });
  const status = async () => (await sellerPages.read('fay', 1))[0]?.status;
  assert.is(await status(), 'scheduled');

  const limit = Date.now() + 30_000;
  while ((await status()) === 'scheduled') {
    assert.ok(Date.now() < limit, 'the sale does not start');
    await sleep(20);
  }
  assert.is(await status(), 'on-sale');
});

test('a coupon with a long description is shown like any other', async () => {
  const life = lifeOf(system, { seller: 'gil', name: 'long' });
  await life.create(3);
  await life.change({ description: 'x'.repeat(5_000) });

  for (const left of [3, 2]) {
    const [coupon] = await sellerPages.read('gil', 1);
    assert.equal([coupon?.left, coupon?.description.length], [left, 5_000]);
    if (left === 3) await life.grab('bob');
  }
});

test('a read that waits when the gate is shut gets Unavailable, and the next one after that is answered', async () => {
  await givenCoupon(system, 'hal', 'spring', 2);
  const underWay = sellerPages.read('hal', 1);
  await nextTurn();
  const waiting = [sellerPages.read('hal', 1), sellerPages.read('hal', 1)];

  system.gate.shut('a test');
  const reads = await Promise.allSettled([underWay, ...waiting]);
  system.gate.clear('a test');

  assert.equal(
    reads.map((result) => (result.status === 'rejected' ? result.reason.name : 'read')),
    ['read', 'Unavailable', 'Unavailable'],
  );
  assert.is((await sellerPages.read('hal', 1)).length, 1);
});

test('a coupon that only the view has fails its page alone', async () => {
  await givenCoupon(system, 'ivy', 'spring', 2);
  await givenCoupon(system, 'kit', 'spring', 2);
  await system.redis.zadd(keys.sellerView('ivy'), 4e15, 'lost');

  const [bad, good] = await Promise.allSettled([sellerPages.read('ivy', 1), sellerPages.read('kit', 1)]);

  const reason = bad.status === 'rejected' ? bad.reason.message : '';
  assert.is(reason, 'the view names a coupon that the write model lacks: ivy/lost');
  assert.is(good.status, 'fulfilled');
});

test('10,000 coupons are on 500 pages that can all be read at once', async () => {
  const pipeline = system.redis.pipeline();
  const names = Array.from({ length: 10_000 }, (_, place) => `coupon ${place}`);
  for (const [place, name] of names.entries()) {
    const left = 10_000 - place;
    pipeline.hset(keys.coupon({ seller: 'lia', name }), {
      version: 2,
      amount: 20_000,
      stock: 5,
      description: '',
      left,
    });
    pipeline.zadd(keys.sellerView('lia'), place, name);
  }
  await pipeline.exec();

  for (const _ of [1, 2]) {
    const pages = await Promise.all(Array.from({ length: 501 }, (_, page) => sellerPages.read('lia', page + 1)));

    assert.equal(pages.flatMap(namesOf), names);
    assert.equal(pages.at(-1), []);
    assert.equal(
      pages.flat().map(({ left }) => left),
      names.map((_, place) => 10_000 - place),
    );
  }
});

test('when the connection is lost, every request fails and none hangs', async () => {
  const pages = createSellerPages(system);
  const underWay = pages.read('ann', 1);
  await nextTurn();
  const waiting = [pages.read('ann', 1), pages.read('kit', 1)];

  system.redis.disconnect();

  const reads = await Promise.allSettled([underWay, ...waiting]);
  assert.equal(
    reads.map(({ status }) => status),
    ['rejected', 'rejected', 'rejected'],
  );
});

test.after(close);
test.run();
