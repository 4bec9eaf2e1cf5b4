import { request } from 'node:http';
import Koa from 'koa';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createApp } from '../../src/http/app.ts';
import { createAuth } from '../../src/http/auth.ts';
import { answerErrors } from '../../src/http/errors.ts';
import { createListHandlers } from '../../src/http/lists/couponList.ts';
import { createRoutes } from '../../src/http/routes.ts';
import { lifeOf } from '../support/couponLife.ts';
import { createClient } from '../support/httpClient.ts';
import { serveApp } from '../support/serveApp.ts';
import { givenCoupon, openTestSystem, settled } from '../support/testSystem.ts';

const { system, close } = await openTestSystem();
const { url, close: closeServer } = await serveApp(createApp(system).callback());
const byRouter = await serveApp(routerAlone().callback());
const client = createClient(url);
const test = suite('the lists of coupons over HTTP');

const ann = await client.enter('ann', 'seller');
const bob = await client.enter('bob', 'customer');
const eve = await client.enter('eve', 'customer');
await client.enter('jo.e_2@x', 'seller');
await client.enter('зоя', 'seller');
for (const place of Array(45).keys()) await givenCoupon(system, 'ann', `coupon ${place} 券`, 1_000);
for (const seller of ['jo.e_2@x', 'зоя']) await givenCoupon(system, seller, 'spring', 2);
const grab = lifeOf(system, { seller: 'ann', name: 'coupon 0 券' }).grab;
await grab('bob');

/** The same routes without the middleware that answers the usual spellings before the router. */
function routerAlone(): Koa {
  const auth = createAuth(system.tokens);
  const list = createListHandlers(system, auth).route;
  const app = new Koa();
  app.use(answerErrors);
  app.use(createRoutes(system, auth, { grab: () => {}, list }).routes());
  return app;
}

interface Sent {
  status: number;
  headers: Record<string, unknown>;
  body: Buffer;
}

/** Sends the path as it is, which fetch would change. */
const send = (base: string, path: string, headers: Record<string, string>, method = 'GET') =>
  new Promise<Sent>((resolve, reject) => {
    const { hostname, port } = new URL(base);
    const sent = request({ hostname, port, path, method, headers }, async (answer) => {
      const body = Buffer.concat(await answer.toArray());
      const { date: _, ...others } = answer.headers;
      resolve({ status: answer.statusCode ?? 0, headers: others, body });
    });
    sent.on('error', reject).end();
  });
const get = (path: string, token = bob, more: Record<string, string> = {}) =>
  send(url, path, { authorization: token, ...more });

const first = '/api/users/ann/coupons';
const spellings: [path: string, status: number][] = [
  [first, 200],
  [`${first}/`, 200],
  [`${first}?page=1`, 200],
  [`${first}/?page=2`, 200],
  [`${first}?page=3`, 200],
  [`${first}?page=4`, 204],
  [`${first}?page=999999999`, 204],
  [`${first}?page=0000000002`, 200],
  [`${first}?page=9007199254740991`, 204],
  [`${first}?page=9007199254740992`, 400],
  [`${first}?page=`, 200],
  [`${first}?page=0`, 200],
  [`${first}?page=007`, 204],
  [`${first}?page=-5`, 200],
  [`${first}?page=%32`, 200],
  [`${first}?page=+2`, 400],
  [`${first}?page=2.0`, 400],
  [`${first}?page=x`, 400],
  [`${first}?page=2&page=2`, 400],
  [`${first}?page=2&`, 200],
  [`${first}?&page=2`, 200],
  [`${first}?other=x&page=2`, 200],
  [`${first}?Page=2`, 200],
  [`${first}?`, 200],
  [`${first}?status=&q=&sort=&page=2`, 200],
  [`${first}?status=on-sale`, 200],
  [`${first}//`, 404],
  ['/API/users/ann/COUPONS', 200],
  ['/api/users/%61nn/coupons', 200],
  ['/api/users/Ann/coupons', 400],
  ['/api/users/ann%20/coupons', 400],
  ['/api/users/ann%2Fcoupons/coupons', 400],
  ['/api/users//coupons', 404],
  ['/api/users/jo.e_2@x/coupons', 200],
  ['/api/users/jo.e_2%40x/coupons', 200],
  [`/api/users/${encodeURIComponent('зоя')}/coupons?page=1`, 200],
  ['/api/users/nobody/coupons', 400],
  ['/api/users/bob/coupons', 200],
  ['/api/users/bob/coupons?page=2', 204],
  ['/api/users/eve/coupons', 401],
  ['http://elsewhere/api/users/ann/coupons?page=2', 200],
];
for (const [path, status] of spellings) {
  test(`GET ${path} has the same answer with and without the way past the router`, async () => {
    const answers = await Promise.all([url, byRouter.url].map((base) => send(base, path, { authorization: bob })));

    assert.is(answers[0]?.status, status);
    // The server that has only routes does not answer 404 with a body.
    if (status !== 404) assert.equal(answers[0], answers[1]);
  });
}

for (const authorization of ['', 'x', `Bearer ${bob}`, ` ${bob} `, `${bob}x`]) {
  test(`a list with the token "${authorization.slice(0, 12)}" has the same answer with and without that way`, async () => {
    const answers = await Promise.all([url, byRouter.url].map((base) => send(base, first, { authorization })));

    assert.equal(answers[0], answers[1]);
  });
}

test('a path that is not UTF-8 gets 400, and other methods are not the list', async () => {
  assert.is((await get('/api/users/%ff/coupons')).status, 400);
  assert.is((await send(url, first, { authorization: bob }, 'PUT')).status, 405);
});

