import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connectMysql } from '../../src/infra/stores/mysql.ts';
import { rehearsalCustomer } from '../../src/rehearsal/crowd.ts';
import { couponIn, listen } from '../support/listen.ts';
import { openTestServer } from '../support/testServer.ts';

// The lifetime is shorter than the one that simulated customers have by default.
const { client, url, config, close } = await openTestServer({ ALLOW_REHEARSAL: '1', TOKEN_TTL_SECONDS: '300' });
const test = suite('a rehearsal');
const ann = await client.enter('ann', 'seller');
const eve = await client.enter('eve', 'seller');
const bob = await client.enter('bob', 'customer');
const rehearse = (token: string, json: object) => client.send('POST', '/api/rehearsals', { token, json });
const isFinished = (coupon: string) => (data: { rehearsal: { coupon: string; running: boolean } | null }) =>
  data.rehearsal !== null && data.rehearsal.coupon === coupon && !data.rehearsal.running;

test('each simulated customer gets an outcome: all pieces are taken, the others are refused, and MySQL has the grabs', async () => {
  await client.create(ann, 'ann', { name: 'sea', amount: 20, stock: 5 });
  const stream = await listen(url, ann, 'ann');
  assert.is((await stream.waitFor(() => true)).mayRehearse, true);
  assert.is((await rehearse(ann, { coupon: 'sea', customers: 300, seconds: 1 })).status, 202);
  assert.equal((await rehearse(ann, { coupon: 'sea', customers: 1 })).body, {
    errMsg: 'A rehearsal is running already.',
  });
  const { rehearsal } = await stream.waitFor(isFinished('sea'));
  assert.equal(rehearsal, {
    seller: 'ann',
    coupon: 'sea',
    running: false,
    customers: 300,
    grabbed: 20,
    refused: 280,
    unknown: 0,
  });
  await stream.waitFor((data) => couponIn(data, 'sea')?.tries.soldOut === 280 && data.durable);
  stream.stop();
  const { mysql, close: closeMysql } = connectMysql(config.mysqlUrl);
  const customers: Buffer[] = await mysql('coupon_grabs').pluck('customer');
  await closeMysql();
  assert.is(customers.length, 20);
  assert.ok(customers.every((customer) => String(customer).startsWith('~rehearsal-')));
});

test('after a rehearsal has finished the next one can start', async () => {
  await client.create(ann, 'ann', { name: 'hill', amount: 1, stock: 5 });
  const stream = await listen(url, ann, 'ann');
  assert.is((await rehearse(ann, { coupon: 'hill', customers: 10, seconds: 0 })).status, 202);
  await stream.waitFor(isFinished('hill'));
  stream.stop();
});

test('a user cannot register with the name of a simulated customer', async () => {
  const { status, body } = await client.register(rehearsalCustomer('1a2b3c4d', 7), 'customer');
  assert.is(status, 400);
  assert.equal(body, { errMsg: 'User name has unsupported characters.' });
});

test('only sellers can rehearse, and only with their own coupons', async () => {
  assert.equal((await rehearse(bob, { coupon: 'sea', customers: 5 })).body, { errMsg: 'Only sellers can rehearse.' });
  assert.equal((await rehearse(eve, { coupon: 'sea', customers: 5 })).body, { errMsg: 'No such coupon.' });
  assert.is((await client.send('POST', '/api/rehearsals', { json: { coupon: 'sea', customers: 5 } })).status, 401);
});

test('the number of customers and the seconds are limited', async () => {
  for (const customers of [0, 10_001, 'many', undefined])
    assert.is((await rehearse(ann, { coupon: 'sea', customers })).status, 400, String(customers));
  assert.is((await rehearse(ann, { coupon: 'sea', customers: 5, seconds: 61 })).status, 400);
});

test('where rehearsals are not allowed, the path is 404 and the live figures say so', async () => {
  const restricted = await openTestServer();
  const token = await restricted.client.enter('ann', 'seller');
  const { status, body } = await restricted.client.send('POST', '/api/rehearsals', {
    token,
    json: { coupon: 'sea', customers: 5 },
  });
  const stream = await listen(restricted.url, token, 'ann');
  assert.is((await stream.waitFor(() => true)).mayRehearse, false);
  stream.stop();
  await restricted.close();
  assert.is(status, 404);
  assert.equal(body, { errMsg: 'Not Found.' });
});

test('a stopping server ends its running rehearsal', async () => {
  const stopping = await openTestServer({ ALLOW_REHEARSAL: '1' });
  const token = await stopping.client.enter('ann', 'seller');
  await stopping.client.create(token, 'ann', { name: 'sea', amount: 5, stock: 5 });
  const json = { coupon: 'sea', customers: 10_000, seconds: 60 };
  assert.is((await stopping.client.send('POST', '/api/rehearsals', { token, json })).status, 202);
  const since = performance.now();
  await stopping.close();
  assert.ok(performance.now() - since < 10_000);
});

test.after(close);
test.run();
