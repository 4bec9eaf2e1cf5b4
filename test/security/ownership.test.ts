import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createApp } from '../../src/http/app.ts';
import { createTokenIssuer } from '../../src/infra/tokens.ts';
import { createClient } from '../support/httpClient.ts';
import { routesOf } from '../support/routesOf.ts';
import { serveApp } from '../support/serveApp.ts';
import { openTestSystem, settled } from '../support/testSystem.ts';

// Every route is tried by callers who do not own what the request names. The seller ann owns the coupon spring, and the customer bob
// holds a piece of it. A token of the wrong kind has the owner's name and the other kind: no user can have one, since a name has one
// kind for ever, but the routes must check both.

const tokens = { olga: 'k7Qz0vTn4sWc9yLxE2rGu8hBfJ6mPd3a', orders: 'Zr5tNq1wVb7kXe4uHs9cMy2gLp8jFd6o' };
const { system, config, close } = await openTestSystem({
  OPERATOR_TOKENS: `olga=${tokens.olga}`,
  SERVICE_TOKENS: `orders=${tokens.orders}`,
});
const server = await serveApp(createApp({ ...system, rehearsals: { ...system.rehearsals, allowed: true } }).callback());
const { send, create, enter, grab } = createClient(server.url);
const issue = createTokenIssuer(config.jwtSecret, 3_600);

const ann = await enter('ann', 'seller');
const bob = await enter('bob', 'customer');
await enter('zoe', 'seller');
await enter('eve', 'customer');
await create(ann, 'ann', { name: 'spring', amount: 9, stock: 5, description: 'of ann' });
const code = String((await grab(bob, 'ann', 'spring')).body?.code);

/** A paused webhook and a delivery to it, which reaches nothing. */
async function givenWebhook(base: string, token: string) {
  const made = await send('POST', base, { token, json: { url: 'https://shop.example/' } });
  const { id } = (made.body as { data: { id: string } }).data;
  await send('POST', `${base}/${id}/pause`, { token });
  const tested = await send('POST', `${base}/${id}/test`, { token });
  return { id, delivery: String((tested.body as { data: { id: number } }).data.id) };
}
const ofAnn = { username: 'ann', ...(await givenWebhook('/api/users/ann/webhooks', ann)) };
const ofOperator = await givenWebhook('/api/webhooks', tokens.orders);
await givenWebhook('/api/users/zoe/webhooks', issue('zoe', 'seller'));

const callers = ['no token', 'other customer', 'other seller', 'wrong kind'] as const;
type Expected = readonly [status: number, errMsg?: string];

interface Row {
  route: string;
  /** The parts of the path by their names, and the query. */
  path?: Record<string, string>;
  query?: string;
  json?: object;
  /** The operator olga and the service orders have tokens of the settings, which are for their own routes alone. */
  owner: 'ann' | 'bob' | 'olga' | 'orders';
  expected: readonly [noToken: Expected, otherCustomer: Expected, otherSeller: Expected, wrongKind: Expected];
  /** The status that the owner gets at last, which shows that the refused requests were good apart from their sender. */
  ownerGets: number;
}

const all = (expected: Expected) => [expected, expected, expected, expected] as const;
const refused: Expected = [401, 'Not Authorized.'];
const anybody = (route: string, status = 200, more: Partial<Row> = {}): Row => ({
  route,
  owner: 'ann',
  expected: all([status]),
  ownerGets: status,
  ...more,
});
const spring = { seller: 'ann', name: 'spring' };
const COUPON = '/api/users/:seller/coupons/:name';
const ofSellerOnly = (route: string, ownerGets: number, more: Partial<Row> = {}): Row => ({
  route,
  path: spring,
  owner: 'ann',
  expected: all(refused),
  ownerGets,
  ...more,
});

const ofTokenOnly = (owner: 'olga' | 'orders', route: string, ownerGets: number, more: Partial<Row> = {}): Row => ({
  route,
  owner,
  expected: all(refused),
  ownerGets,
  ...more,
});

