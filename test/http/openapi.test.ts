import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { groupedCode, newCode } from '../../src/coupon/code.ts';
import { eventId } from '../../src/events.ts';
import { createApp } from '../../src/http/app.ts';
import { createAuth } from '../../src/http/auth.ts';
import { createRoutes } from '../../src/http/routes.ts';
import { keys } from '../../src/infra/keys.ts';
import { bytesToId } from '../../src/projections/log/eventRows.ts';
import type { System } from '../../src/system.ts';
import { Unavailable } from '../../src/unavailable.ts';
import { lifeOf } from '../support/couponLife.ts';
import { compareAnswers } from '../support/document.ts';
import { serveApp } from '../support/serveApp.ts';
import { openTestSystem, settled } from '../support/testSystem.ts';

// Compares the document with the routes and with the answers of a real server. The tests provoke every status of every operation;
// `send(operation, status, request)` checks the answer against the document.

const service = 'Zr5tNq1wVb7kXe4uHs9cMy2gLp8jFd6o';
const operatorToken = 'k7Qz0vTn4sWc9yLxE2rGu8hBfJ6mPd3a';
const { system, config, close } = await openTestSystem({
  MAX_STREAMS_PER_USER: '1',
  SERVICE_TOKENS: `orders=${service}`,
  OPERATOR_TOKENS: `olga=${operatorToken}`,
});
const rehearsals = { ...system.rehearsals, allowed: true };
const served: System = { ...system, rehearsals };
const server = await serveApp(createApp(served).callback());

const test = suite('the OpenAPI document');
const { operations, exampleOf, send, answered } = compareAnswers(server.url);

const enter = async (username: string, kind: string) => {
  await send('registerUser', 201, { body: { ...exampleOf('registerUser'), username, kind } });
  const { headers } = await send('logIn', 200, { body: { ...exampleOf('logIn'), username } });
  return headers.get('authorization') ?? '';
};
// Without this Cache-Control, fetch would send no-cache.
const ifNoneMatch = (etag: string | null) => ({ 'If-None-Match': etag ?? '', 'Cache-Control': 'max-age=0' });
const tooLarge = { body: { pad: 'x'.repeat(17_000) } };
const coupon = { seller: 'ann', name: 'spring' };

test('the document has exactly the routes of the server', () => {
  const routes = createRoutes(system, createAuth(system.tokens), { grab: () => {}, list: () => {} }).stack.flatMap(
    ({ path, methods }) =>
      methods
        .filter((method) => method !== 'HEAD')
        .map((method) => `${method} ${String(path).replace(/:(\w+)/g, '{$1}')}`),
  );
  const described = operations.map(({ method, path }) => `${method.toUpperCase()} ${path}`);
  assert.equal(described.sort(), routes.sort());
});

test('the answers about users and sessions match the document', async () => {
  const user = exampleOf('registerUser');
  await send('registerUser', 201, { body: user });
  await send('registerUser', 400, { body: user });
  await send('registerUser', 400, { body: { ...user, kind: 'king' } });
  await send('registerUser', 413, tooLarge);
  const { headers } = await send('logIn', 200, { body: exampleOf('logIn') });
  await send('logIn', 400, { body: 'no JSON' });
  await send('logIn', 401, { body: { ...exampleOf('logIn'), password: 'wrong' } });
  await send('logIn', 413, tooLarge);
  await send('logOut', 200, { token: headers.get('authorization') ?? '' });
  await send('logOut', 400, { body: 'no JSON' });
  await send('logOut', 413, tooLarge);
});

test('the answers to a change of the password match the document', async () => {
  const token = await enter('ivy', 'customer');
  const body = exampleOf('changePassword');
  await send('changePassword', 400, { token, body: { ...body, newPassword: '12345' } });
  await send('changePassword', 401, { body });
  await send('changePassword', 403, { token, body: { ...body, password: 'wrong' } });
  await send('changePassword', 413, { token, ...tooLarge });
  await send('changePassword', 200, { token, body });
});

