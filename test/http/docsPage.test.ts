import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { viewerFiles, viewerPage } from '../../src/http/openapi/viewerFiles.ts';
import { openTestServer } from '../support/testServer.ts';

const { url, close } = await openTestServer();
const test = suite('the page that shows the API');

test('the page is served with and without a trailing slash', async () => {
  for (const path of ['/docs', '/docs/']) {
    const response = await fetch(`${url}${path}`);
    assert.is(response.status, 200);
    assert.is(response.headers.get('content-type'), 'text/html; charset=utf-8');
  }
});

test('every file that the page refers to is served by this server, and the policy allows no other source', async () => {
  const html = readFileSync(viewerPage, 'utf8');
  const { headers } = await fetch(`${url}/docs`);

  const named = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, name = '']) => name);
  assert.equal(named.sort(), [...Object.keys(viewerFiles).map((file) => `/docs/${file}`), '/openapi.json'].sort());
  for (const name of named) assert.is((await fetch(`${url}${name}`)).status, 200, name);
  const policy = headers.get('content-security-policy') ?? '';
  assert.ok(policy.startsWith("default-src 'none'"));
  assert.not.match(policy, /unsafe|https?:|\*/);
});

for (const file of [
  'package.json',
  '..%2f..%2fpackage.json',
  '%2e%2e%2fdocument.ts',
  'viewer.ts',
  'constructor',
  'a%00b',
]) {
  test(`/docs/${file} gets 404`, async () => {
    const response = await fetch(`${url}/docs/${file}`);

    assert.is(response.status, 404);
    assert.equal(await response.json(), { errMsg: 'Not Found.' });
  });
}

test('a file that a browser has cached is not sent again', async () => {
  const first = await fetch(`${url}/docs/swagger-ui-bundle.js`);
  await first.arrayBuffer();

  const again = await fetch(`${url}/docs/swagger-ui-bundle.js`, {
    // Without this Cache-Control, fetch would send no-cache.
    headers: { 'If-None-Match': first.headers.get('etag') ?? '', 'Cache-Control': 'max-age=0' },
  });

  assert.is(first.headers.get('cache-control'), 'no-cache');
  assert.equal([again.status, await again.text()], [304, '']);
});

test.after(close);
test.run();
