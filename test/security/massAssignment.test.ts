import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createApp } from '../../src/http/app.ts';
import { createDocument } from '../../src/http/openapi/document.ts';
import { keys } from '../../src/infra/keys.ts';
import { withoutCode } from '../support/givenWhenThen.ts';
import { createClient } from '../support/httpClient.ts';
import { routesOf } from '../support/routesOf.ts';
import { serveApp } from '../support/serveApp.ts';
import { loggedEvents, openTestSystem, settled } from '../support/testSystem.ts';

// Two coupons have the same life. Every request of the second life carries fields that a careless server would assign. Then both
// coupons must be the same in the log, in Redis and in MySQL.

const tokens = { olga: 'k7Qz0vTn4sWc9yLxE2rGu8hBfJ6mPd3a', orders: 'Zr5tNq1wVb7kXe4uHs9cMy2gLp8jFd6o' };
const { system, close } = await openTestSystem({
  OPERATOR_TOKENS: `olga=${tokens.olga}`,
  SERVICE_TOKENS: `orders=${tokens.orders}`,
});
const server = await serveApp(createApp({ ...system, rehearsals: { ...system.rehearsals, allowed: true } }).callback());
const client = createClient(server.url);

const HOSTILE = {
  left: 999_999,
  version: 77,
  role: 'admin',
  isAdmin: true,
  kind: 'seller',
  id: '00000000-0000-7000-8000-000000000000',
  seller: 'zoe',
  username: 'zoe',
  sub: 'zoe',
  customer: 'eve',
  name: 'other',
  amount: 1_000_000,
  stock: 0,
  perCustomer: 1_000,
  startsAt: 1,
  endsAt: 2,
  validUntil: 2,
  phase: 'closed',
  paused: true,
  released: 5,
  redeemed: 9,
  code: '000000000000',
  idempotencyKey: 'k',
  occurredAt: 1,
  password: 'another secret',
  $where: '1',
  'a.b': 1,
};
/** As text, because JSON.stringify writes no `__proto__`. */
const PROTOTYPES = [
  '"__proto__":{"polluted":true,"amount":7,"left":7,"kind":"seller","code":"000000000000"}',
  '"constructor":{"prototype":{"polluted":true}}',
  '"prototype":{"polluted":true}',
  '"toString":"x"',
  '"hasOwnProperty":1',
  '"then":1',
].join(',');

const document = createDocument();
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, { requestBody }]) => ({
    route: `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`,
    fields: fieldsOf(requestBody),
  })),
);