test('the answers about coupons match the document', async () => {
  const { headers } = await send('logIn', 200, { body: exampleOf('logIn') });
  const ann = headers.get('authorization') ?? '';
  const bob = await enter('bob', 'customer');
  const ofAnn = { path: { username: 'ann' } };
  await send('listCoupons', 204, { ...ofAnn, token: bob });
  await send('createCoupon', 201, { ...ofAnn, token: ann, body: exampleOf('createCoupon') });
  await send('createCoupon', 400, { ...ofAnn, token: ann, body: exampleOf('createCoupon') });
  const several = ['tea', 'cake'].map((name) => ({ ...exampleOf('createCoupon'), name }));
  await send('createCoupon', 201, { ...ofAnn, token: ann, body: several });
  await send('createCoupon', 400, { ...ofAnn, token: ann, body: several });
  await send('createCoupon', 401, { ...ofAnn, token: bob, body: exampleOf('createCoupon') });
  await send('createCoupon', 413, { ...ofAnn, token: ann, ...tooLarge });

  const key = (value: string) => ({ 'Idempotency-Key': value });
  await send('grabCoupon', 201, { path: coupon, token: bob, headers: key('k') });
  await send('grabCoupon', 204, { path: coupon, token: bob });
  await send('grabCoupon', 204, { path: { ...coupon, name: 'none' }, token: bob });
  await send('grabCoupon', 400, { path: coupon, token: bob, headers: key('x'.repeat(65)) });
  await send('grabCoupon', 401, { path: coupon, token: ann });
  await send('grabCoupon', 413, { path: coupon, token: bob, ...tooLarge });
  await send('grabCoupon', 422, { path: { ...coupon, name: 'other' }, token: bob, headers: key('k') });

  const list = await send('listCoupons', 200, { ...ofAnn, token: bob });
  await send('listCoupons', 304, {
    ...ofAnn,
    token: bob,
    headers: { 'If-None-Match': list.headers.get('etag') ?? '' },
  });
  await send('listCoupons', 200, { path: { username: 'bob' }, token: bob });
  await send('listCoupons', 400, { ...ofAnn, token: bob, query: '?page=x' });
  await send('listCoupons', 401, { ...ofAnn });
  await send('listCoupons', 401, { path: { username: 'bob' }, token: ann });
});

test('the answers of lists of a coupon match the document', async () => {
  const fay = await enter('fay', 'seller');
  const kim = await enter('kim', 'customer');
  const ofFay = { path: { username: 'fay' }, token: kim };
  const life = lifeOf(system, { seller: 'fay', name: 'summer' });
  await life.create(3, { startsAt: 1, endsAt: 4e15, validFrom: 1, validUntil: 4e15, perCustomer: 3 });
  await life.redeem(await life.grab('kim'));
  const code = await life.grab('kim');
  await life.redeem(code);
  await life.undo(code);
  await life.release('kim', await life.grab('kim'));
  await life.restock(2);
  await life.change({ stock: 7 });
  await life.pause();
  await life.resume();
  await settled(system);
  await send('listCoupons', 200, { path: { username: 'kim' }, token: kim });
  await send('listCoupons', 200, { ...ofFay, query: '?status=on-sale&q=sum&sort=ending' });
  await send('listCoupons', 204, { ...ofFay, query: '?status=closed' });
  await send('listCoupons', 400, { ...ofFay, query: '?status=x' });
  await send('listCoupons', 400, { ...ofFay, path: { username: 'kim' }, query: '?sort=name' });

  const summer = { path: { seller: 'fay', name: 'summer' } };
  const none = { path: { seller: 'fay', name: 'none' } };
  await send('readCoupon', 200, { ...summer, token: fay });
  const read = await send('readCoupon', 200, { ...summer, token: kim });
  await send('readCoupon', 304, {
    ...summer,
    token: kim,
    headers: { 'If-None-Match': read.headers.get('etag') ?? '' },
  });
  await send('readCoupon', 400, { malformedPath: '/api/users/fay/coupons/%ff', token: kim });
  await send('readCoupon', 401, summer);
  await send('readCoupon', 404, { ...none, token: kim });
  for (const id of ['listHolders', 'listHistory']) {
    await send(id, 200, { ...summer, token: fay });
    await send(id, 200, { ...summer, token: fay, query: '?after=1&limit=1' });
    await send(id, 400, { ...summer, token: fay, query: '?limit=0' });
    await send(id, 401, { ...summer, token: kim });
    await send(id, 404, { ...none, token: fay });
  }
  await send('listHolders', 200, { ...summer, token: fay, headers: { accept: 'text/csv' } });
  system.gate.shut('a test');
  await send('readCoupon', 503, { ...summer, token: kim });
  system.gate.clear('a test');
  await system.reads.mysql.destroy();
  for (const id of ['listHolders', 'listHistory']) await send(id, 503, { ...summer, token: fay });
  await send('listCoupons', 503, { ...ofFay, query: '?sort=name' });
});