test('HEAD has the headers of the list and no body', async () => {
  const [head, list] = [await send(url, first, { authorization: bob }, 'HEAD'), await get(first)];

  assert.equal(head.headers, list.headers);
  assert.is(head.body.length, 0);
});

test('the bytes of a list are its JSON in UTF-8, with their length and the headers for caches', async () => {
  const { headers, body } = await get(`${first}?page=3`);

  const { data } = JSON.parse(body.toString());
  assert.equal(
    data.map(({ name }: { name: string }) => name),
    [40, 41, 42, 43, 44].map((place) => `coupon ${place} 券`),
  );
  assert.is(body.toString(), JSON.stringify({ errMsg: '', data }));
  assert.equal(
    [headers['content-type'], headers['content-length'], headers['cache-control']],
    ['application/json; charset=utf-8', String(body.length), 'private, no-cache'],
  );
});

test('a list that is requested after a 201 has the piece taken, while a crowd reads the same page', async () => {
  const lefts: number[] = [];
  let isOver = false;
  const crowd = Array.from({ length: 20 }, async () => {
    while (!isOver) assert.is((await get(first)).status, 200);
  });
  const name = encodeURIComponent('coupon 1 券');
  for (const place of Array(20).keys()) {
    const token = system.tokens.issue(`customer-${place}`, 'customer');
    assert.is((await client.send('PATCH', `${first}/${name}`, { token })).status, 201);
    lefts.push(JSON.parse((await get(first)).body.toString()).data[1].left);
  }
  isOver = true;
  await Promise.all(crowd);

  assert.equal(
    lefts,
    lefts.map((_, place) => 999 - place),
  );
});

const conditional: [path: string, token: string][] = [
  [first, bob],
  [`${first}?page=2`, ann],
  [`${first}?sort=name`, bob],
  ['/api/users/bob/coupons', bob],
  [`${first}/${encodeURIComponent('coupon 0 券')}`, bob],
];
for (const [path, token] of conditional) {
  test(`GET ${path} with its ETag gets 304 without a body`, async () => {
    // A sorted list is read from MySQL, which gets the grabs of the tests before a moment later.
    await settled(system);
    const { etag } = (await get(path, token)).headers as { etag: string };
    const answer = await get(path, token, { 'if-none-match': etag });

    assert.match(etag, /^"[\w-]{22}"$/);
    assert.is(answer.status, 304);
    assert.is(answer.body.length, 0);
    assert.equal([answer.headers.etag, answer.headers['cache-control']], [etag, 'private, no-cache']);
    assert.is(answer.headers['content-length'], undefined);
  });
}

const conditions: [condition: (etag: string) => string, status: number][] = [
  [(etag) => etag, 304],
  [(etag) => `W/${etag}`, 304],
  [(etag) => `"a", W/"b,c" ,${etag}, "d"`, 304],
  [() => '*', 304],
  [() => '"another"', 200],
  [() => 'W/"a", "b"', 200],
  [(etag) => etag.replaceAll('"', ''), 200],
  [(etag) => etag.replace('"', '"x'), 200],
  [(etag) => etag.replace(/"$/, 'x"'), 200],
  [() => '', 200],
];
for (const [condition, status] of conditions) {
  test(`If-None-Match: ${condition('"ETAG"')} gets ${status}`, async () => {
    const { etag } = (await get(`${first}?page=2`)).headers as { etag: string };

    assert.is((await get(`${first}?page=2`, bob, { 'if-none-match': condition(etag) })).status, status);
  });
}

test('a poller that uses fetch gets 304 too, though fetch asks for no cached answer', async () => {
  const page = `${url}${first}?page=2`;
  const etag = (await fetch(page, { headers: { authorization: bob } })).headers.get('etag') ?? '';

  assert.is((await fetch(page, { headers: { authorization: bob, 'if-none-match': etag } })).status, 304);
});

test('the ETag of a page changes with a grab and is the same for all users; that of other pages stays', async () => {
  const etags = () => Promise.all([first, `${first}?page=2`].map(async (path) => (await get(path)).headers.etag));
  const [before, other] = await etags();
  await grab('eve');

  const [after, sameOther] = await etags();

  assert.ok(before !== after);
  assert.is(other, sameOther);
  assert.is((await get(first, eve)).headers.etag, after);
  assert.is((await get(first, bob, { 'if-none-match': String(before) })).status, 200);
});

test('a page without coupons gets 204 without an ETag, also with a condition', async () => {
  const answer = await get(`${first}?page=4`, bob, { 'if-none-match': '*' });

  assert.is(answer.status, 204);
  assert.is(answer.headers.etag, undefined);
});

test('while the gate is shut, every list gets 503, with a condition too', async () => {
  await get(first);
  const { etag } = (await get(first)).headers as { etag: string };

  system.gate.shut('a test');
  const answers = await Promise.all([get(first), get(first, bob, { 'if-none-match': etag }), get(`${first}?page=02`)]);
  system.gate.clear('a test');

  for (const { status, headers } of answers) {
    assert.is(status, 503);
    assert.ok(Number(headers['retry-after']) >= 1);
    assert.is(headers.etag, undefined);
  }
});

test('after Redis was emptied, a list gets 503 and not an empty page', async () => {
  await get(first);
  await system.redis.flushall();

  assert.is((await get(first)).status, 503);
});

test.after(async () => {
  await closeServer();
  await byRouter.close();
  await close();
});
test.run();