function ofWebhooks(base: string, { path, owner }: Pick<Row, 'path' | 'owner'>): Row[] {
  const row = (route: string, ownerGets = 200, json?: object): Row => ({
    route,
    ...(path === undefined ? {} : { path }),
    owner,
    expected: all(refused),
    ownerGets,
    ...(json === undefined ? {} : { json }),
  });
  return [
    row(`GET ${base}`),
    row(`POST ${base}`, 201, { url: 'https://shop.example/more' }),
    row(`PATCH ${base}/:id`, 200, { url: 'https://shop.example/moved' }),
    ...['rotate', 'resume', 'pause', 'test'].map((action) => row(`POST ${base}/:id/${action}`)),
    row(`GET ${base}/:id/deliveries`),
    row(`POST ${base}/:id/deliveries/:delivery/resend`),
    row(`DELETE ${base}/:id`),
  ];
}

// In an order in which the owner's request can succeed.
const rows: Row[] = [
  // A registration never changes a user who exists, and a log-in needs no token.
  anybody('POST /api/users', 400, { json: { username: 'bob', password: 'another secret', kind: 'seller' } }),
  anybody('POST /api/auth', 200, { json: { username: 'bob', password: 'secret' } }),
  anybody('POST /api/auth/logout'),
  // The request names no user: the password of the sender would change, and a wrong one changes nothing.
  {
    route: 'POST /api/auth/password',
    json: { password: 'wrong', newPassword: 'another secret' },
    owner: 'bob',
    expected: [refused, [403, 'Wrong password.'], [403, 'Wrong password.'], [403, 'Wrong password.']],
    ownerGets: 403,
  },
  {
    route: 'POST /api/users/:username/coupons',
    path: { username: 'ann' },
    json: { name: 'summer', amount: 1, stock: 1 },
    owner: 'ann',
    expected: [
      refused,
      [401, 'Only sellers can create coupons.'],
      [401, 'Cannot create coupons for other users.'],
      [401, 'Only sellers can create coupons.'],
    ],
    ownerGets: 201,
  },
  {
    route: 'GET /api/users/:username/coupons',
    path: { username: 'ann' },
    owner: 'ann',
    // A customer named ann would see her own pieces, of which there are none.
    expected: [refused, [200], [200], [204]],
    ownerGets: 200,
  },
  {
    route: 'GET /api/users/:username/coupons',
    path: { username: 'bob' },
    owner: 'bob',
    // A seller named bob would see his own coupons, of which there are none.
    expected: [refused, [401, 'Cannot check other customer.'], [401, 'Cannot check other customer.'], [204]],
    ownerGets: 200,
  },
  {
    route: `PATCH ${COUPON}`,
    path: spring,
    owner: 'bob',
    expected: [
      refused,
      [201, ''],
      [401, "Sellers aren't allowed to get coupons."],
      [401, "Sellers aren't allowed to get coupons."],
    ],
    ownerGets: 204,
  },
  { route: `GET ${COUPON}`, path: spring, owner: 'ann', expected: [refused, [200], [200], [200]], ownerGets: 200 },
  ofSellerOnly(`GET ${COUPON}/holders`, 200),
  ofSellerOnly(`GET ${COUPON}/history`, 200),
  ofSellerOnly(`POST ${COUPON}/restock`, 200, { json: { amount: 1 } }),
  ofSellerOnly(`POST ${COUPON}/terms`, 200, { json: { stock: 6 } }),
  ofSellerOnly(`POST ${COUPON}/pause`, 200),
  ofSellerOnly(`POST ${COUPON}/resume`, 200),
  ofSellerOnly('POST /api/users/:seller/redemptions', 200, { json: { code } }),
  ofSellerOnly('DELETE /api/users/:seller/redemptions/:code', 200, { path: { seller: 'ann', code } }),
  {
    route: 'DELETE /api/users/:customer/coupons/:seller/:name',
    path: { customer: 'bob', ...spring },
    owner: 'bob',
    expected: all(refused),
    ownerGets: 200,
  },
  ofSellerOnly(`POST ${COUPON}/close`, 200),
  // The webhook of another owner, by the path of the own ones.
  {
    route: 'GET /api/users/:username/webhooks/:id/deliveries',
    path: { ...ofAnn, id: ofOperator.id },
    owner: 'ann',
    expected: all(refused),
    ownerGets: 404,
  },
  {
    route: 'GET /api/webhooks/:id/deliveries',
    path: { id: ofAnn.id },
    owner: 'orders',
    expected: all(refused),
    ownerGets: 404,
  },
  ...ofWebhooks('/api/users/:username/webhooks', { path: ofAnn, owner: 'ann' }),
  ...ofWebhooks('/api/webhooks', { path: ofOperator, owner: 'orders' }),
  {
    route: 'GET /api/live',
    query: '?seller=ann',
    owner: 'ann',
    expected: [refused, [200], [200], [200]],
    ownerGets: 200,
  },
  {
    route: 'POST /api/rehearsals',
    json: { coupon: 'spring', customers: 1, seconds: 0 },
    owner: 'ann',
    expected: [
      refused,
      [401, 'Only sellers can rehearse.'],
      // The name is looked up among the coupons of zoe.
      [400, 'No such coupon.'],
      [401, 'Only sellers can rehearse.'],
    ],
    ownerGets: 202,
  },
  ofTokenOnly('orders', 'GET /api/events', 200),
  ofTokenOnly('olga', 'GET /api/operator/state', 200),
  ofTokenOnly('olga', 'GET /api/operator/dead-letters', 200),
  ofTokenOnly('olga', 'GET /api/operator/damaged-coupons', 200),
  ofTokenOnly('olga', 'GET /api/operator/events', 200, { query: '?seller=ann&name=spring' }),
  ofTokenOnly('olga', 'GET /api/operator/verification', 200, { query: '?seller=ann&name=spring' }),
  ofTokenOnly('olga', 'POST /api/operator/dead-letters/:partition/:id/put-back', 404, {
    path: { partition: '0', id: '1-1' },
    json: { reason: 'a trial' },
  }),
  ofTokenOnly('olga', 'POST /api/operator/subscriptions/:name/retry', 404, {
    path: { name: 'none' },
    json: { reason: 'a trial' },
  }),
  ofTokenOnly('olga', 'POST /api/operator/subscriptions/:name/skip', 404, {
    path: { name: 'none' },
    json: { event: 'x', reason: 'a trial' },
  }),
  ...['/healthz', '/readyz', '/metrics', '/openapi.json', '/asyncapi.json', '/docs'].map((path) =>
    anybody(`GET ${path}`),
  ),
  anybody('GET /docs/:file', 200, { path: { file: 'viewer.js' } }),
];