test('the answers to the console match the document', async () => {
  const { headers } = await send('logIn', 200, { body: exampleOf('logIn') });
  const ann = headers.get('authorization') ?? '';
  const cid = await enter('cid', 'customer');
  await send('watchSales', 200, { query: '?seller=ann', token: cid });
  await send('watchSales', 400, { token: cid });
  await send('watchSales', 400, { query: '?seller=cid', token: cid });
  await send('watchSales', 401, { query: '?seller=ann' });
  const watcher = await enter('una', 'customer');
  const open = await fetch(`${server.url}/api/live?seller=ann`, { headers: { authorization: watcher } });
  await send('watchSales', 429, { query: '?seller=ann', token: watcher });
  await open.body?.cancel();

  const crowd = { ...exampleOf('rehearse'), customers: 5, seconds: 1 };
  await send('rehearse', 202, { token: ann, body: crowd });
  await send('rehearse', 409, { token: ann, body: crowd });
  await send('rehearse', 400, { token: ann, body: { ...crowd, coupon: 'none' } });
  await send('rehearse', 400, { token: ann, body: { ...crowd, customers: 0 } });
  await send('rehearse', 401, { token: cid, body: crowd });
  await send('rehearse', 413, { token: ann, ...tooLarge });
  rehearsals.allowed = false;
  await send('rehearse', 404, { token: ann, body: crowd });
  rehearsals.allowed = true;
});

