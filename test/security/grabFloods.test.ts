import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createApp } from '../../src/http/app.ts';
import { allPartitions, keys } from '../../src/infra/keys.ts';
import { createRequestLimits } from '../../src/infra/limits/requestLimits.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { openSystem } from '../../src/system.ts';
import { type Client, createClient } from '../support/httpClient.ts';
import { serveApp } from '../support/serveApp.ts';
import { givenCoupon, openTestSystem, settled } from '../support/testSystem.ts';

const { system, config, close } = await openTestSystem({
  IDEMPOTENCY_KEYS_PER_CUSTOMER: '30',
  IDEMPOTENCY_KEYS_PER_SELLER: '40',
});
const server = await serveApp(createApp(system).callback());
const client = createClient(server.url);
const closers: (() => Promise<void>)[] = [];
const test = suite('floods of grabs');

const ann = await client.enter('ann', 'seller');
const bob = await client.enter('bob', 'customer');
await givenCoupon(system, 'ann', 'spring', 1_000_000);
await settled(system);

/** The keys in Redis that belong to grabs, coupons and idempotency keys. */
const keysInRedis = async () => (await system.redis.keys('seckill:*')).length;
const monitor = await system.redis.monitor();
closers.push(async () => monitor.disconnect());
const monitored: string[][] = [];
monitor.on('monitor', (_time: string, call: string[]) => monitored.push(call));
const watched = new Set([keys.marker, ...allPartitions.map(keys.fence)]);
/** Resolves with the place of this moment among the monitored calls. */
async function moment(): Promise<number> {
  const mark = randomUUID();
  await system.redis.echo(mark);
  const place = () => monitored.findIndex(([, argument]) => argument === mark);
  while (place() === -1) await once(monitor, 'monitor');
  return place();
}
/**
 * The script calls, reads and writes that Redis has executed since a moment. Background work calls other commands, except that the
 * fences and the marker are read each second.
 */
async function callsSince(from: number): Promise<string[][]> {
  const counted = ['evalsha', 'get', 'set', 'hmget', 'hgetall'];
  const calls = monitored.slice(from, await moment());
  return calls.filter(([name = '', key = '']) => counted.includes(name.toLowerCase()) && !watched.has(key));
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
      const keys = await keysInRedis();
      const from = await moment();

      const answer = await send(name);

      assert.is(answer.status, status, JSON.stringify(answer.body));
      assert.equal(await callsSince(from), []);
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

test('of 200 new idempotency keys of one customer, those within the limit are kept, and the rest get 429 and leave nothing', async () => {
  const eve = system.tokens.issue('eve', 'customer');
  const claims = async () => (await system.redis.keys('seckill:idempotency:{eve}:*')).length;
  const grab = (key: string) => client.grab(eve, 'ann', 'not-there', key);

  const answers = await Promise.all(Array.from({ length: 200 }, (_, place) => grab(`fresh-${place}`)));

  const refused = answers.filter(({ status }) => status === 429);
  assert.is(refused.length, 170);
  assert.is(await claims(), 30);
  assert.is(refused[0]?.body?.errMsg, 'Too many new idempotency keys. Try again later.');
  assert.is(refused[0]?.headers.get('retry-after'), '3600');
});

test('a customer without new keys left gets the same answers for the used keys, and grabs without a key', async () => {
  const joe = system.tokens.issue('joe', 'customer');
  const first = await client.grab(joe, 'ann', 'spring', 'used');
  for (let place = 0; place < 30; place++) await client.grab(joe, 'ann', 'not-there', `fresh-${place}`);
  assert.is((await client.grab(joe, 'ann', 'spring', 'another')).status, 429);

  const again = await client.grab(joe, 'ann', 'spring', 'used');

  assert.is(first.status, 201);
  assert.equal([again.status, again.body], [first.status, first.body]);
  assert.is((await client.grab(joe, 'ann', 'spring')).status, 204);
});

const HOUR = 3_600;
/** Given that so many seconds have gone by for the claims and the counts of a user. */
async function timePasses(user: string, seconds: number): Promise<void> {
  const ofUser = await system.redis.keys(`seckill:idempotency*:{${user}}*`);
  for (const key of ofUser) await system.redis.expire(key, (await system.redis.ttl(key)) - seconds);
}
const claimsOf = (user: string) => system.redis.keys(`seckill:idempotency:{${user}}:*`);
const hoursLeft = async (user: string, key: string) =>
  (await system.redis.ttl(keys.idempotencyClaim(user, key))) / HOUR;

test('a customer without new keys left renews a used key by using it', async () => {
  const kim = system.tokens.issue('kim', 'customer');
  await client.grab(kim, 'ann', 'not-there', 'used');
  for (let place = 0; place < 29; place++) await client.grab(kim, 'ann', 'not-there', `fresh-${place}`);
  assert.is((await client.grab(kim, 'ann', 'not-there', 'another')).status, 429);
  await timePasses('kim', 20 * HOUR);
  assert.ok((await hoursLeft('kim', 'used')) < 6);

  await client.grab(kim, 'ann', 'not-there', 'used');

  assert.ok((await hoursLeft('kim', 'used')) > 24);
  assert.is((await client.grab(kim, 'ann', 'not-there', 'another')).status, 429);
});

test('a customer who renews all keys for ever never has more than twice the limit', async () => {
  const max = system.tokens.issue('max', 'customer');
  const counts: number[] = [];
  for (let window = 0; window < 6; window++) {
    // The new keys come first, when the renewals of this window are not counted yet.
    for (let place = 0; place < 40; place++) await client.grab(max, 'ann', 'not-there', `window-${window}-${place}`);
    // A window is a minute longer than a claim lasts, and renewals are a minute closer, so that no claim ends.
    const renewedAfter = 20 * HOUR - window * 120;
    await timePasses('max', renewedAfter);
    for (const claim of await claimsOf('max'))
      await client.grab(max, 'ann', 'not-there', claim.slice('seckill:idempotency:{max}:'.length));
    await timePasses('max', 25 * HOUR + 60 - renewedAfter);
    counts.push((await claimsOf('max')).length);
  }

  assert.ok(Math.max(...counts) <= 60, String(counts));
  assert.is((await claimsOf('max')).filter((claim) => claim.includes(':window-0-')).length, 30);
});

test('a customer who uses all new keys of one window has as many in the next', async () => {
  const liz = system.tokens.issue('liz', 'customer');
  const accepted = async (window: number) => {
    let count = 0;
    for (let place = 0; place < 40; place++)
      if ((await client.grab(liz, 'ann', 'not-there', `window-${window}-${place}`)).status !== 429) count++;
    return count;
  };
  const first = await accepted(1);
  await timePasses('liz', 26 * HOUR);

  assert.equal([first, await accepted(2)], [30, 30]);
});

test('a seller has an own number of new keys', async () => {
  const create = (place: number) =>
    client.send('POST', '/api/users/ann/coupons', {
      token: ann,
      key: `creation-${place}`,
      json: { name: `keyed-${place}`, amount: 1, stock: 1 },
    });
  const before = (await claimsOf('ann')).length;

  const statuses = (await times(60, create)).map(({ status }) => status);

  assert.is(statuses.filter((status) => status === 201).length, 40 - before);
  assert.is(statuses.filter((status) => status === 429).length, 20 + before);
  assert.is((await claimsOf('ann')).length, 40);
});

test('two server processes share the number of new keys of a customer', async () => {
  const other = await openSystem(config, createLog('silent'));
  const second = await serveApp(createApp(other.system).callback());
  closers.push(second.close, async () => other.close());
  const clients = [client, createClient(second.url)];
  const tom = system.tokens.issue('tom', 'customer');

  const answers = await times(80, (place) =>
    (clients[place % 2] ?? client).grab(tom, 'ann', 'not-there', `fresh-${place}`),
  );

  assert.is(answers.filter(({ status }) => status === 429).length, 50);
  assert.is((await claimsOf('tom')).length, 30);
});

/** A server whose users and addresses have so many requests in a window that does not end during the test. */
async function serveLimited(perUser: number, perAddress: number) {
  const requestLimits = createRequestLimits({ perUser, perAddress, windowMs: 3_600_000 });
  const limited = await serveApp(createApp({ ...system, requestLimits }).callback());
  closers.push(limited.close);
  return createClient(limited.url);
}
const times = <T>(count: number, send: (place: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, place) => send(place)));

