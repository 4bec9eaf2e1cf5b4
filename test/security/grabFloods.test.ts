import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createApp } from '../../src/http/app.ts';
import { type Client, createClient } from '../support/httpClient.ts';
import { serveApp } from '../support/serveApp.ts';
import { givenCoupon, openTestSystem, settled } from '../support/testSystem.ts';

const { system, close } = await openTestSystem();
const server = await serveApp(createApp(system).callback());
const client = createClient(server.url);
const test = suite('floods of grabs');

const ann = await client.enter('ann', 'seller');
const bob = await client.enter('bob', 'customer');
await givenCoupon(system, 'ann', 'spring', 1_000_000);
await settled(system);

/** The keys in Redis that belong to grabs, coupons and idempotency keys. */
const keysInRedis = async () => (await system.redis.keys('seckill:*')).length;
/** How many script calls, reads and writes Redis has executed. Background work (the lease, the clock, sweeps) calls other commands. */
async function callsOf(...commands: string[]): Promise<number> {
  const stats = await system.redis.info('commandstats');
  const calls = [...stats.matchAll(/^cmdstat_(\w+):calls=(\d+)/gm)];
  return calls.reduce((sum, [, command = '', count]) => sum + (commands.includes(command) ? Number(count) : 0), 0);
}

const LONG = 'n'.repeat(8_000);
const coupons = (seller: string, name: string) => `/api/users/${seller}/coupons/${encodeURIComponent(name)}`;
const routes: [description: string, status: number, send: (name: string) => ReturnType<Client['send']>][] = [
  ['a grab', 204, (name) => client.send('PATCH', coupons('ann', name), { token: bob, key: 'k' })],
  ['a grab of a long seller', 204, (name) => client.send('PATCH', coupons(name, 'spring'), { token: bob, key: 'k' })],
  ['a coupon', 404, (name) => client.send('GET', coupons('ann', name), { token: bob })],
  ['its holders', 404, (name) => client.send('GET', `${coupons('ann', name)}/holders`, { token: ann })],
  ['its history', 404, (name) => client.send('GET', `${coupons('ann', name)}/history`, { token: ann })],
  ['a pause', 404, (name) => client.send('POST', `${coupons('ann', name)}/pause`, { token: ann, key: 'k' })],
  [
    'a restock',
    404,
    (name) => client.send('POST', `${coupons('ann', name)}/restock`, { token: ann, key: 'k', json: { amount: 1 } }),
  ],
  [
    'a piece given back',
    404,
    (name) => client.send('DELETE', `/api/users/bob/coupons/ann/${name}`, { token: bob, key: 'k' }),
  ],
];
for (const [description, status, send] of routes) {
  for (const [kind, name] of [
    ['8 KB', LONG],
    ['101 characters', 'n'.repeat(101)],
    ['a control character', 'a\u0007b'],
  ] as const) {
    if (kind !== '8 KB' && (description === 'a grab of a long seller' || description === 'a piece given back'))
      continue;
    test(`${description} with a coupon name of ${kind} is answered without Redis and leaves nothing there`, async () => {
      const [keys, calls] = [await keysInRedis(), await callsOf('evalsha', 'hmget', 'hgetall', 'get')];

      const answer = await send(name);

      assert.is(answer.status, status, JSON.stringify(answer.body));
      assert.is(await callsOf('evalsha', 'hmget', 'hgetall', 'get'), calls);
      assert.is(await keysInRedis(), keys);
    });
  }
}

for (const description of ['d'.repeat(4_097), '€'.repeat(1_366)]) {
  test(`a description of ${description.length} characters and 4,097 bytes or more is refused`, async () => {
    const answer = await client.create(ann, 'ann', { name: 'large', amount: 1, stock: 1, description });

    assert.is(answer.status, 400);
    assert.is(answer.body?.errMsg, 'Coupon description too long.');
  });
}

test('a description of 4,096 bytes is accepted', async () => {
  const answer = await client.create(ann, 'ann', { name: 'full', amount: 1, stock: 1, description: 'd'.repeat(4_096) });

  assert.is(answer.status, 201);
});

test.after(async () => {
  await server.close();
  await close();
});
test.run();
