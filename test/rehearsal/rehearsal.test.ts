import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connectMysql } from '../../src/infra/stores/mysql.ts';
import { rehearsalCustomer } from '../../src/rehearsal/crowd.ts';
import { couponIn, listen } from '../support/listen.ts';
import { openTestServer } from '../support/testServer.ts';

const { client, url, config, close } = await openTestServer({ ALLOW_REHEARSAL: '1' });
const test = suite('a rehearsal');
const ann = await client.enter('ann', 'seller');
const eve = await client.enter('eve', 'seller');
const bob = await client.enter('bob', 'customer');
const rehearse = (token: string, json: object) => client.send('POST', '/api/rehearsals', { token, json });
const isOver = (of: string) => (data: { rehearsal: { coupon: string; running: boolean } | null }) =>
  data.rehearsal !== null && data.rehearsal.coupon === of && !data.rehearsal.running;

test('each customer of the crowd tries once: the pieces are gone, all others heard so, and MySQL has it', async () => {
  await client.create(ann, 'ann', { name: 'sea', amount: 20, stock: 5 });
  const stream = await listen(url, ann, 'ann');
  assert.is((await stream.waitFor(() => true)).mayRehearse, true);
  assert.is((await rehearse(ann, { coupon: 'sea', customers: 300, seconds: 1 })).status, 202);
  assert.equal((await rehearse(ann, { coupon: 'sea', customers: 1 })).body, {
    errMsg: 'A rehearsal is running already.',
  });
  const { rehearsal } = await stream.waitFor(isOver('sea'));
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

test('when one is over the next may begin', async () => {
  await client.create(ann, 'ann', { name: 'hill', amount: 1, stock: 5 });
  const stream = await listen(url, ann, 'ann');
  assert.is((await rehearse(ann, { coupon: 'hill', customers: 10, seconds: 0 })).status, 202);
  await stream.waitFor(isOver('hill'));
  stream.stop();
});

test('nobody can register under the name of a rehearsal customer', async () => {
  const { status, body } = await client.register(rehearsalCustomer('1a2b3c4d', 7), 'customer');
  assert.is(status, 400);
  assert.equal(body, { errMsg: 'User name has unsupported characters.' });
});

test("only a seller rehearses, and only with coupons of their own: another's is none of theirs", async () => {
  assert.equal((await rehearse(bob, { coupon: 'sea', customers: 5 })).body, { errMsg: 'Only sellers can rehearse.' });
  assert.equal((await rehearse(eve, { coupon: 'sea', customers: 5 })).body, { errMsg: 'No such coupon.' });
  assert.is((await client.send('POST', '/api/rehearsals', { json: { coupon: 'sea', customers: 5 } })).status, 401);
});

test('a crowd has bounds', async () => {
  for (const customers of [0, 10_001, 'many', undefined])
    assert.is((await rehearse(ann, { coupon: 'sea', customers })).status, 400, String(customers));
  assert.is((await rehearse(ann, { coupon: 'sea', customers: 5, seconds: 61 })).status, 400);
});

test('where rehearsals are not allowed there is no such path, and no page offers one', async () => {
  const sober = await openTestServer();
  const token = await sober.client.enter('ann', 'seller');
  const { status, body } = await sober.client.send('POST', '/api/rehearsals', {
    token,
    json: { coupon: 'sea', customers: 5 },
  });
  const stream = await listen(sober.url, token, 'ann');
  assert.is((await stream.waitFor(() => true)).mayRehearse, false);
  stream.stop();
  await sober.close();
  assert.is(status, 404);
  assert.equal(body, { errMsg: 'Not Found.' });
});

test('a server that stops takes its crowd with it', async () => {
  const short = await openTestServer({ ALLOW_REHEARSAL: '1' });
  const token = await short.client.enter('ann', 'seller');
  await short.client.create(token, 'ann', { name: 'sea', amount: 5, stock: 5 });
  const json = { coupon: 'sea', customers: 10_000, seconds: 60 };
  assert.is((await short.client.send('POST', '/api/rehearsals', { token, json })).status, 202);
  const since = performance.now();
  await short.close();
  assert.ok(performance.now() - since < 10_000);
});

test.after(close);
test.run();