for (const [description, perUser, perAddress, errMsg] of [
  ['customer', 50, 0, 'Too many requests of this user. Try again later.'],
  ['address', 0, 50, 'Too many requests from this address. Try again later.'],
] as const) {
  test(`a ${description} that hammers one coupon gets 429 over the limit, and Redis gets no call for it`, async () => {
    const limited = await serveLimited(perUser, perAddress);
    await times(50, () => limited.grab(bob, 'ann', 'spring'));
    await settled(system);
    const from = await moment();

    const answers = await times(200, (place) => limited.grab(bob, 'ann', 'spring', `hammer-${place}`));

    assert.equal([...new Set(answers.map(({ status }) => status))], [429]);
    assert.equal(await callsSince(from), []);
    const [first] = answers;
    assert.is(first?.body?.errMsg, errMsg);
    assert.match(first?.headers.get('retry-after') ?? '', /^[1-9]\d*$/);
    assert.is(first?.headers.get('cache-control'), 'no-store');
  });
}

test('while one customer hammers over the limit, each grab of the other customers is decided', async () => {
  const limited = await serveLimited(50, 0);
  const tokens = Array.from({ length: 40 }, (_, place) => system.tokens.issue(`crowd-${place}`, 'customer'));

  const [hammered, others] = await Promise.all([
    times(400, () => limited.grab(bob, 'ann', 'spring')),
    times(40, (place) => limited.grab(tokens[place] ?? '', 'ann', 'spring')),
  ]);

  assert.is(hammered.filter(({ status }) => status === 429).length, 350);
  assert.equal([...new Set(others.map(({ status }) => status))], [201]);
});

test('the metrics count the requests over each limit', async () => {
  const limited = await serveLimited(1, 0);
  const counted = async () =>
    Number(/seckill_limited_requests_total\{limit="too-many-requests"\} (\d+)/.exec(await system.metrics.text())?.[1]);
  const before = await counted();

  await times(3, () => limited.grab(bob, 'ann', 'spring'));

  assert.is(await counted(), before + 2);
});

test('a health check is not counted for its address', async () => {
  const limited = await serveLimited(0, 1);

  const answers = await times(5, () => limited.send('GET', '/healthz'));

  assert.equal([...new Set(answers.map(({ status }) => status))], [200]);
});

test.after(async () => {
  for (const closeLimited of closers) await closeLimited();
  await server.close();
  await close();
});
test.run();
