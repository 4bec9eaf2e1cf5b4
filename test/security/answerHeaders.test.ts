import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createGrabLine } from '../../src/commands/grabLine.ts';
import { createApp } from '../../src/http/app.ts';
import { createDocument } from '../../src/http/openapi/document.ts';
import { lifeOf } from '../support/couponLife.ts';
import { createClient } from '../support/httpClient.ts';
import { openRawSocket } from '../support/rawSocket.ts';
import { serveApp } from '../support/serveApp.ts';
import { openTestSystem, settled } from '../support/testSystem.ts';

const { system, close } = await openTestSystem();
const serve = (settings = {}, deps = {}) => serveApp(createApp({ ...system, ...deps }, settings).callback());
const server = await serve();
const test = suite('the headers of answers');

await createClient(server.url).register('ann', 'seller');
// A token for each request, since one of the requests is a log-out.
const ofAnn = () => system.tokens.issue('ann', 'seller');
const ofBob = () => system.tokens.issue('bob', 'customer');
const life = lifeOf(system, { seller: 'ann', name: 'spring' });
await life.create(2);
await lifeOf(system, { seller: 'ann', name: 'later' }).create(2, { startsAt: 4e15 });
await settled(system);

/** Throws unless a browser may neither guess the content type nor keep the answer without a question. */
function mustBeProtected({ status, headers }: Response, what: string): void {
  const cached = headers.has('etag') || status === 304;
  assert.is(headers.get('x-content-type-options'), 'nosniff', what);
  assert.match(headers.get('cache-control') ?? '', cached ? /no-cache/ : /^no-store$/, what);
}

const values: Record<string, string> = {
  username: 'ann',
  seller: 'ann',
  customer: 'bob',
  name: 'spring',
  file: 'viewer.js',
};
const operations = Object.entries(createDocument().paths).flatMap(([path, methods]) =>
  Object.keys(methods).map((method) => ({ method: method.toUpperCase(), path })),
);
for (const { method, path } of operations)
  for (const [who, token] of [
    ['no token', () => ''],
    ['a seller', ofAnn],
    ['a customer', ofBob],
  ] as const)
    test(`${method} ${path} with ${who}: the answer is protected, whatever its status`, async () => {
      const filled = path.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? 'x');
      const query = path === '/api/live' ? '?seller=ann' : '';
      const response = await fetch(`${server.url}${filled}${query}`, { method, headers: { authorization: token() } });
      mustBeProtected(response, String(response.status));
      await response.body?.cancel();
    });

for (const [what, method, path, body] of [
  ['an unknown path', 'GET', '/nowhere', undefined],
  ['an unknown method', 'PUT', '/api/users', '{}'],
  ['the methods of a path', 'OPTIONS', '/api/users', undefined],
  ['a path that is no UTF-8', 'GET', '/api/users/%ff/coupons/x', undefined],
  ['a page', 'GET', '/', undefined],
  ['a body over the limit', 'POST', '/api/users', 'x'.repeat(17_000)],
  ['HEAD of a stream', 'HEAD', '/api/live?seller=ann', undefined],
  ['an empty page of a list', 'GET', '/api/users/ann/coupons?page=9', undefined],
  ['a list', 'GET', '/api/users/ann/coupons', undefined],
  ['a download', 'GET', '/api/users/ann/coupons/spring/holders', undefined],
] as const)
  test(`the answer to ${what} is protected`, async () => {
    const headers = { authorization: ofAnn(), ...(what === 'a download' ? { accept: 'text/csv' } : {}) };
    const response = await fetch(`${server.url}${path}`, { method, headers, ...(body === undefined ? {} : { body }) });
    mustBeProtected(response, String(response.status));
    await response.body?.cancel();
  });

test('the answer 304 is protected', async () => {
  const read = (more: object) =>
    fetch(`${server.url}/api/users/ann/coupons`, { headers: { authorization: ofBob(), ...more } });
  const { headers } = await read({});
  const again = await read({ 'if-none-match': headers.get('etag') ?? '' });
  assert.is(again.status, 304);
  mustBeProtected(again, '304');
});

test('every outcome of a grab is protected', async () => {
  const outcomes = new Set<string>();
  const grab = async (name: string, customer: string, url = server.url) => {
    const response = await fetch(`${url}/api/users/ann/coupons/${name}`, {
      method: 'PATCH',
      headers: { authorization: system.tokens.issue(customer, 'customer') },
    });
    const outcome = response.headers.get('grab-outcome') ?? String(response.status);
    outcomes.add(outcome);
    mustBeProtected(response, outcome);
  };
  const coupon = lifeOf(system, { seller: 'ann', name: 'rush' });
  await coupon.create(1);
  await coupon.pause();
  await grab('rush', 'kim');
  await coupon.resume();
  await grab('rush', 'kim');
  await grab('rush', 'kim');
  await grab('rush', 'joe');
  await grab('later', 'kim');
  await grab('none', 'kim');
  const full = await serve({}, { grabLine: createGrabLine(system, 0) });
  await grab('rush', 'kim', full.url);
  await full.close();
  assert.equal([...outcomes].sort(), [
    '503',
    'already-grabbed',
    'grabbed',
    'no-such-coupon',
    'not-started',
    'paused',
    'sold-out',
  ]);
});