/** A new token for each request: a log-out revokes its own. */
function tokenOf(caller: (typeof callers)[number], { owner }: Row): string | undefined {
  if (owner === 'olga' || owner === 'orders') return tokenOfScope(caller, owner);
  switch (caller) {
    case 'no token':
      return undefined;
    case 'other customer':
      return issue('eve', 'customer');
    case 'other seller':
      return issue('zoe', 'seller');
    case 'wrong kind':
      return issue(owner, owner === 'ann' ? 'customer' : 'seller');
  }
}

/** A user may have the name of an operator. The other scope has a good token, too. */
function tokenOfScope(caller: (typeof callers)[number], owner: 'olga' | 'orders'): string | undefined {
  switch (caller) {
    case 'no token':
      return undefined;
    case 'other customer':
      return issue(owner, 'customer');
    case 'other seller':
      return issue(owner, 'seller');
    case 'wrong kind':
      return owner === 'olga' ? tokens.orders : tokens.olga;
  }
}

async function tryRow({ route, path = {}, query = '', json }: Row, token: string | undefined, respell = plain) {
  const [method = '', template = ''] = route.split(' ');
  const url = `${server.url}${respell(template.replace(/:(\w+)/g, (_, name) => encodeURIComponent(path[name] ?? '')))}${query}`;
  const headers = {
    ...(token === undefined ? {} : { authorization: token }),
    ...(json === undefined ? {} : { 'content-type': 'application/json' }),
  };
  const leave = new AbortController();
  const body = json === undefined ? {} : { body: JSON.stringify(json) };
  const response = await fetch(url, { method, headers, signal: leave.signal, ...body });
  const isJson = response.headers.get('content-type')?.startsWith('application/json');
  const answer = isJson && method !== 'HEAD' ? ((await response.json()) as Record<string, unknown>) : undefined;
  // The live stream does not end by itself.
  leave.abort();
  return { status: response.status, answer };
}
const plain = (path: string) => path;

