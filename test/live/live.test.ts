import { connect } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { liveChannel } from '../../src/infra/keys.ts';
import { openRedis } from '../../src/infra/stores/redis.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { liveFiguresSchema, liveSnapshotSchema } from '../../src/live/figures.ts';
import { openServer } from '../../src/server.ts';
import { createClient } from '../support/httpClient.ts';
import { couponIn, listen } from '../support/listen.ts';
import { openTestServer } from '../support/testServer.ts';
import { until } from '../support/until.ts';

const { client, url, config, close } = await openTestServer({ REQUESTS_PER_USER: '0' });
const other = await openServer(config, createLog('silent'));
const test = suite('live figures');
const ann = await client.enter('ann', 'seller');
const customers = await Promise.all(
  Array.from({ length: 12 }, (_, index) => client.enter(`customer-${index}`, 'customer')),
);
const [bob = ''] = customers;
const createCoupon = (name: string, amount: number) => client.create(ann, 'ann', { name, amount, stock: 7 });

test('a stream begins with a snapshot of the newest coupons in Redis, newest first', async () => {
  await createCoupon('first', 3);
  await createCoupon('second', 5);
  await client.grab(bob, 'ann', 'first');
  const stream = await listen(url, bob, 'ann');
  await stream.waitFor(() => true);
  stream.stop();
  assert.is(stream.response.headers.get('content-type'), 'text/event-stream; charset=utf-8');
  assert.is(stream.response.headers.get('cache-control'), 'no-store');
  assert.is(stream.response.headers.get('x-accel-buffering'), 'no');
  assert.is(stream.events[0]?.event, 'snapshot');
  const snapshot = liveSnapshotSchema.strict().parse(stream.events[0]?.data);
  assert.equal(
    snapshot.coupons.map(({ name, amount, left, stock }) => ({ name, amount, left, stock })),
    [
      { name: 'second', amount: 5, left: 5, stock: 7 },
      { name: 'first', amount: 3, left: 2, stock: 7 },
    ],
  );
  assert.is(snapshot.mayRehearse, false);
});

test('every process streams the sum of the figures of all processes', async () => {
  await createCoupon('shared', 8);
  const streams = await Promise.all([url, other.url].map((processUrl) => listen(processUrl, ann, 'ann')));
  await Promise.all(streams.map((stream) => stream.waitFor((_, event) => event === 'snapshot')));
  await Promise.all(
    customers.map((token, index) => createClient(index % 2 === 0 ? url : other.url).grab(token, 'ann', 'shared')),
  );
  await client.grab(bob, 'ann', 'shared');
  for (const stream of streams) {
    const figures = await stream.waitFor((data) => {
      const tries = couponIn(data, 'shared')?.tries;
      return tries !== undefined && tries.grabbed + tries.soldOut + tries.alreadyGrabbed === 13;
    });
    const coupon = couponIn(figures, 'shared');
    assert.is(coupon?.left, 0);
    assert.is(coupon?.tries.grabbed, 8);
    assert.is(coupon?.tries.unknown, 0);
    assert.ok((coupon?.latency?.p99 ?? 0) >= (coupon?.latency?.p50 ?? 1));
    stream.stop();
  }
});

test('every event matches its documented schema, and at the end all grabs are durable', async () => {
  await createCoupon('shape', 4);
  const stream = await listen(url, ann, 'ann');
  await client.grab(bob, 'ann', 'shape');
  await stream.waitFor((data) => couponIn(data, 'shape')?.tries.grabbed === 1);
  await stream.waitFor((data) => data.durable && data.outbox.entries === 0);
  stream.stop();
  for (const { event, data } of stream.events)
    (event === 'snapshot' ? liveSnapshotSchema : liveFiguresSchema).strict().parse(data);
});

test('malformed messages on the channel are ignored', async () => {
  const stream = await listen(url, ann, 'ann');
  await stream.waitFor(() => true);
  const { redis, close: closeRedis } = await openRedis(config.redisUrl, createLog('silent'));
  for (const text of ['no JSON', '{"coupons":7}']) await redis.publish(liveChannel(0), text);
  await closeRedis();
  await createCoupon('after', 2);
  await stream.waitFor((data) => couponIn(data, 'after') !== undefined);
  stream.stop();
});

test('listeners receive a new coupon that another process created', async () => {
  const stream = await listen(other.url, ann, 'ann');
  await stream.waitFor(() => true);
  await createCoupon('fresh', 2);
  const figures = await stream.waitFor((data) => couponIn(data, 'fresh') !== undefined);
  assert.is(couponIn(figures, 'fresh')?.left, 2);
  stream.stop();
});

test('a listener receives at most five events a second', async () => {
  await createCoupon('busy', 1_000);
  const since = performance.now();
  const stream = await listen(url, ann, 'ann');
  await until(
    'ten events',
    async () => {
      await client.grab(bob, 'ann', 'busy');
      return stream.events.length >= 10;
    },
    0,
  );
  // However long the grabs took: the snapshot at once, and then an event for each full 200 ms. A timer may be early by a millisecond.
  const [received, took] = [stream.events.length, performance.now() - since];
  stream.stop();
  assert.ok(received <= 1 + took / 199, `${received} events in ${took} ms`);
});

test('listening needs a token and the name of a seller', async () => {
  const ask = (query: string, token?: string) =>
    client.send('GET', `/api/live${query}`, token === undefined ? {} : { token });
  assert.is((await ask('?seller=ann')).status, 401);
  assert.equal((await ask('', ann)).body, { errMsg: 'Field seller should be a string.' });
  assert.equal((await ask('?seller=nobody', ann)).body, { errMsg: 'Record not found.' });
  assert.equal((await ask('?seller=customer-0', ann)).body, { errMsg: 'Record not found.' });
});

test('a stream ends when its token is revoked', async () => {
  const token = await client.enter('leaver', 'customer');
  const stream = await listen(url, token, 'ann');
  await stream.waitFor(() => true);
  await client.send('POST', '/api/auth/logout', { token });
  let hasEnded = false;
  void stream.ended.then(() => {
    hasEnded = true;
  });
  await until('the stream ends', () => hasEnded);
});

test('a client that does not read its stream does not delay the events of other listeners', async () => {
  await Promise.all(Array.from({ length: 60 }, (_, index) => createCoupon(`${'long name '.repeat(8)}${index}`, 1)));
  const { hostname, port } = new URL(url);
  const stalledClient = connect(Number(port), hostname);
  stalledClient.pause();
  stalledClient.write(`GET /api/live?seller=ann HTTP/1.1\r\nHost: x\r\nAuthorization: ${bob}\r\n\r\n`);
  await createCoupon('popular', 500);
  const stream = await listen(url, ann, 'ann');
  for (const token of customers) await client.grab(token, 'ann', 'popular');
  await stream.waitFor((data) => couponIn(data, 'popular')?.left === 488);
  stream.stop();
  stalledClient.destroy();
});

test('a stopping server ends its streams instead of waiting for them', async () => {
  const third = await openServer(config, createLog('silent'));
  const stream = await listen(third.url, ann, 'ann');
  await stream.waitFor(() => true);
  await third.close();
  // A server that waits for its streams closes their connections in the end.
  assert.is(await stream.ended, 'whole');
});

test.after(async () => {
  await other.close();
  await close();
});
test.run();