test('the answers to changes and about pieces match the document', async () => {
  const dan = await enter('dan', 'seller');
  const joy = await enter('joy', 'customer');
  const key = (value: string) => ({ 'Idempotency-Key': value });
  const opens = Date.now() + 60_000;
  for (const more of [{ name: 'autumn' }, { name: 'gone' }, { name: 'winter', startsAt: opens, perCustomer: 2 }])
    await send('createCoupon', 201, {
      path: { username: 'dan' },
      token: dan,
      body: { ...exampleOf('createCoupon'), ...more },
      headers: key(`creation of ${more.name}`),
    });
  await send('createCoupon', 422, {
    path: { username: 'dan' },
    token: dan,
    body: exampleOf('createCoupon'),
    headers: key('creation of autumn'),
  });
  const path = { seller: 'dan', name: 'autumn' };
  await send('grabCoupon', 204, { path: { ...path, name: 'winter' }, token: joy });

  // Each change with a good body and with a bad one. The last one closes the coupon, and then all are refused.
  const changes: [id: string, body: object | undefined, bad: unknown][] = [
    ['pauseCoupon', undefined, 'no JSON'],
    ['resumeCoupon', undefined, 'no JSON'],
    ['restockCoupon', exampleOf('restockCoupon'), { amount: 0 }],
    ['changeTerms', exampleOf('changeTerms'), {}],
    ['closeCoupon', undefined, 'no JSON'],
  ];
  for (const [id, body, bad] of changes) {
    const sent = { path, token: dan, ...(body === undefined ? {} : { body }) };
    await send(id, 200, { ...sent, headers: key(id) });
    await send(id, 422, { ...sent, path: { ...path, name: 'gone' }, headers: key(id) });
    await send(id, 400, { ...sent, body: bad });
    await send(id, 401, { ...sent, token: joy });
    await send(id, 404, { ...sent, path: { ...path, name: 'nowhere' } });
    await send(id, 413, { ...sent, ...tooLarge });
  }
  for (const [id, body] of changes) await send(id, 409, { path, token: dan, ...(body === undefined ? {} : { body }) });

  const gone = { seller: 'dan', name: 'gone' };
  const won = await send('grabCoupon', 201, { path: gone, token: joy });
  const { code } = (await won.json()) as { code: string };
  const redeem = { path: { seller: 'dan' }, token: dan, body: { code } };
  const mistyped = `${code.slice(0, -1)}${code.endsWith('0') ? '1' : '0'}`;
  const other = groupedCode(newCode(0));
  await send('redeemCode', 200, { ...redeem, headers: key('redemption') });
  await send('redeemCode', 400, { ...redeem, body: { code: mistyped } });
  await send('redeemCode', 401, { ...redeem, token: joy });
  await send('redeemCode', 404, { ...redeem, body: { code: other } });
  await send('redeemCode', 409, redeem);
  await send('redeemCode', 413, { ...redeem, ...tooLarge });
  const held = { path: { customer: 'joy', ...gone }, token: joy };
  await send('releaseGrab', 409, held);
  const undo = { path: { seller: 'dan', code }, token: dan };
  await send('undoRedemption', 422, { ...undo, headers: key('redemption') });
  await send('undoRedemption', 200, { ...undo, headers: key('undo') });
  await send('undoRedemption', 400, { ...undo, path: { seller: 'dan', code: mistyped } });
  await send('undoRedemption', 401, { ...undo, token: joy });
  await send('undoRedemption', 404, { ...undo, path: { seller: 'dan', code: other } });
  await send('undoRedemption', 409, undo);
  await send('undoRedemption', 413, { ...undo, ...tooLarge });
  await send('redeemCode', 422, { ...redeem, headers: key('undo') });
  await send('releaseGrab', 400, { ...held, query: `?code=${mistyped}` });
  await send('releaseGrab', 401, { ...held, token: dan });
  await send('releaseGrab', 413, { ...held, ...tooLarge });
  await send('releaseGrab', 200, { ...held, headers: key('release') });
  await send('releaseGrab', 404, held);
  await send('releaseGrab', 422, { ...held, path: { ...held.path, name: 'autumn' }, headers: key('release') });
});

test('the answers to operators and developers match the document', async () => {
  await send('health', 200);
  await send('ready', 200);
  await send('metrics', 200);
  for (const [id, path] of [
    ['openapi', {}],
    ['asyncapi', {}],
    ['docs', {}],
    ['docsFile', { file: 'viewer.js' }],
    ['docsFile', { file: 'favicon.png' }],
    ['docsFile', { file: 'swagger-ui.css' }],
  ] as const) {
    const { headers } = await send(id, 200, { path });
    await send(id, 304, { path, headers: ifNoneMatch(headers.get('etag')) });
  }
  await send('docsFile', 404, { path: { file: 'package.json' } });
});

test('the answers to other systems match the document', async () => {
  await settled(system);
  await send('readEvents', 200, { token: `Bearer ${service}`, query: '?limit=1000' });
  await send('readEvents', 400, { token: `Bearer ${service}`, query: '?after=x' });
  await send('readEvents', 401);
  const { hasReached } = system.feed;
  system.feed.hasReached = () => Promise.reject(new Error('MySQL does not answer'));
  await send('readEvents', 503, { token: `Bearer ${service}` });
  system.feed.hasReached = hasReached;
});

