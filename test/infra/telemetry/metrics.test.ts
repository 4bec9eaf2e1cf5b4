import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connectMysql } from '../../../src/infra/stores/mysql.ts';
import { openRedis } from '../../../src/infra/stores/redis.ts';
import { createLog } from '../../../src/infra/telemetry/log.ts';
import { listen } from '../../support/listen.ts';
import { openTransaction } from '../../support/outages.ts';
import { readMetrics } from '../../support/readMetrics.ts';
import { openTestServer } from '../../support/testServer.ts';
import { settled } from '../../support/testSystem.ts';

const { client, url, config, close } = await openTestServer();
const { mysql, close: closeMysql } = connectMysql(config.mysqlUrl);
const { redis, close: closeRedis } = await openRedis(config.redisUrl, createLog('silent'));
const ann = await client.enter('ann', 'seller');
const bob = await client.enter('bob', 'customer');
await client.create(ann, 'ann', { name: 'sea', amount: 9, stock: 5 });

const test = suite('metrics');
const grabRoute = { route: '/api/users/:seller/coupons/:name', method: 'PATCH' };
const requests = 'seckill_http_request_duration_seconds_count';

test('grabs are counted by outcome, and the counter of an outcome exists before its first grab', async () => {
  assert.is((await readMetrics(url)).sum('seckill_grabs_total', { outcome: 'unknown' }), 0);

  for (let i = 0; i < 3; i++) await client.grab(bob, 'ann', 'sea');
  await client.grab(bob, 'ann', 'none');

  const { sum } = await readMetrics(url);
  assert.is(sum('seckill_grabs_total', { outcome: 'grabbed' }), 1);
  assert.is(sum('seckill_grabs_total', { outcome: 'already-grabbed' }), 2);
  assert.is(sum('seckill_grabs_total', { outcome: 'no-such-coupon' }), 1);
});

test('decided events are counted by type, and the counter of a type exists before its first event', async () => {
  const before = await readMetrics(url);
  assert.is(before.sum('seckill_decisions_total', { event: 'CouponClosed' }), 0);

  await client.create(ann, 'ann', { name: 'closed', amount: 9, stock: 5 });
  await client.grab(bob, 'ann', 'closed');
  await client.send('POST', '/api/users/ann/coupons/closed/close', { token: ann });

  const after = await readMetrics(url);
  for (const event of ['CouponCreated', 'CouponGrabbed', 'CouponClosed'])
    assert.is(after.sum('seckill_decisions_total', { event }) - before.sum('seckill_decisions_total', { event }), 1);
});

test('every request has a duration by route, method and status class, including grabs with and without a body', async () => {
  const before = await readMetrics(url);

  await client.grab(bob, 'ann', 'sea');
  await client.send('PATCH', '/api/users/ann/coupons/sea', { token: bob, json: {} });
  await client.send('PATCH', '/api/users/ann/coupons/sea', { token: 'no token' });
  await client.list(bob, 'bob');

  const after = await readMetrics(url);
  const more = (labels: Record<string, string>) => after.sum(requests, labels) - before.sum(requests, labels);
  assert.is(more({ ...grabRoute, status: '2xx' }), 2);
  assert.is(more({ ...grabRoute, status: '4xx' }), 1);
  assert.is(more({ route: '/api/users/:username/coupons', method: 'GET', status: '2xx' }), 1);
});

test('the buckets of a duration are cumulative, and the last bucket equals the count', async () => {
  const { samples, sum } = await readMetrics(url);

  const labels = { ...grabRoute, status: '2xx' };
  const buckets = samples.filter(
    ({ name, labels: of }) =>
      name === 'seckill_http_request_duration_seconds_bucket' && of.route === labels.route && of.status === '2xx',
  );
  assert.is(buckets.length, 13);
  assert.equal(
    buckets.map(({ value }) => value),
    buckets.map(({ value }) => value).sort((a, b) => a - b),
  );
  assert.is(buckets.at(-1)?.value, sum(requests, labels));
  assert.ok(sum('seckill_http_request_duration_seconds_sum', labels) > 0);
});

test('a path without a route never becomes the value of a label', async () => {
  for (const path of ['/made-up', '/api/users/made-up/coupons', '/api/users/made-up/coupons/made-up', '/%zz'])
    for (const method of ['GET', 'PATCH', 'DELETE', 'PURGE']) await client.send(method, path, { token: bob });

  const { text, sum } = await readMetrics(url);
  assert.not.match(text, /made-up|%zz/);
  assert.ok(sum(requests, { route: 'none', method: '' }) > 0);
});

