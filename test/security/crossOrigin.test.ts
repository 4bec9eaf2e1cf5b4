import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readConfig } from '../../src/config.ts';
import { createApp } from '../../src/http/app.ts';
import { createDocument } from '../../src/http/openapi/document.ts';
import { serveApp } from '../support/serveApp.ts';
import { givenCoupon, openTestSystem } from '../support/testSystem.ts';

const { system, close } = await openTestSystem();
const test = suite('pages of other origins');
const SHOP = 'https://shop.example';
const { corsOrigins } = readConfig({ CORS_ORIGINS: `${SHOP}, http://localhost:5173` });
const closed = await serveApp(createApp(system).callback());
const open = await serveApp(createApp(system, { corsOrigins }).callback());
await givenCoupon(system, 'ann', 'spring', 5);
const bob = system.tokens.issue('bob', 'customer');

const corsHeaders = ({ headers }: Response) => [...headers].filter(([name]) => name.startsWith('access-control-'));
const namesIn = (response: Response, header: string) =>
  new Set((response.headers.get(header) ?? '').split(/, ?/).map((name) => name.toLowerCase()));
const send = (url: string, method: string, path: string, headers: Record<string, string>) =>
  fetch(`${url}${path}`, { method, headers });
const preflight = (url: string, origin: string) =>
  send(url, 'OPTIONS', '/api/users/ann/coupons/spring', {
    origin,
    'access-control-request-method': 'PATCH',
    'access-control-request-headers': 'authorization,idempotency-key',
  });
const GRAB = ['PATCH', '/api/users/ann/coupons/spring'] as const;

test('without CORS_ORIGINS no answer has a header of CORS, and no page of another origin passes a preflight', async () => {
  assert.equal(corsHeaders(await send(closed.url, ...GRAB, { origin: SHOP, authorization: bob })), []);
  assert.equal(corsHeaders(await preflight(closed.url, SHOP)), []);
});

for (const origin of corsOrigins)
  test(`${origin} is in CORS_ORIGINS: its preflight names every method and header of the API`, async () => {
    const response = await preflight(open.url, origin);
    assert.is(response.status, 204);
    assert.is(response.headers.get('access-control-allow-origin'), origin);
    assert.is(response.headers.get('vary'), 'Origin');
    const methods = new Set(
      Object.values(createDocument().paths).flatMap((path) => Object.keys(path).map((method) => method.toLowerCase())),
    );
    const allowed = namesIn(response, 'access-control-allow-methods');
    for (const method of methods) assert.ok(allowed.has(method), method);
    const headers = namesIn(response, 'access-control-allow-headers');
    for (const name of ['authorization', 'content-type', 'idempotency-key', 'if-none-match'])
      assert.ok(headers.has(name), name);
  });

const foreign = [
  'https://evil.example',
  'https://shop.example.evil.example',
  'https://evil-shop.example',
  'https://sub.shop.example',
  'http://shop.example',
  'https://shop.example:8443',
  'https://shop.example/',
  'https://SHOP.example',
  'null',
  '*',
];
for (const origin of foreign)
  test(`${origin} is not in CORS_ORIGINS: neither its preflight nor its request gets a header of CORS`, async () => {
    for (const response of [await preflight(open.url, origin), await send(open.url, 'GET', '/healthz', { origin })]) {
      assert.equal(corsHeaders(response), []);
      assert.match(response.headers.get('vary') ?? '', /\bOrigin\b/);
    }
  });

for (const [what, method, path, token] of [
  ['a grab that wins', ...GRAB, bob],
  ['a grab that is refused', ...GRAB, bob],
  ['a grab without a token', ...GRAB, ''],
  ['a list', 'GET', '/api/users/ann/coupons', bob],
  ['an error', 'GET', '/nowhere', ''],
  ['a log-in', 'POST', '/api/auth', ''],
  ['a page', 'GET', '/', ''],
] as const)
  test(`${what}: a page of the origin may read the answer and its headers, without credentials of the browser`, async () => {
    const response = await send(open.url, method, path, { origin: SHOP, authorization: token });
    assert.is(response.headers.get('access-control-allow-origin'), SHOP);
    assert.match(response.headers.get('vary') ?? '', /\bOrigin\b/);
    assert.not(response.headers.has('access-control-allow-credentials'));
    const exposed = namesIn(response, 'access-control-expose-headers');
    for (const name of ['grab-outcome', 'authorization', 'retry-after', 'etag']) assert.ok(exposed.has(name), name);
  });

test('an answer to a request without Origin varies by Origin too, so no cache serves it to a page of another origin', async () => {
  for (const [method, path] of [GRAB, ['GET', '/'], ['GET', '/nowhere']] as const) {
    const response = await send(open.url, method, path, { authorization: bob });
    assert.match(response.headers.get('vary') ?? '', /\bOrigin\b/);
    assert.equal(corsHeaders(response), []);
  }
});

for (const origins of [
  '*',
  'null',
  'shop.example',
  `${SHOP}/`,
  `${SHOP}/path`,
  'ftp://shop.example',
  `${SHOP},`,
  `${SHOP},*`,
])
  test(`CORS_ORIGINS=${origins} is refused`, () => {
    assert.throws(() => readConfig({ CORS_ORIGINS: origins }), /^CORS_ORIGINS: /);
  });

test.after(async () => {
  await closed.close();
  await open.close();
  await close();
});
test.run();
