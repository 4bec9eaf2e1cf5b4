import { connect } from 'node:net';
import Koa from 'koa';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { serveStaticFiles } from '../../src/http/staticFiles.ts';
import { serveApp } from '../support/serveApp.ts';
import { openTestServer } from '../support/testServer.ts';

const { client, url, close } = await openTestServer();
const test = suite('static files');

/** The response to a GET with exactly this path: fetch would normalize the path. */
const raw = (path: string, header = '') =>
  new Promise<string>((resolve) => {
    const { hostname, port } = new URL(url);
    let answer = '';
    const socket = connect(Number(port), hostname, () =>
      socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n${header}Connection: close\r\n\r\n`),
    );
    socket.on('data', (chunk) => (answer += chunk));
    socket.on('close', () => resolve(answer));
  });

test('the page is at /, and its policy allows no other source and no inline script or style', async () => {
  const response = await fetch(url);
  assert.is(response.headers.get('content-type'), 'text/html; charset=utf-8');
  const policy = response.headers.get('content-security-policy') ?? '';
  assert.match(policy, "default-src 'none'");
  assert.match(policy, "frame-ancestors 'none'");
  assert.not.match(policy, 'unsafe');
  assert.is(response.headers.get('x-content-type-options'), 'nosniff');
  assert.is(response.headers.get('referrer-policy'), 'no-referrer');
  const page = await response.text();
  assert.not.match(page, /https?:|<script>|<style| style=| on\w+=/);
});

test('every file that the page refers to is served with its content type', async () => {
  const page = await (await fetch(url)).text();

  const named = [...page.matchAll(/(?:src|href)="(\/[^"]*)"/g)].map(([, path]) => path);
  assert.ok(named.length >= 5);
  for (const path of [
    ...named,
    '/console/uPlot.js',
    '/console/qr.js',
    '/console/seller/charts.js',
    '/console/customer/grab.js',
  ]) {
    const { status, headers } = await fetch(`${url}${path}`);
    assert.is(status, 200, path);
    assert.match(
      headers.get('content-type') ?? '',
      ['/', '/docs'].includes(path ?? '') ? /html/ : /css|javascript|svg/,
      path,
    );
  }
});

test('a file that a browser has cached is not sent again', async () => {
  const etag = (await fetch(url)).headers.get('etag') ?? '';

  const [head, body] = (await raw('/', `If-None-Match: ${etag}\r\n`)).split('\r\n\r\n');

  assert.match(head ?? '', /^HTTP\/1\.1 304 /);
  assert.is(body, '');
});

for (const path of ['/console/uPlot.js', '/docs/swagger-ui-bundle.js', '/openapi.json']) {
  test(`${path} is compressed only for a client that accepts gzip`, async () => {
    const sizes = await Promise.all(
      ['gzip', 'identity'].map(async (encoding) => {
        const { headers } = await fetch(`${url}${path}`, { headers: { 'accept-encoding': encoding } });
        return { length: Number(headers.get('content-length')), encoding: headers.get('content-encoding') };
      }),
    );

    assert.equal(
      sizes.map(({ encoding }) => encoding),
      ['gzip', null],
    );
    assert.ok((sizes[0]?.length ?? 0) < (sizes[1]?.length ?? 0) / 2);
  });
}

test('generated content is made once, on the first request for its path', async () => {
  let made = 0;
  const make = async () => `made ${++made}`;
  const server = await serveApp(new Koa().use(serveStaticFiles({ '/x': { type: 'text/plain', make } })).callback());
  const madeAtStart = made;

  const answers: string[] = [];
  for (const path of ['/x', '/x/', '/x']) answers.push(await (await fetch(`${server.url}${path}`)).text());
  await server.close();

  assert.is(madeAtStart, 0);
  assert.equal(answers, ['made 1', 'made 1', 'made 1']);
});

for (const path of [
  '/../package.json',
  '/console/../../package.json',
  '/console/%2e%2e/%2e%2e/package.json',
  '/console/..%2f..%2fpackage.json',
  '/console/index.html',
  '/console/',
  '/console/nothing.js',
]) {
  test(`${path} gets 404 with errMsg`, async () => {
    const answer = await raw(path);

    assert.match(answer, /^HTTP\/1\.1 404 /);
    assert.match(answer, '{"errMsg":"Not Found."}');
  });
}

test('a file answers GET and HEAD, and no POST', async () => {
  assert.is((await client.send('POST', '/', { json: {} })).status, 404);
  for (const path of ['/', '/console/app.js', '/docs', '/docs/viewer.js', '/openapi.json']) {
    const head = await fetch(`${url}${path}`, { method: 'HEAD' });
    assert.is(head.status, 200, path);
    assert.is(await head.text(), '');
  }
});

test.after(close);
test.run();
