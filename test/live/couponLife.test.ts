import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createApp } from '../../src/http/app.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import type { LiveCoupon } from '../../src/live/figures.ts';
import { openSystem, type System } from '../../src/system.ts';
import { createClient } from '../support/httpClient.ts';
import { couponIn, listen } from '../support/listen.ts';
import { openTestSystem } from '../support/testSystem.ts';

// Every event of a coupon's life reaches the boards of the process that decided it, and of another one.

const stores = await openTestSystem();
const { system: otherSystem, close: closeOther } = await openSystem(stores.config, createLog('silent'));
/** A board compares itself with Redis every two seconds. While this is false, it has the messages of the processes alone. */
let mayReadRedis = true;
async function serve(system: System) {
  const { zrevrange } = system.redis;
  system.redis.zrevrange = ((...args: Parameters<typeof zrevrange>) =>
    mayReadRedis
      ? zrevrange.apply(system.redis, args)
      : Promise.reject(new Error('the test allows no reading'))) as typeof zrevrange;
  const server = createServer(createApp(system).callback());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () =>
    new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close };
}
const [first, other] = [await serve(stores.system), await serve(otherSystem)];
const { url } = first;
const client = createClient(url);
const test = suite("live figures of a coupon's life");
test.after.each(() => {
  mayReadRedis = true;
});
const customers = await Promise.all(Array.from({ length: 3 }, (_, index) => client.enter(`c-${index}`, 'customer')));
const [bob = '', eve = '', zoe = ''] = customers;

const shows = (coupon: LiveCoupon | undefined, expected: Partial<LiveCoupon>): coupon is LiveCoupon =>
  coupon !== undefined &&
  Object.entries(expected).every(([field, value]) => coupon[field as keyof LiveCoupon] === value);

let sellers = 0;
async function givenBoards(coupon: object) {
  const seller = `seller-${++sellers}`;
  const token = await client.enter(seller, 'seller');
  const created = await client.create(token, seller, { name: 'spring', stock: 5, ...coupon });
  assert.is(created.status, 201);
  const streams = [await listen(url, token, seller), await listen(other.url, token, seller)];
  for (const stream of streams) await stream.waitFor(() => true);
  mayReadRedis = false;
  const path = `/api/users/${seller}/coupons/spring`;
  return {
    seller,
    /** Each change must succeed. */
    async change(name: string, json: object = {}) {
      const { status } = await client.send('POST', `${path}/${name}`, { token, json });
      assert.is(status, 200, name);
    },
    grab: (customer: string) => client.grab(customer, seller, 'spring'),
    async release(customer: string, name: string) {
      const { status } = await client.send('DELETE', `/api/users/${name}/coupons/${seller}/spring`, {
        token: customer,
      });
      assert.is(status, 200);
    },
    redeem: (code: unknown) => client.send('POST', `/api/users/${seller}/redemptions`, { token, json: { code } }),
    undo: (code: unknown) => client.send('DELETE', `/api/users/${seller}/redemptions/${code}`, { token }),
    /** Both boards come to show these values of the coupon together. */
    async bothShow(expected: Partial<LiveCoupon>) {
      await Promise.all(streams.map((stream) => stream.waitFor((data) => shows(couponIn(data, 'spring'), expected))));
    },
    streams,
    stop: () => {
      for (const stream of streams) stream.stop();
    },
  };
}

test('a restock changes the pieces left, all pieces and the status', async () => {
  const { grab, change, bothShow, stop } = await givenBoards({ amount: 1 });
  await grab(bob);
  await bothShow({ left: 0, amount: 1, status: 'sold-out', grabbed: 1 });
  await change('restock', { amount: 3 });
  await bothShow({ left: 3, amount: 4, status: 'on-sale', grabbed: 1 });
  await grab(eve);
  await bothShow({ left: 2, amount: 4, grabbed: 2 });
  stop();
});

test('a piece that is given back is left again, and stays a grab', async () => {
  const { grab, release, bothShow, stop } = await givenBoards({ amount: 1 });
  await grab(bob);
  await bothShow({ left: 0, status: 'sold-out' });
  await release(bob, 'c-0');
  await bothShow({ left: 1, amount: 1, status: 'on-sale', grabbed: 1, released: 1 });
  await grab(eve);
  await bothShow({ left: 0, status: 'sold-out', grabbed: 2, released: 1 });
  stop();
});