test('the answers to operators match the document', async () => {
  await settled(system);
  const token = `Bearer ${operatorToken}`;
  const { operators, redis, gate } = system;
  const reads = ['readOperatorState', 'listDeadLetters', 'listDamagedCoupons', 'readCouponEvents', 'verifyCoupon'];
  const acts = ['putDeadLetterBack', 'retrySubscription', 'skipEvent'];
  await redis.sadd(keys.damagedCoupons, 'ann/spring');
  await system.mysql('subscriptions').insert({ name: 'orders', position: 0 });
  const [{ coupon_id, version }] = await system.mysql('event_log').orderBy('position').limit(1);
  const event = eventId(bytesToId(coupon_id), version);
  const letter = (partition = 3) =>
    redis.xadd(keys.deadLetters(partition), '*', 'entry', '1-1', 'reason', 'r', 'type', 'CouponClosed', 'version', '2');
  const path = { partition: '3', id: String(await letter()), name: 'orders' };
  await letter();
  const query = '?seller=ann&name=spring';

  for (const id of reads) await send(id, 200, { token, query: /Events|verify/.test(id) ? query : '' });
  await send('listDeadLetters', 200, { token, query: '?limit=1' });
  await send('readCouponEvents', 200, { token, query: `${query}&limit=1` });
  await send('listDeadLetters', 400, { token, query: '?after=16/1-1' });
  for (const id of ['readCouponEvents', 'verifyCoupon']) {
    await send(id, 400, { token });
    await send(id, 404, { token, query: '?seller=ann&name=none' });
  }
  const { verify, act, read, limit } = operators;
  operators.verify = async () => 'running';
  await send('verifyCoupon', 409, { token, query });
  operators.verify = verify;

  for (const id of acts) {
    const body = { ...exampleOf(id), event };
    await send(id, 400, { token, path, body: { ...body, reason: '' } });
    await send(id, 404, { token, path: { ...path, name: 'none', id: '1-1' }, body });
    await send(id, 413, { token, path, ...tooLarge });
  }
  await send('skipEvent', 409, { token, path, body: exampleOf('skipEvent') });
  operators.act = () => Promise.reject(new Error('MySQL does not answer'));
  operators.read = () => Promise.reject(new Unavailable('MySQL does not answer'));
  const { scard, xrange } = redis;
  const fails = () => Promise.reject(new Error('Redis does not answer'));
  Object.assign(redis, { scard: fails, xrange: fails });
  gate.shut('a test');
  for (const id of [...reads.slice(1), ...acts])
    await send(id, 503, { token, path, query, ...(acts.includes(id) ? { body: { event, reason: 'r' } } : {}) });
  gate.clear('a test');
  Object.assign(redis, { scard, xrange });
  Object.assign(operators, { act, read });

  for (const id of acts) await send(id, 200, { token, path, body: { ...exampleOf(id), event } });
  for (const id of [...reads, ...acts]) await send(id, 401, { path });
  operators.limit = () => 7;
  for (const id of [...reads, ...acts]) await send(id, 429, { token, path });
  operators.limit = limit;
  await redis.del(keys.damagedCoupons);
});
for (const [ofWhom, suffix] of [
  ['a seller', ''],
  ['the operator', 'OfOperator'],
] as const)
  test(`the answers about webhooks of ${ofWhom} match the document`, async () => {
    const token = suffix === '' ? await enter('gus', 'seller') : service;
    const send1 = (name: string, status: number, more: Parameters<typeof send>[2] = {}) =>
      send(`${name}${suffix}`, status, { token, ...more, path: { username: 'gus', ...more.path } });
    const body = exampleOf('createWebhook');
    const created = await send1('createWebhook', 201, { body });
    const { id } = ((await created.json()) as { data: { id: string } }).data;
    const path = { id };
    await send1('createWebhook', 400, { body: { url: 'https://127.0.0.1/' } });
    await send1('createWebhook', 413, tooLarge);
    await send1('listWebhooks', 200);
    await send1('moveWebhook', 200, { path, body });
    await send1('moveWebhook', 400, { path, body: { url: 'http://shop.example/' } });
    await send1('moveWebhook', 413, { path, ...tooLarge });
    for (const name of ['pauseWebhook', 'resumeWebhook', 'rotateWebhookSecret']) await send1(name, 200, { path });

    // The URL of the example leads nowhere, which is a delivery without an answer.
    const tested = await send1('testWebhook', 200, { path });
    const delivery = String(((await tested.json()) as { data: { id: number } }).data.id);
    await send1('resendDelivery', 200, { path: { id, delivery } });
    await send1('listDeliveries', 200, { path });
    await send1('listDeliveries', 400, { path, query: '?limit=0' });
    await send1('resendDelivery', 404, { path: { id, delivery: '0' } });
    await system
      .mysql('webhooks')
      .where({ id })
      .update({ secret: Buffer.alloc(60), previous_secret: null });
    for (const [name, more] of [
      ['testWebhook', path],
      ['resendDelivery', { id, delivery }],
    ] as const) {
      await send1(name, 409, { path: more });
      const { byHand } = system.webhooks as NonNullable<typeof system.webhooks>;
      Object.assign(system.webhooks as object, { byHand: async () => undefined });
      await send1(name, 429, { path: more });
      Object.assign(system.webhooks as object, { byHand });
    }

    const limit = suffix === '' ? config.webhooks.perSeller : 100;
    for (let i = 1; i < limit; i++) await send1('createWebhook', 201, { body });
    await send1('createWebhook', 409, { body });
    const all = operations.filter(
      ({ tags, operationId }) => tags.includes('webhooks') && operationId.endsWith('OfOperator') === (suffix !== ''),
    );
    for (const { operationId: name, method } of all) {
      const sent = { path: { username: 'gus', id: 'none', delivery: '1' }, ...(method === 'patch' ? { body } : {}) };
      await send(name, 401, sent);
      if (!/^(list|create)Webhook/.test(name)) await send(name, 404, { ...sent, token });
      const hasBody = method !== 'get' && !/^(create|move)Webhook/.test(name);
      if (hasBody) await send(name, 400, { path: { ...sent.path, id, delivery }, token, body: 'no JSON' });
      if (hasBody) await send(name, 413, { path: { ...sent.path, id, delivery }, token, ...tooLarge });
      if (suffix === '' && method === 'get' && !name.startsWith('listDeliveries'))
        await send(name, 400, { malformedPath: '/api/users/%ff/webhooks', token });
    }
    await send1('deleteWebhook', 200, { path });
    served.webhooks = undefined;
    await send1('listWebhooks', 404);
    await send1('createWebhook', 404, { body });
    served.webhooks = system.webhooks;
  });