/** All that a caller could change: the log, which has every event, the users and the webhooks. */
async function state() {
  await settled(system);
  const events = await system.mysql('event_log').select('coupon_id', 'version').orderBy(['coupon_id', 'version']);
  const users = await system.mysql('users').orderBy('username');
  const webhooks = await system.mysql('webhooks').select('id', 'url', 'secret', 'state').orderBy('id');
  return JSON.stringify({ events, users, webhooks });
}

const test = suite('attack: a request about what belongs to another user');

test('every route of the server has a row', () => {
  assert.equal([...new Set(rows.map(({ route }) => route))].sort(), routesOf(system).sort());
});

for (const row of rows) {
  const named = `${row.route} of ${row.owner}`;
  for (const [place, caller] of callers.entries()) {
    const [status, errMsg] = row.expected[place] ?? [0];
    test(`${named}, ${caller}: ${status} ${errMsg ?? ''}`, async () => {
      const before = await state();
      const { status: got, answer } = await tryRow(row, tokenOf(caller, row));
      assert.is(got, status, JSON.stringify(answer));
      if (errMsg !== undefined) assert.is(answer?.errMsg, errMsg);
      if (status >= 400) assert.is(await state(), before);
    });
    if (status === 401)
      test(`${named}, ${caller}: no other spelling of the path and no HEAD gets further`, async () => {
        const before = await state();
        const spellings = [
          (path: string) => `${path}/`,
          (path: string) => path.replace('/users/ann', '/users/%61nn').replace('/users/bob', '/users/%62ob'),
          (path: string) => path.replace(/^\/api\/\w+/, (fixed) => fixed.toUpperCase()),
          (path: string) => `/${path}`,
        ];
        for (const respell of spellings) {
          const { status: got } = await tryRow(row, tokenOf(caller, row), respell);
          assert.ok(got === 401 || got === 404, `${respell(row.route)}: ${got}`);
        }
        if (row.route.startsWith('GET '))
          assert.is(
            (await tryRow({ ...row, route: row.route.replace('GET', 'HEAD') }, tokenOf(caller, row))).status,
            401,
          );
        assert.is(await state(), before);
      });
  }
  test(`${named}: the owner gets ${row.ownerGets}`, async () => {
    const { owner } = row;
    const isUser = owner === 'ann' || owner === 'bob';
    const token = isUser ? issue(owner, owner === 'ann' ? 'seller' : 'customer') : tokens[owner];
    const { status, answer } = await tryRow(row, token);
    assert.is(status, row.ownerGets, JSON.stringify(answer));
  });
}

test('only the owner of a coupon sees how many of its pieces were grabbed, released and redeemed', async () => {
  const path = '/api/users/ann/coupons/spring';
  const counts = ['grabbed', 'released', 'redeemed'];
  const seenBy = async (token: string) => {
    const { body } = await send('GET', path, { token });
    return counts.filter((count) => Object.hasOwn(Object(body?.data), count));
  };
  assert.equal(await seenBy(ann), counts);
  for (const token of [issue('eve', 'customer'), issue('zoe', 'seller'), issue('ann', 'customer')])
    assert.equal(await seenBy(token), []);
});

test('a log-out with the token of one user leaves the tokens of others valid', async () => {
  await send('POST', '/api/auth/logout', { token: issue('eve', 'customer') });
  assert.is((await send('GET', '/api/users/ann/coupons', { token: bob })).status, 200);
});

test.after(async () => {
  await server.close();
  await close();
});
test.run();
