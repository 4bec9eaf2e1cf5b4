import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { apiTypes, apiTypesFile } from '../../client/apiTypes.ts';
import { createClient, type SeckillClient } from '../../client/client.ts';
import { openTestServer } from '../support/testServer.ts';

const { url, close } = await openTestServer();
const test = suite('a sale by the typed client');
const password = 'secret';
const spring = { seller: 'ann', name: '优惠 券%3' };

/** A client of its own for a user, who is registered and logged in. */
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

/** What became of a grab: the status and `Grab-Outcome`. */
async function grab(client: SeckillClient, idempotencyKey?: string, coupon = spring) {
  const header = idempotencyKey === undefined ? {} : { 'Idempotency-Key': idempotencyKey };
  const { response } = await client.PATCH('/api/users/{seller}/coupons/{name}', { params: { path: coupon, header } });
  return [response.status, response.headers.get('Grab-Outcome')];
}

const ann = await enter('ann', 'seller');
const bob = await enter('bob', 'customer');
const eve = await enter('eve', 'customer');
const kim = await enter('kim', 'customer');

test('a seller puts up a coupon, once', async () => {
  const body = { name: spring.name, amount: 2, stock: '5', description: '5 off' };
  const options = { params: { path: { username: 'ann' } }, body };
  const created = await ann.POST('/api/users/{username}/coupons', options);
  assert.equal([created.response.status, created.data], [201, { errMsg: '' }]);
  const again = await ann.POST('/api/users/{username}/coupons', options);
  assert.equal(
    [again.response.status, again.error],
    [400, { errMsg: 'Create failed. Maybe (username,coupon name) duplicates' }],
  );
});

test('customers grab the pieces; an idempotency key repeats its answer and belongs to its coupon', async () => {
  assert.equal(await grab(bob, 'bob-1'), [201, 'grabbed']);
  assert.equal(await grab(bob, 'bob-1'), [201, 'grabbed']);
  assert.equal(await grab(bob), [204, 'already-grabbed']);
  assert.equal(await grab(bob, 'bob-1', { seller: 'ann', name: 'autumn' }), [422, null]);
  assert.equal(await grab(eve), [201, 'grabbed']);
  assert.equal(await grab(kim), [204, 'sold-out']);
  assert.equal(await grab(kim, undefined, { seller: 'ann', name: 'autumn' }), [204, 'no-such-coupon']);
  assert.equal(await grab(ann), [401, null]);
});

test('customers see what they have, everybody sees what is left', async () => {
  const { name } = spring;
  assert.equal((await list(bob, 'bob')).data, { errMsg: '', data: [{ name, stock: 5, description: '5 off' }] });
  const offered = { name, stock: 5, description: '5 off', amount: 2, left: 0 };
  assert.equal((await list(kim, 'ann')).data, { errMsg: '', data: [offered] });
  const empty = await list(kim, 'kim', 1);
  assert.equal([empty.response.status, empty.data], [204, undefined]);
  assert.equal((await list(kim, 'bob')).error, { data: [], errMsg: 'Cannot check other customer.' });
});

test('who has logged out is not let in', async () => {
  const loggedOut = await bob.POST('/api/auth/logout');
  assert.equal([loggedOut.response.status, loggedOut.data], [200, { errMsg: 'log out.' }]);
  const refused = await list(bob, 'bob');
  assert.equal([refused.response.status, refused.error], [401, { errMsg: 'Not Authorized.' }]);
});

test('the types of the client are those of the document (npm run client)', async () => {
  assert.fixture(readFileSync(apiTypesFile, 'utf8'), await apiTypes());
});

test.after(close);
test.run();
