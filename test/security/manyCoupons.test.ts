import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createApp } from '../../src/http/app.ts';
import { keys } from '../../src/infra/keys.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { openSystem } from '../../src/system.ts';
import { createClient } from '../support/httpClient.ts';
import { serveApp } from '../support/serveApp.ts';
import { openTestSystem, settled } from '../support/testSystem.ts';

const LIMIT = 5;
const { system, config, close } = await openTestSystem({ COUPONS_PER_SELLER: String(LIMIT) });
const other = await openSystem(config, createLog('silent'));
const servers = [await serveApp(createApp(system).callback()), await serveApp(createApp(other.system).callback())];
const clients = servers.map(({ url }) => createClient(url));
const [client = createClient('')] = clients;
const test = suite('a seller who creates coupons without end');

const coupon = (name: string) => ({ name, amount: 1, stock: 1, description: 'd' });
const token = (seller: string) => system.tokens.issue(seller, 'seller');
const create = (seller: string, name: string, key = '', through = client) =>
  through.send('POST', `/api/users/${seller}/coupons`, { token: token(seller), json: coupon(name), key });
const createBatch = (seller: string, names: readonly string[]) =>
  client.send('POST', `/api/users/${seller}/coupons`, { token: token(seller), json: names.map(coupon) });
const names = (count: number) => Array.from({ length: count }, (_, place) => `c${place}`);
const existing = (seller: string) => system.redis.zcard(keys.sellerView(seller));
async function givenCoupons(seller: string, count: number) {
  for (const name of names(count)) assert.is((await create(seller, name)).status, 201);
  await settled(system);
}

test('a seller with as many coupons as the limit gets 409, and other sellers create theirs', async () => {
  await givenCoupons('ann', LIMIT);

  const answer = await create('ann', 'one-more');

  assert.equal([answer.status, answer.body?.errMsg], [409, 'This seller has as many coupons as one seller may have.']);
  assert.is((await create('bea', 'first')).status, 201);
});

test('a closed coupon counts', async () => {
  await givenCoupons('ida', LIMIT);
  await client.send('POST', '/api/users/ida/coupons/c0/close', { token: token('ida') });

  assert.is((await create('ida', 'one-more')).status, 409);
});

test('a name that is taken is answered as ever at the limit', async () => {
  await givenCoupons('cat', LIMIT);

  const answer = await create('cat', 'c0');

  assert.is(answer.status, 400);
  assert.is(answer.body?.errMsg, 'Create failed. Maybe (username,coupon name) duplicates');
});

test('a creation that is sent again with its idempotency key is answered as before at the limit', async () => {
  assert.is((await create('dan', 'keyed', 'k1')).status, 201);
  await givenCoupons('dan', LIMIT - 1);

  assert.is((await create('dan', 'keyed', 'k1')).status, 201);
});

test('of 40 creations at once, at two processes, as many succeed as the limit allows', async () => {
  const send = (name: string, place: number) => create('eve', name, '', clients[place % 2]);

  const answers = await Promise.all(names(40).map(send));

  const statuses = answers.map(({ status }) => status);
  assert.is(statuses.filter((status) => status === 201).length, LIMIT);
  assert.ok(
    statuses.every((status) => [201, 409, 503].includes(status)),
    String(statuses),
  );
  await settled(system);
  assert.is(await existing('eve'), LIMIT);
  assert.is((await create('eve', 'later')).status, 409);
});

test('a batch that exceeds the limit creates no coupon, and one that reaches it creates all', async () => {
  await givenCoupons('fay', 2);

  const refused = await createBatch('fay', ['x', 'y', 'z', 'zz']);
  const created = await createBatch('fay', ['x', 'y', 'z']);

  assert.equal([refused.status, created.status], [409, 201]);
  await settled(system);
  assert.is(await existing('fay'), LIMIT);
});

test('a batch that is refused gives its room back', async () => {
  await givenCoupons('gil', 1);

  const refused = await createBatch('gil', ['x', 'y', 'z', 'c0']);
  const created = await createBatch('gil', ['p', 'q', 'r', 's']);

  assert.equal([refused.status, created.status], [400, 201]);
});

test('room whose process died before the creation ends with its reservation, and until then the answer is 503', async () => {
  await givenCoupons('hal', LIMIT - 1);
  const reserve = (ends: number) => system.redis.zadd(keys.room('hal'), ends, 'some-reservation lost');
  await reserve((Date.now() + 60_000) * 1_000);
  const waits = await create('hal', 'next');
  await reserve((Date.now() - 1_000) * 1_000);

  const created = await create('hal', 'next');

  assert.equal([waits.status, created.status], [503, 201]);
  assert.match(waits.headers.get('retry-after') ?? '', /^[1-9]/);
});

test('reservations of coupons that exist do not pile up', async () => {
  const quotas = { ...system.quotas, couponsPerSeller: 1_000 };
  const server = await serveApp(createApp({ ...system, quotas }).callback());
  for (const name of names(20)) {
    assert.is((await create('joy', name, '', createClient(server.url))).status, 201);
    await settled(system);
  }
  await server.close();

  assert.ok((await system.redis.zcard(keys.room('joy'))) <= 2);
});

test.after(async () => {
  for (const server of servers) await server.close();
  await other.close();
  await close();
});

test.run();
