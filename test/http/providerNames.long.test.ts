import { rejects } from 'node:assert/strict';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createApp } from '../../src/http/app.ts';
import { keyName, keys } from '../../src/infra/keys.ts';
import { connectOnce } from '../../src/infra/stores/mysql.ts';
import { liveSnapshotSchema } from '../../src/live/figures.ts';
import { projections } from '../../src/projections/registry.ts';
import type { Difference } from '../../src/projections/replay/compareTables.ts';
import { openReplaySession } from '../../src/projections/replay/replaySession.ts';
import { replayAndCompare, replayAndSwap } from '../../src/projections/replay/replayTables.ts';
import { verifyAll, verifyOne } from '../../src/projections/verify/verifyStores.ts';
import { createClient } from '../support/httpClient.ts';
import { AUDIENCE, openIdentityProvider } from '../support/identityProvider.ts';
import { listen } from '../support/listen.ts';
import { gateOpens } from '../support/outages.ts';
import { assertSameAs, snapshotOf } from '../support/redisSnapshot.ts';
import { serveApp } from '../support/serveApp.ts';
import { loggedEvents, openTestSystem, settled } from '../support/testSystem.ts';

// A subject of an identity provider may have any character. Each of these names is a seller and a customer in every route and every store.

const provider = await openIdentityProvider();
const { system, config, close } = await openTestSystem({
  AUTH_ISSUER: provider.issuer,
  AUTH_AUDIENCE: AUDIENCE,
  AUTH_KIND_CLAIM: 'kind',
  LOCAL_ACCOUNTS: '0',
});
const server = await serveApp(createApp(system, config).callback());
const client = createClient(server.url);
const { redis, mysql } = system;
/** Closed at the end, so that a failed test ends too. */
const closers: (() => Promise<void> | void)[] = [];
const test = suite('names from an identity provider');

const names = [
  'auth0|5f7c8ec7c33c6c004bbafe82',
  'bob@shop.example',
  'https://idp.example/users/7?x=1#y',
  'CN=Bob Smith, O="Shop", C=DE',
  'a:b',
  'a/b',
  'a%2Fb',
  'a%2fb',
  '%',
  '{0}',
  '{}',
  '*',
  '[a-z]?',
  '\\',
  '~',
  '"quoted"',
  "' OR '1'='1",
  '<b>&amp;</b>',
  '=1+1',
  ' between spaces ',
  'new\nline\r\n\ttab',
  '\u0000',
  '\u001b[31m',
  '\u2028',
  '\ufeff',
  'bob',
  'Bob',
  'b\u00f3b',
  'bo\u0301b',
  '\ufb01',
  'fi',
  '\u7528\u6237',
  '\u{1f600}',
  '__proto__',
  'constructor',
  'seller/name/customer',
  'x'.repeat(255),
  '\u{1f600}'.repeat(255),
];
const tokenOf = (sub: string, kind: 'seller' | 'customer') => provider.issue({ sub, claims: { kind } });
const path = encodeURIComponent;
const dataOf = (body: Record<string, unknown> | undefined) => body?.data as Record<string, unknown>[];
const fieldsOf = (body: Record<string, unknown> | undefined) => body?.data as Record<string, unknown>;
const shown = (name: string) => JSON.stringify(name.length > 40 ? `${name.slice(0, 20)}... (${name.length})` : name);