test('the 503 answers match the document', async () => {
  const ann = await enter('zoe', 'seller');
  const bob = await enter('joe', 'customer');
  system.gate.shut('a test');
  await send('registerUser', 503, { body: { ...exampleOf('registerUser'), username: 'late' } });
  await send('createCoupon', 503, {
    path: { username: 'zoe' },
    token: ann,
    body: exampleOf('createCoupon'),
  });
  await send('grabCoupon', 503, { path: coupon, token: bob });
  await send('listCoupons', 503, { path: { username: 'ann' }, token: bob });
  await send('watchSales', 503, { query: '?seller=ann', token: bob });
  const path = { seller: 'zoe', name: 'spring' };
  for (const id of ['pauseCoupon', 'resumeCoupon', 'closeCoupon']) await send(id, 503, { path, token: ann });
  for (const id of ['restockCoupon', 'changeTerms']) await send(id, 503, { path, token: ann, body: exampleOf(id) });
  const code = newCode(0);
  await send('redeemCode', 503, { path, token: ann, body: { code } });
  await send('undoRedemption', 503, { path: { ...path, code }, token: ann });
  await send('releaseGrab', 503, { path: { ...path, customer: 'joe' }, token: bob });
  await send('rehearse', 503, { token: ann, body: exampleOf('rehearse') });
  await send('ready', 503);
  system.gate.clear('a test');
  await system.mysql.destroy();
  await send('logIn', 503, { body: exampleOf('logIn') });
  await send('changePassword', 503, { token: bob, body: exampleOf('changePassword') });
  await send('logOut', 503, { token: ann });
  await system.webhooks?.mysql.destroy();
  for (const { operationId, method } of operations.filter(({ tags }) => tags.includes('webhooks')))
    await send(operationId, 503, {
      path: { username: 'zoe', id: 'x', delivery: '1' },
      token: operationId.endsWith('OfOperator') ? service : ann,
      ...(/^(create|move)/.test(operationId) || method === 'patch' ? { body: exampleOf('createWebhook') } : {}),
    });
});