test('all files of a page share one label, and names of files never become labels', async () => {
  for (const path of ['/', '/console/app.js', '/console/styles/layout.css', '/docs', '/docs/', '/docs/viewer.js'])
    await fetch(`${url}${path}`);
  for (const path of ['/openapi.json', '/docs/made-up', '/console/made-up']) await fetch(`${url}${path}`);

  const { sum, text } = await readMetrics(url);
  const counts = ['/', '/console/:file', '/docs', '/docs/:file', '/openapi.json'].map((route) =>
    sum(requests, { route, method: 'GET' }),
  );
  assert.equal(counts, [1, 2, 2, 2, 1]);
  assert.not.match(text, /app\.js|viewer\.js|made-up/);
});

test('a live stream is one request, whose duration ends when the stream begins', async () => {
  const labels = { route: '/api/live', method: 'GET', status: '2xx' };

  const stream = await listen(url, bob, 'ann');
  await stream.waitFor(() => true);

  const open = await readMetrics(url);
  assert.is(open.sum(requests, labels), 1);
  assert.is(open.sum('seckill_live_listeners'), 1);
  stream.stop();
  await stream.ended;
  while ((await readMetrics(url)).sum('seckill_live_listeners') > 0) await sleep(10);
  assert.is(
    (await readMetrics(url)).sum('seckill_http_request_duration_seconds_sum', labels),
    open.sum('seckill_http_request_duration_seconds_sum', labels),
  );
});

test('the metrics show the count and age of outbox entries until MySQL has applied them, then 0', async () => {
  const pause = await openTransaction(mysql);
  await pause.raw('SELECT id FROM projection_pause FOR UPDATE');
  const carl = await client.enter('carl', 'customer');

  assert.is((await client.grab(carl, 'ann', 'sea')).status, 201);
  const young = (await readMetrics(url)).sum('seckill_outbox_age_seconds');
  const held = await readMetrics(url);
  await pause.rollback();
  await settled({ redis });

  assert.is(held.sum('seckill_outbox_entries'), 1);
  assert.ok(young > 0 && held.sum('seckill_outbox_age_seconds') > young);
  const done = await readMetrics(url);
  assert.is(done.sum('seckill_outbox_entries'), 0);
  assert.is(done.sum('seckill_outbox_age_seconds'), 0);
});

test('script calls and transactions are measured with their sizes, and events with their delay until MySQL', async () => {
  const before = await readMetrics(url);
  const crowd = await Promise.all(Array.from({ length: 5 }, (_, i) => client.enter(`d${i}`, 'customer')));

  await Promise.all(crowd.map((token) => client.grab(token, 'ann', 'sea')));
  await settled({ redis });

  const after = await readMetrics(url);
  const more = (name: string) => after.sum(name) - before.sum(name);
  assert.is(more('seckill_grab_batch_size_sum'), 5);
  assert.is(more('seckill_mysql_batch_size_sum'), 5);
  assert.is(more('seckill_grab_batch_duration_seconds_count'), more('seckill_grab_batch_size_count'));
  assert.is(more('seckill_mysql_batch_duration_seconds_count'), more('seckill_mysql_batch_size_count'));
  assert.is(more('seckill_durable_lag_seconds_count'), more('seckill_mysql_batch_size_count'));
  assert.ok(more('seckill_durable_lag_seconds_sum') > 0);
});

test('a failure of MySQL is counted once, by its kind', async () => {
  const before = await readMetrics(url);

  await client.register('bob', 'customer');
  await mysql.raw('RENAME TABLE users TO hidden');
  assert.is((await client.register('eve', 'customer')).status, 503);
  await mysql.raw('RENAME TABLE hidden TO users');

  const after = await readMetrics(url);
  const more = (kind: string) =>
    after.sum('seckill_mysql_errors_total', { kind }) - before.sum('seckill_mysql_errors_total', { kind });
  assert.is(more('duplicate'), 1);
  assert.is(more('refused'), 1);
  assert.is(more('connection'), 0);
});

test('a failure of Redis is counted once, by its kind', async () => {
  const before = await readMetrics(url);

  await redis.set('seckill:view:customer:bob', 'not a sorted set');
  assert.is((await client.list(bob, 'bob')).status, 503);
  await redis.del('seckill:view:customer:bob');

  const after = await readMetrics(url);
  const kind = 'refused';
  assert.is(after.sum('seckill_redis_errors_total', { kind }) - before.sum('seckill_redis_errors_total', { kind }), 1);
});

test('after the start, the metrics show one reconcile, an open gate and one worker', async () => {
  const { sum } = await readMetrics(url);
  assert.is(sum('seckill_reconcile_duration_seconds_count'), 1);
  assert.is(sum('seckill_gate_open'), 1);
  assert.is(sum('seckill_workers'), 1);
  assert.is(sum('seckill_workers_wanted'), 1);
});

test.after(async () => {
  await closeMysql();
  await closeRedis();
  await close();
});
test.run();