test('pause, resume and close change the status', async () => {
  const { change, bothShow, stop } = await givenBoards({ amount: 2 });
  await bothShow({ status: 'on-sale' });
  await change('pause');
  await bothShow({ status: 'paused', left: 2 });
  await change('resume');
  await change('close');
  await bothShow({ status: 'closed', left: 2 });
  stop();
});

test('new terms change the face value, the window and the status', async () => {
  const { change, bothShow, stop } = await givenBoards({ amount: 2 });
  const startsAt = Date.now() + 3_600_000;
  await change('terms', { stock: 7, startsAt, endsAt: startsAt + 1_000 });
  await bothShow({ stock: 7, startsAt, endsAt: startsAt + 1_000, status: 'scheduled' });
  await change('terms', { startsAt: null });
  await bothShow({ stock: 7, startsAt: null, endsAt: startsAt + 1_000, status: 'on-sale' });
  stop();
});

test('redemptions and their undoing are counted, and leave the pieces as they are', async () => {
  const { grab, redeem, undo, bothShow, stop } = await givenBoards({ amount: 2 });
  mayReadRedis = true;
  const code = (await grab(bob)).body?.code;
  assert.is((await redeem(code)).status, 200);
  await bothShow({ left: 1, grabbed: 1, redeemed: 1 });
  assert.is((await undo(code)).status, 200);
  await bothShow({ left: 1, grabbed: 1, redeemed: 0 });
  stop();
});

test('the status changes by itself when the sale starts and when it ends', async () => {
  // Start and end come near only when the boards are open: on a busy machine, the sale could be over before that.
  const { bothShow, change, grab, stop } = await givenBoards({ amount: 2, startsAt: Date.now() + 3_600_000 });
  await bothShow({ status: 'scheduled' });
  await change('terms', { startsAt: Date.now() + 1_500 });
  await bothShow({ status: 'on-sale' });
  assert.is((await grab(bob)).status, 201);
  await bothShow({ status: 'on-sale', left: 1 });
  await change('terms', { endsAt: Date.now() + 1_500 });
  await bothShow({ status: 'ended', left: 1 });
  stop();
});

for (const [reason, coupon, changes] of [
  ['notStarted', { startsAt: Date.now() + 3_600_000 }, []],
  ['paused', {}, ['pause']],
  ['ended', { endsAt: Date.now() - 1_000 }, []],
  ['closed', {}, ['close']],
] as const) {
  test(`a grab that is refused because of the sale is counted by its reason: ${reason}`, async () => {
    const { grab, change, streams, stop } = await givenBoards({ amount: 9, ...coupon });
    for (const name of changes) await change(name);
    await grab(bob);
    await streams[1]?.waitFor((data) => couponIn(data, 'spring')?.tries[reason] === 1);
    stop();
  });
}

test('a board that opens late has all of it from Redis and MySQL', async () => {
  const { seller, grab, release, change, stop } = await givenBoards({ amount: 1, perCustomer: 2 });
  await grab(bob);
  await release(bob, 'c-0');
  await change('restock', { amount: 4 });
  for (const customer of [bob, eve, zoe]) await grab(customer);
  await change('pause');
  mayReadRedis = true;
  const late = await listen(other.url, await client.enter(seller, 'seller'), seller);
  const wanted = { left: 2, amount: 5, grabbed: 4, released: 1, status: 'paused', perCustomer: 2 } as const;
  // The pause may reach the other process after the board has opened.
  await late.waitFor((data) => {
    const coupon = couponIn(data, 'spring');
    return shows(coupon, wanted) && coupon.sale.minutes.reduce((sum, { grabs }) => sum + grabs, 0) === 4;
  });
  late.stop();
  stop();
});

test('the stream has the time on the clock of Redis', async () => {
  const { streams, stop } = await givenBoards({ amount: 1 });
  const { clock } = (await streams[0]?.waitFor(() => true)) ?? { clock: 0 };
  // Redis and this test run on one machine.
  assert.ok(Math.abs(clock - Date.now()) < 5_000);
  stop();
});

test.after(async () => {
  await other.close();
  await first.close();
  await closeOther();
  await stores.close();
});
test.run();