for (const [what, bytes, status] of [
  ['bytes that are not HTTP', 'nonsense\r\n\r\n', 400],
  ['a header over the limit', `GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
  ['a request without a Host', 'GET /healthz HTTP/1.1\r\n\r\n', 400],
  ['a request with two Hosts', 'GET /healthz HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n', 400],
  ['a request with two Hosts in other letters', 'GET /healthz HTTP/1.0\r\nHost: x\r\nhOST: evil\r\n\r\n', 400],
  ['an expectation', 'GET /healthz HTTP/1.1\r\nHost: x\r\nExpect: wonders\r\n\r\n', 417],
] as const)
  test(`the answer to ${what} is ${status}, is protected, has errMsg, and ends the connection`, async () => {
    const { received, closed } = await openRawSocket(server.url, bytes);
    await closed;
    const [head = '', body = ''] = received().split('\r\n\r\n');
    assert.ok(head.startsWith(`HTTP/1.1 ${status} `), head);
    assert.match(head, /^x-content-type-options: nosniff\r$/im);
    assert.match(head, /^cache-control: no-store\r$/im);
    assert.ok(JSON.parse(body).errMsg);
  });

const TLS_TO_PROXY = { 'x-forwarded-proto': 'https' };
for (const [description, trusted, header, reported, value] of [
  ['a trusted proxy reports TLS', ['127.0.0.1'], 'x-forwarded-for', TLS_TO_PROXY, 'max-age=60'],
  [
    'the first of two proxies reports TLS',
    ['127.0.0.1'],
    'x-forwarded-for',
    { 'x-forwarded-proto': 'HTTPS, http' },
    'max-age=60',
  ],
  [
    'only the second of two proxies reports TLS',
    ['127.0.0.1'],
    'x-forwarded-for',
    { 'x-forwarded-proto': 'http, https' },
    null,
  ],
  ['a trusted proxy reports no TLS', ['127.0.0.1'], 'x-forwarded-for', { 'x-forwarded-proto': 'http' }, null],
  ['a trusted proxy reports nothing', ['127.0.0.1'], 'x-forwarded-for', {}, null],
  ['a client without a proxy claims TLS', [], 'x-forwarded-for', TLS_TO_PROXY, null],
  ['a peer that is not trusted claims TLS', ['192.0.2.1'], 'x-forwarded-for', TLS_TO_PROXY, null],
  [
    'a trusted proxy reports TLS in Forwarded',
    ['127.0.0.1'],
    'forwarded',
    { forwarded: 'for=192.0.2.9;proto=https' },
    'max-age=60',
  ],
  [
    'a trusted proxy reports no TLS in Forwarded',
    ['127.0.0.1'],
    'forwarded',
    { forwarded: 'for=192.0.2.9;proto=http' },
    null,
  ],
  ['Forwarded is malformed', ['127.0.0.1'], 'forwarded', { forwarded: 'proto=https;;=' }, null],
  ['the header of the other setting claims TLS', ['127.0.0.1'], 'forwarded', TLS_TO_PROXY, null],
  ['a peer that is not trusted claims TLS in Forwarded', [], 'forwarded', { forwarded: 'proto=https' }, null],
] as const)
  test(`Strict-Transport-Security is ${value} on every answer when ${description}`, async () => {
    const other = await serve({ hstsSeconds: 60, proxy: { trusted, header } });
    try {
      for (const [method, path] of [
        ['GET', '/healthz'],
        ['GET', '/nowhere'],
        ['GET', '/'],
        ['PATCH', '/api/users/ann/coupons/spring'],
      ] as const) {
        const { headers } = await fetch(`${other.url}${path}`, {
          method,
          headers: { authorization: ofBob(), ...reported },
        });
        assert.is(headers.get('strict-transport-security'), value, path);
      }
    } finally {
      await other.close();
    }
  });

test('without HSTS_SECONDS, no answer has Strict-Transport-Security', async () => {
  const other = await serve({ proxy: { trusted: ['127.0.0.1'], header: 'x-forwarded-for' } });
  const { headers } = await fetch(`${other.url}/healthz`, { headers: TLS_TO_PROXY });
  await other.close();
  assert.is(headers.get('strict-transport-security'), null);
});

test.after(async () => {
  await server.close();
  await close();
});
test.run();