test('the answers to log-ins and registrations over a limit match the document', async () => {
  const { failuresPerPair, registrationsPerAddress } = config.limits;
  const times = (count: number, attempt: () => Promise<unknown>) => Promise.all(Array.from({ length: count }, attempt));
  await times(failuresPerPair, () => system.attemptLimits.logIn('ann', '127.0.0.1'));
  await times(registrationsPerAddress, () => system.attemptLimits.register('127.0.0.1'));
  await send('logIn', 429, { body: exampleOf('logIn') });
  const token = system.tokens.issue('ann', 'seller');
  await send('changePassword', 429, { token, body: exampleOf('changePassword') });
  await send('registerUser', 429, { body: exampleOf('registerUser') });
});

test('the answer to a creation over the limit of coupons matches the document', async () => {
  const { couponsPerSeller } = system.quotas;
  system.quotas.couponsPerSeller = 0;
  const token = system.tokens.issue('ann', 'seller');
  await send('createCoupon', 409, {
    path: { username: 'ann' },
    token,
    body: { ...exampleOf('createCoupon'), name: 'one-more' },
  });
  system.quotas.couponsPerSeller = couponsPerSeller;
});

const overLimit: [
  limit: 'ofAddress' | 'ofUser',
  errMsg: string,
  isLimited: (one: (typeof operations)[number]) => boolean,
][] = [
  [
    'ofAddress',
    'Too many requests from this address. Try again later.',
    ({ path }) => !['/healthz', '/readyz', '/metrics'].includes(path),
  ],
  ['ofUser', 'Too many requests of this user. Try again later.', ({ security }) => security === undefined],
];
for (const [limit, errMsg, isLimited] of overLimit) {
  for (const operation of operations) {
    const { operationId, responses } = operation;
    const examples = JSON.stringify(responses[429] ?? {});
    if (!isLimited(operation)) {
      test(`the 429 of ${operationId} has no example of a request over the limit ${limit}`, () => {
        assert.not.ok(examples.includes(errMsg));
      });
      continue;
    }
    test(`the answer of ${operationId} to a request over the limit ${limit} matches the document`, async () => {
      const path = {
        username: 'ann',
        seller: 'ann',
        customer: 'bob',
        name: 'spring',
        code: 'x',
        file: 'viewer.js',
        id: 'x',
        delivery: '1',
      };
      const { [limit]: given } = system.requestLimits;
      system.requestLimits[limit] = () => 7;
      const answer = await send(operationId, 429, { path, token: system.tokens.issue('ann', 'seller') }).finally(() => {
        system.requestLimits[limit] = given;
      });
      assert.is(((await answer.json()) as { errMsg: string }).errMsg, errMsg);
      assert.ok(examples.includes(errMsg));
    });
  }
}

test('the tests above have provoked every status in the document', () => {
  const described = operations.flatMap(({ operationId, responses }) =>
    Object.keys(responses).map((status) => `${operationId} ${status}`),
  );
  assert.equal([...answered].sort(), described.sort());
});

test.after(async () => {
  await server.close();
  await close();
});
test.run();