for (const [place, seller] of names.entries()) {
  // The customer of a coupon has another odd name than its seller.
  const customer = names[(place + 1) % names.length] ?? '';
  test(`${shown(seller)} sells, and ${shown(customer)} buys, redeems and gives back`, async () => {
    const [sellers, customers] = [await tokenOf(seller, 'seller'), await tokenOf(customer, 'customer')];
    const coupon = `/api/users/${path(seller)}/coupons/sea`;
    const send = client.send;

    // From the first request of the seller on, the seller has a page, and creates a coupon.
    assert.is((await client.list(sellers, seller)).status, 204);
    assert.is((await client.list(customers, seller)).status, 204);
    assert.is(
      (await client.create(sellers, seller, { name: 'sea', amount: 3, stock: 1, description: '', perCustomer: 2 }))
        .status,
      201,
    );
    const change = await send('POST', `${coupon}/restock`, { token: sellers, json: { amount: 1 }, key: 'more pieces' });
    assert.is(change.status, 200, JSON.stringify(change.body));

    // The customer grabs two pieces, one of them with an idempotency key.
    const won = await client.grab(customers, seller, 'sea', 'my key');
    assert.is(won.status, 201);
    assert.equal((await client.grab(customers, seller, 'sea', 'my key')).body, won.body);
    const code = (await client.grab(customers, seller, 'sea')).body?.code;
    assert.is((await client.grab(customers, seller, 'sea')).headers.get('grab-outcome'), 'already-grabbed');

    // Each list has them.
    assert.equal(
      dataOf((await client.list(customers, customer)).body).filter((one) => one.seller === seller).length,
      2,
    );
    assert.is(dataOf((await client.list(customers, seller)).body)[0]?.left, 2);
    assert.is(fieldsOf((await send('GET', coupon, { token: customers })).body).left, 2);
    await settled(system);
    const holders = await send('GET', `${coupon}/holders?q=${path(customer)}`, { token: sellers });
    assert.equal(
      dataOf(holders.body).map((holder) => holder.customer),
      [customer, customer],
    );
    const history = await send('GET', `${coupon}/history`, { token: sellers });
    assert.is(dataOf(history.body).length, 4);
    assert.is(dataOf((await client.list(sellers, seller, '?status=on-sale')).body)[0]?.name, 'sea');
    const stream = await listen(server.url, customers, seller);
    await stream.waitFor((_, event) => event === 'snapshot');
    stream.stop();
    assert.is(liveSnapshotSchema.parse(stream.events[0]?.data).coupons[0]?.name, 'sea');

    // One code is redeemed at the till, redeemed by mistake and good again; the other piece is given back, and its key gets its code again.
    const redemptions = `/api/users/${path(seller)}/redemptions`;
    const redeemed = await send('POST', redemptions, { token: sellers, json: { code }, key: 'till' });
    assert.is(fieldsOf(redeemed.body).customer, customer);
    assert.is((await send('DELETE', `${redemptions}/${code}`, { token: sellers })).status, 200);
    assert.is((await send('POST', redemptions, { token: sellers, json: { code } })).status, 200);
    const held = `/api/users/${path(customer)}/coupons/${path(seller)}/sea?code=${won.body?.code}`;
    assert.is((await send('DELETE', held, { token: customers, key: 'give back' })).status, 200);
    assert.is((await send('DELETE', held, { token: customers, key: 'give back' })).status, 200);
    assert.equal((await client.grab(customers, seller, 'sea', 'my key')).body, won.body);

    // The log has the names as they are.
    await settled(system);
    const events = await loggedEvents(system, seller, 'sea');
    assert.equal(new Set(events.map((event) => event.coupon.seller)), new Set([seller]));
    assert.equal(
      new Set(events.flatMap(({ data }) => ('customer' in data ? [data.customer] : []))),
      new Set([customer]),
    );
  });
}

test('names that differ only by case, normalization or encoding are different users', async () => {
  for (const [one, other] of [
    ['bob', 'Bob'],
    ['b\u00f3b', 'bo\u0301b'],
    ['\ufb01', 'fi'],
    ['a/b', 'a%2Fb'],
    ['a%2Fb', 'a%2fb'],
  ] as const) {
    assert.is((await client.list(await tokenOf(one, 'customer'), other)).status, 200, 'the page of a seller');
    const asCustomer = await client.send('DELETE', `/api/users/${path(other)}/coupons/x/y`, {
      token: await tokenOf(one, 'customer'),
    });
    assert.is(asCustomer.status, 401);
    assert.is(
      (await client.create(await tokenOf(one, 'seller'), other, { name: 'n', amount: 1, stock: 1 })).status,
      401,
    );
  }
});

