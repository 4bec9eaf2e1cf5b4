import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
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

const { client, url, config, close } = await openTestServer();
const other = await openServer(config, createLog('silent'));
const test = suite('live figures');
const ann = await client.enter('ann', 'seller');
const customers = await Promise.all(
  Array.from({ length: 12 }, (_, place) => client.enter(`customer-${place}`, 'customer')),
);
const [bob = ''] = customers;
const put = (name: string, amount: number) => client.create(ann, 'ann', { name, amount, stock: 7 });

test('a stream begins with a snapshot of the newest coupons, newest first, as Redis has them', async () => {
  await put('first', 3);
  await put('second', 5);
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

test('whichever process grabs go through, the figures of both add up on both', async () => {
  await put('shared', 8);
  const streams = await Promise.all([url, other.url].map((at) => listen(at, ann, 'ann')));
  await Promise.all(streams.map((stream) => stream.waitFor((_, event) => event === 'snapshot')));
  await Promise.all(
    customers.map((token, place) => createClient(place % 2 === 0 ? url : other.url).grab(token, 'ann', 'shared')),
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

test('what comes after the snapshot has the shape that is documented, and MySQL has all in the end', async () => {
  await put('shape', 4);
  const stream = await listen(url, ann, 'ann');
  await client.grab(bob, 'ann', 'shape');
  await stream.waitFor((data) => couponIn(data, 'shape')?.tries.grabbed === 1);
  await stream.waitFor((data) => data.durable && data.outbox.entries === 0);
  stream.stop();
  for (const { event, data } of stream.events)
    (event === 'snapshot' ? liveSnapshotSchema : liveFiguresSchema).strict().parse(data);
});

test('what is no message of ours is passed over', async () => {
  const stream = await listen(url, ann, 'ann');
  await stream.waitFor(() => true);
  const { redis, close: closeRedis } = await openRedis(config.redisUrl, createLog('silent'));
  for (const text of ['no JSON', '{"coupons":7}']) await redis.publish(liveChannel(0), text);
  await closeRedis();
  await put('after', 2);
  await stream.waitFor((data) => couponIn(data, 'after') !== undefined);
  stream.stop();
});

test('a new coupon is told to who listens', async () => {
  const stream = await listen(other.url, ann, 'ann');
  await stream.waitFor(() => true);
  await put('fresh', 2);
  const figures = await stream.waitFor((data) => couponIn(data, 'fresh') !== undefined);
  assert.is(couponIn(figures, 'fresh')?.left, 2);
  stream.stop();
});

test('nobody is told more than five times a second', async () => {
  await put('busy', 1_000);
  const stream = await listen(url, ann, 'ann');
  const until = performance.now() + 2_000;
  while (performance.now() < until) await client.grab(bob, 'ann', 'busy');
  stream.stop();
  const told = stream.events.length;
  assert.ok(told >= 4 && told <= 11, `${told} events in two seconds`);
});

test('who listens needs a token, and a seller to look at', async () => {
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
  await Promise.race([stream.ended, sleep(5_000).then(() => assert.unreachable('it goes on'))]);
});

test('who does not read is not waited for: the others are told as ever, and the server holds back what it has', async () => {
  await Promise.all(Array.from({ length: 60 }, (_, place) => put(`${'long name '.repeat(8)}${place}`, 1)));
  const { hostname, port } = new URL(url);
  const deaf = connect(Number(port), hostname);
  deaf.pause();
  deaf.write(`GET /api/live?seller=ann HTTP/1.1\r\nHost: x\r\nAuthorization: ${bob}\r\n\r\n`);
  await put('heard', 500);
  const stream = await listen(url, ann, 'ann');
  for (const token of customers) await client.grab(token, 'ann', 'heard');
  await stream.waitFor((data) => couponIn(data, 'heard')?.left === 488);
  stream.stop();
  deaf.destroy();
});

test('a server that stops ends its streams and is not held up by them', async () => {
  const third = await openServer(config, createLog('silent'));
  const stream = await listen(third.url, ann, 'ann');
  await stream.waitFor(() => true);
  const since = performance.now();
  await third.close();
  await stream.ended;
  // Streams that are waited for are cut after five seconds.
  assert.ok(performance.now() - since < 4_500);
});

test.after(async () => {
  await other.close();
  await close();
});
test.run();