/** The fields that the document gives to a request body, in lower case as the server compares them. */
function fieldsOf(requestBody: object | undefined): string[] {
  const names = JSON.stringify(requestBody ?? {}).matchAll(/#\/components\/schemas\/(\w+)/g);
  const schemas = document.components.schemas as Record<string, { properties?: object }>;
  return [...names].flatMap(([, name = '']) => Object.keys(schemas[name]?.properties ?? {}));
}

/** Hostile fields beside those of the operation, before and after the real ones. */
function stuffed(route: string, json: object): string {
  const operation = operations.find((one) => one.route === route);
  assert.ok(operation, `${route} is not in the document`);
  const extra = Object.entries(HOSTILE).filter(([field]) => !operation.fields.includes(field));
  const real = Object.entries(json);
  const fields = [...extra.slice(0, 5), ...real, ...extra.slice(5)].map(
    ([field, value]) => `${JSON.stringify(field)}:${JSON.stringify(value)}`,
  );
  return `{${[...fields, PROTOTYPES].join(',')}}`;
}

const sent = new Set<string>();

/** The whole life of a coupon, with users of its own. Resolves to the answers, without what is random in them. */
async function live(suffix: string, bodyOf: (route: string, json: object) => string) {
  const [ann, bob] = [`ann-${suffix}`, `bob-${suffix}`];
  const answers: unknown[] = [];
  const request = async (route: string, path: Record<string, string>, json: object, token?: string) => {
    sent.add(route);
    const [method = '', template = ''] = route.split(' ');
    const url = template.replace(/:(\w+)/g, (_, name) => encodeURIComponent(path[name] ?? ''));
    const answer = await client.send(method, url, {
      raw: bodyOf(route, json),
      ...(token === undefined ? {} : { token }),
    });
    const text = JSON.stringify(answer.body ?? {})
      .replaceAll(suffix, 'x')
      .replace(/[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}/g, 'uuid')
      .replace(/[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}/g, 'code')
      .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'time')
      .replace(/whsec_[^"]+/g, 'secret')
      .replace(/"id":\d+/g, '"id":1')
      .replace(/"tookMs":\d+/g, '"tookMs":1');
    answers.push([route, answer.status, text]);
    return answer;
  };
  const logIn = async (username: string, password: string) =>
    (await request('POST /api/auth', {}, { username, password })).headers.get('authorization') ?? '';
  const enter = async (username: string, kind: string) => {
    await request('POST /api/users', {}, { username, password: 'secret', kind });
    return logIn(username, 'secret');
  };
  const liveOfWebhook = async (base: string, owner: Record<string, string>, token: string) => {
    const created = await request(`POST ${base}`, owner, { url: 'https://shop.invalid/events' }, token);
    const path = { ...owner, id: String((created.body?.data as { id?: string } | undefined)?.id) };
    await request(`PATCH ${base}/:id`, path, { url: 'https://shop.invalid/moved' }, token);
    for (const action of ['pause', 'resume', 'rotate']) await request(`POST ${base}/:id/${action}`, path, {}, token);
    const tested = await request(`POST ${base}/:id/test`, path, {}, token);
    const delivery = String((tested.body?.data as { id?: number } | undefined)?.id);
    await request(`POST ${base}/:id/deliveries/:delivery/resend`, { ...path, delivery }, {}, token);
    const [row] = await system.mysql('webhooks').where({ id: path.id }).select('owner', 'url', 'state');
    await request(`DELETE ${base}/:id`, path, {}, token);
    return { ...row, owner: row?.owner?.toString().replace(suffix, 'x') };
  };
  const liveOfOperator = async () => {
    const [name, reason, token] = [`subscription-${suffix}`, 'a trial', `Bearer ${tokens.olga}`];
    await system.mysql('subscriptions').insert({ name, position: 0, failures: 3 });
    await request('POST /api/operator/subscriptions/:name/retry', { name }, { reason }, token);
    await request('POST /api/operator/subscriptions/:name/skip', { name }, { reason, event: 'none' }, token);
    const letter = { partition: '0', id: '1-1' };
    await request('POST /api/operator/dead-letters/:partition/:id/put-back', letter, { reason }, token);
    const [row] = await system.mysql('subscriptions').where({ name }).select('position', 'failures', 'error');
    return row;
  };
  const [annsToken, bobsToken] = [await enter(ann, 'seller'), await enter(bob, 'customer')];
  const coupon = { seller: ann, name: 'spring' };
  const COUPON = '/api/users/:seller/coupons/:name';
  const create = { name: 'spring', amount: 3, stock: 5, description: 'd', perCustomer: 2 };
  await request('POST /api/users/:username/coupons', { username: ann }, create, annsToken);
  const grab = async () => String((await request(`PATCH ${COUPON}`, coupon, {}, bobsToken)).body?.code);
  const code = await grab();
  await request(`POST ${COUPON}/restock`, coupon, { amount: 2 }, annsToken);
  await request(`POST ${COUPON}/terms`, coupon, { description: 'e' }, annsToken);
  await request(`POST ${COUPON}/pause`, coupon, {}, annsToken);
  await request(`POST ${COUPON}/resume`, coupon, {}, annsToken);
  await request('POST /api/users/:seller/redemptions', { seller: ann }, { code }, annsToken);
  await request('DELETE /api/users/:seller/redemptions/:code', { seller: ann, code }, {}, annsToken);
  await request('DELETE /api/users/:customer/coupons/:seller/:name', { customer: bob, ...coupon }, {}, bobsToken);
  await grab();
  await request(`POST ${COUPON}/close`, coupon, {}, annsToken);
  await request('POST /api/rehearsals', {}, { coupon: 'none', customers: 1, seconds: 0 }, annsToken);
  const webhooks = [
    await liveOfWebhook('/api/users/:username/webhooks', { username: ann }, annsToken),
    await liveOfWebhook('/api/webhooks', {}, `Bearer ${tokens.orders}`),
  ];
  const subscription = await liveOfOperator();
  await request('POST /api/auth/logout', {}, {}, bobsToken);
  await request('POST /api/auth/password', {}, { password: 'secret', newPassword: 'new secret' }, annsToken);
  const annsNewToken = await logIn(ann, 'new secret');
  await settled(system);
  const { id: _id, seller: _seller, ...fields } = await system.redis.hgetall(keys.coupon(coupon));
  const [row] = await system
    .mysql('coupons')
    .where({ seller: ann })
    .select('amount', 'pieces_left', 'stock', 'description', 'version', 'phase');
  const users = await system.mysql('users').whereIn('username', [ann, bob]).orderBy('username').select('kind');
  const events = (await loggedEvents(system, ann, 'spring')).map(({ type, version, data }) => {
    const { customer, ...rest } = withoutCode(data) as { customer?: string };
    return { type, version, customer: customer?.replace(suffix, 'x'), ...rest };
  });
  const kinds = await Promise.all([ann, bob].map((user) => system.redis.get(keys.userView(user))));
  const isLoggedIn = (await client.list(annsNewToken, ann)).status;
  return { answers, fields, row, users, events, kinds, webhooks, subscription, isLoggedIn };
}

const test = suite('attack: mass assignment');

let plain: Awaited<ReturnType<typeof live>>;
test('given the life of a coupon without further fields', async () => {
  plain = await live('plain', (_route, json) => JSON.stringify(json));
  assert.is(plain.events.length, 11);
});

test('the same requests with hostile fields have the same answers and the same effect', async () => {
  assert.equal(await live('extra', stuffed), plain);
});

test('hostile fields in each coupon of a batch have no effect', async () => {
  const token = await client.enter('ann-batch', 'seller');
  const route = 'POST /api/users/:username/coupons';
  const coupons = ['tea', 'cake'].map((name) => stuffed(route, { name, amount: 3, stock: 5 }));
  const { status } = await client.send('POST', '/api/users/ann-batch/coupons', { token, raw: `[${coupons}]` });
  assert.is(status, 201);
  const { body } = await client.list(token, 'ann-batch');
  const data = (body?.data ?? []) as Record<string, unknown>[];
  const expected = { stock: 5, description: '', amount: 3, left: 3 };
  for (const [place, name] of ['tea', 'cake'].entries()) {
    const coupon = data[place] ?? {};
    for (const [field, value] of Object.entries({ ...expected, name })) assert.is(coupon[field], value);
  }
});

test('no field has changed the prototype of objects', () => {
  assert.not.ok('polluted' in {});
  assert.type(Object.prototype.toString, 'function');
});

test('every route that changes something was sent with hostile fields', () => {
  const changing = routesOf(system).filter((route) => !route.startsWith('GET '));
  assert.equal([...sent].sort(), changing.sort());
});

test.after(async () => {
  await server.close();
  await close();
});
test.run();