test('an idempotency key with spaces never meets that of a customer whose name has spaces', async () => {
  await client.create(await tokenOf('ann', 'seller'), 'ann', { name: 'keys', amount: 9, stock: 1 });
  const [short, long] = [await tokenOf('a', 'customer'), await tokenOf('a b', 'customer')];
  const first = await client.grab(short, 'ann', 'keys', 'b c');
  await client.send('DELETE', '/api/users/a/coupons/ann/keys', { token: short });

  const other = await client.grab(long, 'ann', 'keys', 'c');

  assert.equal([first.status, other.status], [201, 201]);
  assert.is.not(first.body?.code, other.body?.code);
});

test('after FLUSHALL, Redis is rebuilt as it was, and each seller still has a page', async () => {
  await settled(system);
  const before = await snapshotOf(redis);
  await redis.flushall();
  await redis.del(keys.marker);
  await rejects(() => system.fence.mustStand());
  await gateOpens(system);

  await assertSameAs(redis, before);
  const visitor = await tokenOf('a visitor', 'customer');
  for (const seller of names) assert.is((await client.list(visitor, seller)).status, 200, seller);
});

test('verify finds no mismatch, of all coupons and of one', async () => {
  await settled(system);
  const { connection, close: closeConnection } = await connectOnce(config.mysqlUrl);
  const signal = new AbortController().signal;

  const report = await verifyAll({ redis, connection, signal, onProgress: () => {} });

  assert.equal(report.mismatches, []);
  assert.ok(report.redis.coupons >= names.length);
  await closeConnection();
});

const spelled: string[] = names.flatMap((name) => [
  `${keyName(name)}/sea`,
  // As it is, unless that is how another name is printed.
  ...(name === 'a%2Fb' ? [] : [`${name}/sea`]),
]);
test('verify finds one coupon by its seller as it is printed, and as it is', async () => {
  const { connection, close: closeConnection } = await connectOnce(config.mysqlUrl);
  closers.push(closeConnection);
  for (const path of spelled) {
    const other = await verifyOne({ redis, connection }, path);

    assert.equal([other?.wrong, other?.redis.coupons], [0, 1], path);
  }
  // A name that looks like a printed one belongs to its seller, unless there is a seller who is printed like that.
  const token = await tokenOf('c%2Fd', 'seller');
  await client.create(token, 'c%2Fd', { name: 'sea', amount: 3, stock: 1, description: '' });
  await settled(system);
  for (const path of ['c%2Fd/sea', 'c%252Fd/sea'])
    assert.is((await verifyOne({ redis, connection }, path))?.redis.coupons, 1, path);
  assert.is(await verifyOne({ redis, connection }, 'c/d/sea'), undefined);
});

test('a replay finds the tables as they are, and rebuilds them with the same rows', async () => {
  const rows = () =>
    Promise.all(['coupons', 'coupon_grabs', 'sales_per_minute'].map((table) => mysql(table).orderByRaw('1, 2')));
  const before = await rows();
  const replay = { projections, signal: new AbortController().signal, onProgress: () => {} };
  const differences: Difference[] = [];

  const compared = await openReplaySession(config.mysqlUrl);
  await replayAndCompare(compared.session, replay, (difference) => differences.push(difference));
  await compared.close();
  const swapped = await openReplaySession(config.mysqlUrl);
  await replayAndSwap(swapped.session, replay);
  await swapped.close();

  assert.equal(differences, []);
  assert.equal(await rows(), before);
});

test.after(async () => {
  for (const closeOne of closers) await closeOne();
  await server.close();
  await close();
  await provider.stop();
});
test.run();
