import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { apiTypes, apiTypesFile } from '../../client/apiTypes.ts';
import { createClient, type SeckillClient } from '../../client/client.ts';
import { openTestServer } from '../support/testServer.ts';

const { url, close } = await openTestServer();
const test = suite('a sale through the typed client');
const password = 'secret';
const spring = { seller: 'ann', name: '优惠 券%3' };

/** Registers a user, logs the user in, and returns the client that has the user's token. */
async function enter(username: string, kind: 'customer' | 'seller'): Promise<SeckillClient> {
  const client = createClient(url);
  const registered = await client.POST('/api/users', { body: { username, password, kind } });
  assert.equal([registered.response.status, registered.data], [201, { errMsg: '' }]);
  const loggedIn = await client.POST('/api/auth', { body: { username, password } });
  assert.equal([loggedIn.response.status, loggedIn.data], [200, { kind, errMsg: '' }]);
  return client;
}

const list = (client: SeckillClient, username: string, page?: number) =>
  client.GET('/api/users/{username}/coupons', {
    params: { path: { username }, query: page === undefined ? {} : { page } },
  });

/** The status and the header `Grab-Outcome` of a grab. */
async function grab(client: SeckillClient, idempotencyKey?: string, coupon = spring) {
  const header = idempotencyKey === undefined ? {} : { 'Idempotency-Key': idempotencyKey };
  const { response } = await client.PATCH('/api/users/{seller}/coupons/{name}', { params: { path: coupon, header } });
  return [response.status, response.headers.get('Grab-Outcome')];
}

/** The first answer that fulfils the condition. */
async function eventually<T>(ask: () => Promise<T>, holds: (answer: T) => boolean): Promise<T> {
  const limit = Date.now() + 30_000;
  for (;;) {
    const answer = await ask();
    if (holds(answer) || Date.now() > limit) return answer;
    await sleep(10);
  }
}

/** The coupon when it is sold out. */
const offered = {
  name: spring.name,
  stock: 5,
  description: '5 off',
  amount: 2,
  left: 0,
  status: 'sold-out',
  perCustomer: 1,
} as const;
const ann = await enter('ann', 'seller');
const bob = await enter('bob', 'customer');
const eve = await enter('eve', 'customer');
const kim = await enter('kim', 'customer');

test('a seller creates a coupon, and the same creation again is refused', async () => {
  const body = { name: spring.name, amount: 2, stock: '5', description: '5 off' };
  const options = { params: { path: { username: 'ann' } }, body };

  const created = await ann.POST('/api/users/{username}/coupons', options);
  const again = await ann.POST('/api/users/{username}/coupons', options);

  assert.equal([created.response.status, created.data], [201, { errMsg: '' }]);
  assert.equal(
    [again.response.status, again.error],
    [400, { errMsg: 'Create failed. Maybe (username,coupon name) duplicates' }],
  );
});

test('a seller creates several coupons at once, and a refusal has the place of the first error', async () => {
  const sue = await enter('sue', 'seller');
  const create = (names: string[]) =>
    sue.POST('/api/users/{username}/coupons', {
      params: { path: { username: 'sue' }, header: { 'Idempotency-Key': names.join() } },
      body: names.map((name) => ({ name, amount: 2, stock: 5 })),
    });

  const created = await create(['tea', 'cake']);
  const refused = await create(['milk', 'cake']);

  assert.equal([created.response.status, created.data], [201, { errMsg: '' }]);
  assert.equal(
    [refused.response.status, refused.error],
    [400, { errMsg: 'Create failed. Maybe (username,coupon name) duplicates', place: 1 }],
  );
});

test('customers grab the pieces; a repeated idempotency key gets its first answer, and a 422 for another coupon', async () => {
  assert.equal(await grab(bob, 'bob-1'), [201, 'grabbed']);
  assert.equal(await grab(bob, 'bob-1'), [201, 'grabbed']);
  assert.equal(await grab(bob), [204, 'already-grabbed']);
  assert.equal(await grab(bob, 'bob-1', { seller: 'ann', name: 'autumn' }), [422, null]);
  assert.equal(await grab(eve), [201, 'grabbed']);
  assert.equal(await grab(kim), [204, 'sold-out']);
  assert.equal(await grab(kim, undefined, { seller: 'ann', name: 'autumn' }), [204, 'no-such-coupon']);
  assert.equal(await grab(ann), [401, null]);
});

test('customers list their own coupons, and every user lists the coupons of a seller with the pieces left', async () => {
  const { name } = spring;
  const own = (await list(bob, 'bob')).data;
  const [first] = own?.data ?? [];
  const { grabbedAt = '', code = '' } = first && 'grabbedAt' in first ? first : {};
  assert.match(code, /^\w{4}-\w{4}-\w{4}$/);
  assert.equal(own, { errMsg: '', data: [{ name, stock: 5, description: '5 off', seller: 'ann', grabbedAt, code }] });
  assert.equal((await list(kim, 'ann')).data, { errMsg: '', data: [offered] });
  const empty = await list(kim, 'kim', 1);
  assert.equal([empty.response.status, empty.data], [204, undefined]);
  assert.equal((await list(kim, 'bob')).error, { data: [], errMsg: 'Cannot check other customer.' });
});

test('a seller reads one coupon with its counts, its holders, its history, and searches the coupons', async () => {
  const path = { params: { path: spring } };

  const one = await ann.GET('/api/users/{seller}/coupons/{name}', path);
  // The last event reaches MySQL after its answer.
  const holders = await eventually(
    () => ann.GET('/api/users/{seller}/coupons/{name}/holders', path),
    ({ data }) => data?.behind === 0,
  );
  const history = await ann.GET('/api/users/{seller}/coupons/{name}/history', path);
  const query = { status: 'sold-out', q: '优', sort: 'name' } as const;
  const found = await ann.GET('/api/users/{username}/coupons', { params: { path: { username: 'ann' }, query } });

  assert.equal(one.data?.data, { ...offered, grabbed: 2, released: 0, redeemed: 0 });
  assert.equal(
    holders.data?.data.map(({ version, customer }) => [version, customer]),
    [
      [2, 'bob'],
      [3, 'eve'],
    ],
  );
  assert.equal(
    history.data?.data.map(({ type }) => type),
    ['CouponCreated', 'CouponGrabbed', 'CouponGrabbed'],
  );
  assert.equal(found.data, { errMsg: '', data: [offered] });
});

test('a client that is given a token sends it without a log-in', async () => {
  const loggedIn = await createClient(url).POST('/api/auth', { body: { username: 'kim', password } });
  const token = loggedIn.response.headers.get('Authorization') ?? '';

  const { response } = await list(createClient(url, { token }), 'kim');

  assert.is(response.status, 204);
});

test('after the log-out, requests with the token get 401', async () => {
  const loggedOut = await bob.POST('/api/auth/logout');
  const refused = await list(bob, 'bob');

  assert.equal([loggedOut.response.status, loggedOut.data], [200, { errMsg: 'log out.' }]);
  assert.equal([refused.response.status, refused.error], [401, { errMsg: 'Not Authorized.' }]);
});

test("the client's types are up to date with the OpenAPI document (npm run client)", async () => {
  assert.fixture(readFileSync(apiTypesFile, 'utf8'), await apiTypes());
});

test.after(close);
test.run();
